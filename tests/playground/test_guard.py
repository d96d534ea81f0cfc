"""Hosts, other sites, headers, cookies and sandboxes: who reaches which secrets (safety rule 23)."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from undersign.errors import PolicyError
from undersign.playground.app import create
from undersign.playground.sandbox import Sandboxes
from undersign.playground.site import Site
from undersign.playground.usage import COMMANDS, usage

PAGE = {"Accept": "text/html"}


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST:8080"])
def test_loopback_has_three_names(terminal, host):
    """Each name of this machine is served, for no DNS server can point one of them elsewhere."""
    answer = terminal.get("/get-secrets", headers={"Host": host})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example:8080", "localhost", "localhost:8081", "localhost.evil.example:8080", ""]
)
def test_another_host_is_misdirected(terminal, host):
    """A name that was made to resolve here reaches no endpoint and no page."""
    for path in ("/", "/get-secrets", "/style.css", "/nowhere"):
        assert terminal.get(path, headers={"Host": host}).status_code == 421


def test_the_usage_message_names_the_address_asked(terminal):
    """A terminal gets the tutorial's text with its own address in it, and a browser gets a page."""
    answer = terminal.get("/", headers={"Host": "127.0.0.1:8080"})
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text == usage("http://127.0.0.1:8080")

    page = terminal.get("/", headers=PAGE)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert all(f"http://localhost:8080{command.path}" in page.text for command in COMMANDS)


def test_every_answer_is_strict(terminal):
    """Page, answer, refusal and misdirection carry a policy under which no foreign code and no injected code runs."""
    for answer in (
        terminal.get("/", headers=PAGE),
        terminal.get("/static-builder"),
        terminal.get("/parser"),
        terminal.get("/nowhere"),
        terminal.get("/", headers={"Host": "evil.example"}),
    ):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "trusted-types 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert "no-store" in answer.headers["cache-control"]


def test_pages_hold_nothing_foreign(terminal):
    """A page names no file of another origin, has no inline style, script or handler, and its files are served."""
    page = terminal.get("/", headers=PAGE).text
    assert page.count("src=") == 1
    for word in (" style=", " onclick=", "<style", "javascript:", "//cdn"):
        assert word not in page
    for path, kind in (("/style.css", "text/css"), ("/playground.js", "text/javascript")):
        assert f'"{path}"' in page
        assert terminal.get(path).headers["content-type"].startswith(kind)
    assert "innerHTML" not in terminal.get("/playground.js").text


def test_terminals_share_a_sandbox_and_browsers_do_not(terminal, browser):
    """What curl sets httpie sees, what one browser sets no other sees, and neither reaches the shared secrets."""
    other = TestClient(terminal.app, base_url="http://localhost:8080", headers=PAGE)
    other.get("/")
    texts = [client.get("/get-secrets").json() for client in (terminal, browser, other)]

    assert len({found["HS256"] for found in texts}) == 3
    assert terminal.get("/get-secrets").json() == texts[0]
    assert browser.post("/refresh-secrets").json() != texts[1]
    assert terminal.get("/get-secrets").json() == texts[0]
    assert other.get("/get-secrets").json() == texts[2]


def test_a_browser_gets_its_cookie_with_any_first_page(terminal):
    """A browser whose first address is an endpoint or a refusal keeps that very sandbox."""
    for path in ("/static-builder", "/parser"):
        client = TestClient(terminal.app, base_url="http://localhost:8080", headers=PAGE)
        given = client.get(path).headers["set-cookie"]
        assert "httponly" in given.lower()
        assert "samesite=lax" in given.lower()
        assert "secure" not in given.lower()
        assert "set-cookie" not in client.get("/get-secrets").headers


def test_a_cookie_that_we_did_not_give_opens_a_new_sandbox(terminal):
    """The name of a sandbox is never taken from outside, so none can be planted."""
    planted = {"Cookie": "playground=chosen-by-another"}
    first, second = (terminal.get("/get-secrets", headers=planted) for _ in range(2))
    assert first.json() != second.json()
    assert "chosen-by-another" not in first.headers["set-cookie"]


def test_behind_tls_nobody_shares():
    """Where others can reach it, the cookie is __Host- and Secure, and each caller without one gets new secrets."""
    site = Site("https://play.example", shared=False)
    client = TestClient(create(site), base_url="https://play.example")
    first = client.get("/get-secrets")
    assert first.headers["set-cookie"].startswith("__Host-playground=")
    assert "; Secure" in first.headers["set-cookie"]
    assert "strict-transport-security" in first.headers
    assert client.get("/get-secrets").json() == first.json()
    client.cookies.clear()
    assert client.get("/get-secrets").json() != first.json()
    assert client.get("/", headers={"Host": "play.example:443"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost:8080"},
        {"Origin": "http://localhost:8000"},
        {"Origin": "null"},
    ],
)
def test_another_site_changes_no_secrets(browser, headers):
    """Neither a form, nor an image, nor a script of another origin sets or refreshes anything."""
    before = browser.get("/get-secrets").json()
    del browser.headers["Sec-Fetch-Site"]

    answers = [browser.request(method, "/refresh-secrets", headers=headers) for method in ("GET", "POST")]
    answers.append(browser.post("/set-secrets", json={"HS256": before["HS384"]}, headers=headers))
    assert [answer.status_code for answer in answers] == [403] * 3
    assert browser.get("/get-secrets").json() == before


def test_own_pages_and_programs_change_secrets(browser, terminal):
    """The site's own page, an address typed by hand and a program that is no browser all may."""
    del browser.headers["Sec-Fetch-Site"]
    for client, headers in (
        (browser, {"Sec-Fetch-Site": "same-origin"}),
        (browser, {"Sec-Fetch-Site": "none"}),
        (browser, {"Origin": "http://localhost:8080"}),
        (terminal, {}),
    ):
        assert client.post("/refresh-secrets", headers=headers).status_code == 200
    assert terminal.get("/refresh-secrets").status_code == 200
    assert browser.get("/refresh-secrets").status_code == 403  # a GET with a cookie that does not say who asks


def test_sandboxes_are_capped_and_forgotten(clock):
    """The sandbox unused for longest goes when there are too many, and each goes after an hour."""
    boxes = Sandboxes(shared=True, clock=clock, cap=3)
    names = [boxes.open(None, browser=True).name for _ in range(3)]
    boxes.open(names[0], browser=True)
    boxes.open(None, browser=True)

    assert len(boxes) == 3
    assert boxes.open(names[0], browser=True).name == ""
    assert boxes.open(names[1], browser=True).name not in {"", names[1]}
    clock.now += 3601
    assert boxes.open(names[0], browser=True).name != ""
    assert len(boxes) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://play.example",
        "play.example",
        "ftp://localhost",
        "https://play.example/x",
        "https://",
        "http://a@localhost",
    ],
)
def test_an_address_that_is_none_or_unsafe_is_refused(url):
    """Plain http beyond this machine, and what is more or less than scheme, host and port, is refused."""
    with pytest.raises(PolicyError):
        Site(url)
