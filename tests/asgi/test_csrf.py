"""CSRF protection: what a person may do, and what another site, a neighbour or a replay may not."""

from __future__ import annotations

import logging

import pytest

from tests.asgi.bank import CROSS, FORM, NOW, ORIGIN, OWN, Bank, House, call, opened, token_of
from undersign import jwk
from undersign.asgi.csrf import CSRFProtection
from undersign.errors import ReplayStoreError
from undersign.replay import MemoryReplayStore


@pytest.fixture
def house() -> House:
    """A bank of its own for each test."""
    return House()


def test_a_persons_own_form_goes_through_once(house) -> None:
    """The form from our page is served with its body untouched."""
    browser = house.browser()
    answer = browser.post("/transfer", data=FORM | {"_csrf": opened(browser)}, headers=OWN)
    assert (answer.status_code, answer.text) == (200, "done")
    ((method, path, body),) = house.bank.done
    assert (method, path) == ("POST", "/transfer")
    assert body.startswith(b"amount=100&to=B%C3%A9a+%26+%3CCo%3E&_csrf=eyJ")


def test_a_script_sends_the_token_in_the_header(house) -> None:
    """JSON goes through with the token in X-CSRF-Token, its body unread by the middleware."""
    browser = house.browser()
    opened(browser)
    token = token_of(browser.get("/").text)
    answer = browser.post("/transfer", json={"amount": 100}, headers=OWN | {"X-CSRF-Token": token})
    assert answer.status_code == 200
    assert house.bank.done[0][2] == b'{"amount":100}'


def test_an_older_browser_is_told_by_its_origin(house) -> None:
    """Without Fetch Metadata the Origin alone must be ours."""
    browser = house.browser()
    data = {"_csrf": opened(browser)}
    assert browser.post("/transfer", data=data, headers={"Origin": ORIGIN}).status_code == 200


def test_two_tabs_and_the_back_button_work(house) -> None:
    """Each rendering of a form has a token of its own, so none is in the other's way."""
    browser = house.browser()
    one, two = opened(browser), opened(browser)
    for token in (two, one):
        assert browser.post("/transfer", data={"_csrf": token}, headers=OWN).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        CROSS,
        {"Sec-Fetch-Site": "same-site", "Origin": "https://other.bank.example"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.test"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": ORIGIN},
        {"Sec-Fetch-Site": "none", "Origin": "null"},
        {"Sec-Fetch-Site": "SAME-ORIGIN"},
        {"Sec-Fetch-Site": "same-origin, cross-site"},
        {"Origin": "https://evil.test"},
        {"Origin": "null"},
        {"Origin": ORIGIN + ".evil.test"},
        {"Origin": "http://bank.example"},
        {"Origin": ORIGIN.upper()},
        {},
    ],
    ids=repr,
)
def test_a_forged_post_is_refused_even_with_a_good_token(headers, house) -> None:
    """What another site, a neighbour on the same site, or nobody sent gets a bare 403 and leaves the token unused."""
    browser = house.browser()
    token = opened(browser)
    answer = browser.post("/transfer", data=FORM | {"_csrf": token}, headers=headers)
    assert (answer.status_code, answer.text) == (403, "This request was refused.\n")
    assert house.bank.done == []
    assert browser.post("/transfer", data={"_csrf": token}, headers=OWN).status_code == 200


def test_a_header_that_comes_twice_decides_nothing(house) -> None:
    """Two Sec-Fetch-Site or Origin fields are one too many."""
    for name in ("sec-fetch-site", "origin"):
        twice = [("sec-fetch-site", "same-origin"), ("origin", ORIGIN), (name, "same-origin")]
        assert call(house.app, [], headers=twice)[0]["status"] == 403


def test_a_form_under_no_referrer_works(house) -> None:
    """Chromium sends Origin null with a page's own form there, and same-origin beside it."""
    browser = house.browser()
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": "null"}
    assert browser.post("/transfer", data={"_csrf": opened(browser)}, headers=headers).status_code == 200


