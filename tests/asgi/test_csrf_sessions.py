"""Sessions behind the CSRF protection: its cookie, the application's own, exempt paths and WebSockets."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient, WebSocketDenialResponse

from tests.asgi.bank import CROSS, KEY, ORIGIN, OWN, House, call, cookie_headers, opened
from undersign import jwk
from undersign.asgi.csrf import CSRFProtection, forms
from undersign.errors import PolicyError


@pytest.fixture
def house() -> House:
    """A bank of its own for each test."""
    return House()


def test_the_cookie_on_https_has_the_host_prefix(house) -> None:
    """A page with a form sets the __Host- cookie once, is not cached, and varies by it; other pages set nothing."""
    browser = house.browser()
    answer = browser.get("/")
    name, _, rest = answer.headers["set-cookie"].partition("=")
    assert name == "__Host-undersign-csrf"
    assert rest.partition("; ")[2] == "Path=/; HttpOnly; SameSite=Lax; Secure"
    assert (answer.headers["cache-control"], answer.headers["vary"]) == ("no-store", "cookie")
    assert "set-cookie" not in browser.get("/").headers
    plain = house.browser().get("/plain")
    assert ("set-cookie" in plain.headers, plain.headers["cache-control"]) == (False, "public")


@pytest.mark.parametrize("origin", ["http://localhost:8080", "http://127.0.0.1:8080", "http://[::1]:8080"])
def test_the_cookie_over_http_on_loopback_is_a_plain_one(origin) -> None:
    """There the cookie has neither the prefix nor Secure, and the form works (safety rule 23)."""
    house = House(origin=origin)
    cookie = call(house.app, [], method="GET", path="/")[0]["headers"][-3]
    assert cookie[0] == b"set-cookie"
    assert cookie[1].startswith(b"undersign-csrf=")
    assert cookie[1].endswith(b"; Path=/; HttpOnly; SameSite=Lax")


@pytest.mark.parametrize(
    "origin",
    [
        *("http://bank.example", "http://localhost.evil.test", "https://bank.example/", "https://bank.example:443"),
        *("https://BANK.example", "bank.example", "https://a@b", "null", "", "https://bank.example\n"),
    ],
)
def test_an_origin_that_protects_nothing_is_refused(origin) -> None:
    """Plain http off loopback, or what no browser would send as Origin, is refused when the middleware is built."""
    with pytest.raises(PolicyError):
        House(origin=origin)


def test_a_cookie_from_a_neighbour_makes_the_session_void(house) -> None:
    """Of two cookies of the name one was tossed in by another host, so neither counts."""
    token, headers = cookie_headers(house)
    headers = [*headers, ("cookie", "__Host-undersign-csrf=" + "a" * 43), ("x-csrf-token", token)]
    assert call(house.app, [{"type": "http.request"}], headers=headers)[0]["status"] == 403


def test_a_session_that_is_no_session_is_replaced(house) -> None:
    """A cookie that this middleware cannot have set counts as none."""
    sent = call(house.app, [], method="GET", path="/", headers=[("cookie", "__Host-undersign-csrf=fixed")])
    assert b"set-cookie" in dict(sent[0]["headers"])


def test_a_login_ends_the_forms_of_before(house) -> None:
    """After renew() the browser has another session, and an anonymous form, perhaps planted, opens nothing."""
    browser = house.browser()
    before = opened(browser)
    token = forms({"undersign.csrf": house.app._forms(_cookies(browser))}).token("/login")
    assert browser.post("/login", headers=OWN | {"X-CSRF-Token": token}).status_code == 200
    assert browser.post("/transfer", headers=OWN | {"X-CSRF-Token": before}).status_code == 403
    assert browser.post("/transfer", headers=OWN | {"X-CSRF-Token": opened(browser)}).status_code == 200


def _cookies(browser) -> dict[str, object]:
    (cookie,) = browser.cookies.jar
    return {"headers": [(b"cookie", f"{cookie.name}={cookie.value}".encode())]}


def test_an_application_may_bring_its_own_sessions() -> None:
    """Tokens are bound to what session() gives; without a session nothing is minted or served."""
    house = House(session=lambda scope: dict(scope["headers"]).get(b"x-session", b"").decode())
    browser = house.browser()
    browser.headers["X-Session"] = "ana-1"
    token = opened(browser)
    with pytest.raises(PolicyError):
        house.browser().get("/")
    with pytest.raises(PolicyError):
        house.app._forms({"headers": []}).renew()
    headers = OWN | {"X-CSRF-Token": token}
    assert browser.post("/transfer", headers=headers | {"X-Session": "ben-1"}).status_code == 403
    assert browser.post("/transfer", headers=headers | {"X-Session": ""}).status_code == 403
    assert browser.post("/transfer", headers=headers).status_code == 200


def test_an_exempt_path_never_sees_a_cookie() -> None:
    """A webhook needs no token, and cannot mistake a browser's cookie for its caller."""
    house = House(exempt=("/hooks/", "/logout"))
    browser = house.browser()
    token = opened(browser)
    for path in ("/hooks/a", "/logout"):
        assert browser.post(path, headers=CROSS).status_code == 200
        assert b"cookie" not in dict(house.bank.scopes[-1]["headers"])
    for path in ("/logout/all", "/hooks", "/hooks/../transfer", "/hooks//transfer", "/hooks/%2e%2e/x", "/hooks\\x"):
        assert call(house.app, [], path=path.replace("%2e", "."), headers=CROSS.items())[0]["status"] == 403
    assert token


@pytest.mark.parametrize("wrong", ["/hooks/", ("hooks",), ("/a/../b",), ("//a",)])
def test_an_exemption_that_could_mean_more_is_refused(wrong) -> None:
    """A string, a relative path, and dot or empty segments are refused when the middleware is built."""
    with pytest.raises(PolicyError):
        House(exempt=wrong)


def test_another_sites_websocket_is_refused(house) -> None:
    """A page elsewhere cannot open a socket with our cookies; our own page and a program without any can."""
    browser = house.browser()
    for headers in (CROSS, {"Sec-Fetch-Site": "same-site"}, {"Cookie": "a=b"}):
        with pytest.raises(WebSocketDenialResponse) as caught, browser.websocket_connect("/live", headers=headers):
            pass
        assert caught.value.status_code == 403
    for headers in (OWN, {"Origin": ORIGIN}, {}):
        with browser.websocket_connect("/live", headers=headers) as socket:
            assert socket.receive_text() == "hello"


def test_a_rotated_secret_still_opens_its_forms(house) -> None:
    """A form that was opened under the previous secret is served under the new one."""
    browser = house.browser()
    token = opened(browser)
    policy = {"key": jwk.generate("HS256"), "origin": ORIGIN, "replay": house.store, "clock": house.clock}
    for previous, status in (((), 403), ((KEY,), 200)):
        app = CSRFProtection(house.bank, previous=previous, **policy)
        client = TestClient(app, base_url=ORIGIN, cookies=browser.cookies)
        assert client.post("/transfer", headers=OWN | {"X-CSRF-Token": token}).status_code == status


def test_a_server_that_cannot_answer_a_handshake_closes_it(house) -> None:
    """Without the extension for answers the socket is closed for a violation of policy; lifespan goes through."""
    headers = [("origin", "https://evil.test")]
    sent = call(house.app, [{"type": "websocket.connect"}], type="websocket", path="/live", headers=headers)
    assert sent == [{"type": "websocket.close", "code": 1008}]
    seen: list[object] = []

    async def inner(scope, _, __) -> None:
        seen.append(scope["type"])

    policy = {"key": KEY, "origin": ORIGIN, "replay": house.store}
    call(CSRFProtection(inner, **policy), [], type="lifespan")
    assert seen == ["lifespan"]


def test_forms_need_the_middleware_and_a_path() -> None:
    """Minting outside the middleware, for no plain path, or after the answer began, is a mistake that says so."""
    with pytest.raises(PolicyError, match="CSRFProtection"):
        forms({})
    made = House().app._forms({"headers": []})
    for path in ("transfer", "//evil.test", "/a?b=1", "/a#b", "/a/../b", ""):
        with pytest.raises(PolicyError):
            made.token(path)
    made.start({"type": "http.response.start"})
    with pytest.raises(PolicyError, match="begun"):
        made.token("/transfer")