def test_the_attackers_own_token_is_refused(house) -> None:
    """A token that the attacker fetched with his own session does not serve the victim's, fresh or expired."""
    attacker, victim = house.browser(), house.browser()
    opened(victim)
    token = opened(attacker)
    for later in (0, 3600):
        house.clock.now = NOW + later
        answer = victim.post("/transfer", data=FORM | {"_csrf": token}, headers=OWN)
        assert (answer.status_code, answer.text) == (403, "This request was refused.\n")
    assert house.bank.done == []
    assert len(house.store) == 0


@pytest.mark.parametrize(
    "method,path", [("POST", "/other"), ("PUT", "/transfer"), ("DELETE", "/transfer"), ("X", "/transfer")]
)
def test_a_token_of_a_harmless_form_opens_nothing_else(method, path, house) -> None:
    """A token is bound to its method and path."""
    browser = house.browser()
    headers = OWN | {"X-CSRF-Token": opened(browser)}
    assert browser.request(method, path, headers=headers).status_code == 403
    assert house.bank.done == []


def test_no_token_no_service(house) -> None:
    """A form, a script and a bare request without a token are refused, as are two tokens and garbage."""
    browser = house.browser()
    token = opened(browser)
    attempts = [
        {"data": FORM},
        {"json": FORM},
        {},
        {"data": {"_csrf": [token, token]}},
        {"data": {"_csrf": ""}},
        {"data": {"_csrf": "a.b.c"}},
        {"data": {"_csrf": token[:-1]}},
        {"content": "_csrf=" + token, "headers": {"Content-Type": "text/plain"}},
        {"json": {"_csrf": token}},
        {"files": {"a": b"x"}},
        {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}},
    ]
    for attempt in attempts:
        answer = browser.post("/transfer", **(attempt | {"headers": OWN | attempt.get("headers", {})}))
        assert (answer.status_code, answer.text) == (403, "This request was refused.\n"), attempt
    assert house.bank.done == []


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_no_header_turns_a_safe_method_into_another(name, house) -> None:
    """The application never sees a method override, so GET stays GET."""
    house.browser().get("/", headers=CROSS | {name: "DELETE"})
    assert name.lower().encode() not in dict(house.bank.scopes[0]["headers"])


def test_safe_methods_pass_from_anywhere(house) -> None:
    """A link from another site works; small letters do not make POST safe."""
    assert house.browser().get("/", headers=CROSS).status_code == 200
    assert call(house.app, [], method="get", path="/")[0]["status"] == 403


class Closed:
    """A store out of reach."""

    def consume(self, _) -> None:
        """Refuse."""
        raise ReplayStoreError("The store cannot be reached.")


def test_a_store_out_of_reach_serves_nobody() -> None:
    """Whether a token was used cannot be told, so the answer is 503, now and for the same token later."""
    house = House(replay=Closed())
    browser = house.browser()
    answer = browser.post("/transfer", data={"_csrf": opened(browser)}, headers=OWN)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert house.bank.done == []


def test_the_log_says_why_and_repeats_no_token(house, caplog) -> None:
    """The reason of each refusal is in the log of undersign.asgi.csrf, which holds no token and no input."""
    browser = house.browser()
    token = opened(browser)
    with caplog.at_level(logging.INFO, "undersign.asgi.csrf"):
        browser.post("/transfer", data=FORM | {"_csrf": token}, headers=CROSS)
        browser.post("/transfer", data=FORM | {"_csrf": token[:-2]}, headers=OWN)
    text = caplog.text
    assert "access_denied" in text
    assert "invalid_signature" in text or "invalid_base64" in text
    assert token[:40] not in text


def test_there_is_no_default_store() -> None:
    """A store in memory under four processes would accept a token four times, so one must be named (threats 54)."""
    with pytest.raises(TypeError):
        CSRFProtection(Bank(), key=jwk.generate("HS256"), origin=ORIGIN)  # type: ignore[call-arg]
    assert MemoryReplayStore()
