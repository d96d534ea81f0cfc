"""Forms behind the CSRF protection: bodies of every shape, and what comes back when one is late or sent twice."""

from __future__ import annotations

import pytest

from tests.asgi.bank import CROSS, FORM, NOW, ORIGIN, OWN, House, call, cookie_headers, opened, token_of


@pytest.fixture
def house() -> House:
    """A bank of its own for each test."""
    return House()


def test_a_form_sent_twice_is_done_once(house) -> None:
    """The second press of the button gets 409 and a page that says so, with the input and a fresh token."""
    browser = house.browser()
    data = FORM | {"_csrf": opened(browser)}
    assert browser.post("/transfer?x=1", data=data, headers=OWN).status_code == 200
    answer = browser.post("/transfer?x=1", data=data, headers=OWN)
    assert answer.status_code == 409
    assert "This form was already sent" in answer.text
    assert f'action="{ORIGIN}/transfer?x=1"' in answer.text
    assert 'name="to" value="Béa &amp; &lt;Co&gt;"' in answer.text
    assert "<Co>" not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert len(house.bank.done) == 1
    again = browser.post("/transfer?x=1", data=FORM | {"_csrf": token_of(answer.text)}, headers=OWN)
    assert again.status_code == 200


def test_an_expired_form_can_be_sent_again(house) -> None:
    """A form that was open for too long comes back with a token that works; a script gets it in a header."""
    browser = house.browser()
    token = opened(browser)
    house.clock.now = NOW + 1801
    answer = browser.post("/transfer", data=FORM | {"_csrf": token}, headers=OWN)
    assert answer.status_code == 403
    assert "This form expired" in answer.text
    fetched = browser.post("/transfer", json=FORM, headers=OWN | {"X-CSRF-Token": token})
    assert (fetched.status_code, fetched.json()["type"]) == (403, "urn:undersign:problem:form-expired")
    assert house.bank.done == []
    for fresh in (token_of(answer.text), fetched.headers["x-csrf-next"]):
        assert browser.post("/transfer", headers=OWN | {"X-CSRF-Token": fresh}).status_code == 200


@pytest.mark.parametrize("headers", [CROSS, {"Sec-Fetch-Site": "none"}, {"Sec-Fetch-Site": "same-site"}])
def test_a_forged_post_is_never_armed_again(headers, house) -> None:
    """An expired or used token in a request that our own page did not send gets nothing back (threats 38)."""
    browser = house.browser()
    used, late = opened(browser), opened(browser)
    assert browser.post("/transfer", data={"_csrf": used}, headers=OWN).status_code == 200
    house.clock.now = NOW + 1801
    for token in (used, late):
        answer = browser.post("/transfer", data=FORM | {"_csrf": token}, headers=headers)
        assert (answer.status_code, answer.text) == (403, "This request was refused.\n")
        assert "x-csrf-next" not in answer.headers


def test_a_late_form_with_a_file_is_not_shown_again(house) -> None:
    """A file cannot be written into a page, nor what was to be a PUT; the page says what to do."""
    browser = house.browser()
    token, put = opened(browser), token_of(browser.get("/put").text)
    house.clock.now = NOW + 1801
    with_file = browser.post("/transfer", data={"_csrf": token}, files={"a": b"x"}, headers=OWN)
    as_put = browser.put("/put", data=FORM | {"_csrf": put}, headers=OWN)
    for answer in (with_file, as_put):
        assert answer.status_code == 403
        assert "go back, reload the page" in answer.text
        assert "<form" not in answer.text


def test_an_application_writes_its_own_page() -> None:
    """It gets what it needs, with nothing secret in it, and its own policy for styles is not overruled."""
    house = House(page=lambda form: f"{form.reason} {form.url} {form.fields} {form.withheld} {form.token_field}")
    browser = house.browser()
    token = opened(browser)
    house.clock.now = NOW + 1801
    answer = browser.post("/transfer", data={"_csrf": token, "amount": "1", "password": "p"}, headers=OWN)
    assert answer.text == f"expired {ORIGIN}/transfer (('amount', '1'),) ('password',) _csrf"
    assert "content-security-policy" not in answer.headers


def test_after_a_day_a_form_is_no_longer_known(house) -> None:
    """A token that ended a day ago is refused like a forged one."""
    browser = house.browser()
    token = opened(browser)
    house.clock.now = NOW + 1800 + 24 * 3600 + 1
    assert browser.post("/transfer", data={"_csrf": token}, headers=OWN).text == "This request was refused.\n"


def test_passwords_codes_and_keys_are_not_written_into_the_page(house) -> None:
    """What sounds secret is asked for again, and what was typed is nowhere in the answer."""
    browser = house.browser()
    secrets = {
        "password": "hunter2-p",
        "totp_code": "123456-c",
        "api_key": "k-123",
        "privateKey": "-----BEGIN",
        "PIN": "9911",
    }
    token = opened(browser)
    house.clock.now = NOW + 1801
    page = browser.post("/transfer", data=FORM | secrets | {"_csrf": token}, headers=OWN).text
    for name, value in secrets.items():
        assert f'<input type="password" name="{name}" autocomplete="off">' in page
        assert value not in page
    assert token not in page
    assert 'name="amount" value="100"' in page


def test_a_path_of_two_slashes_does_not_send_the_form_elsewhere(house) -> None:
    """The page names our origin in full, where //evil.test alone would name another host."""
    browser = house.browser()
    browser.get("/")
    (cookie,) = browser.cookies.jar
    made = house.app._forms({"headers": [(b"cookie", f"{cookie.name}={cookie.value}".encode())]})
    token = made._minter.mint(session=made.session, action="POST //evil.test/x")
    house.clock.now = NOW + 1801
    headers = [
        *(("sec-fetch-site", "same-origin"), ("cookie", f"{cookie.name}={cookie.value}")),
        ("content-type", "application/x-www-form-urlencoded"),
    ]
    body = {"type": "http.request", "body": b"_csrf=" + token.encode()}
    _, page = call(house.app, [body], path="//evil.test/x", headers=headers)
    assert b'action="https://bank.example//evil.test/x"' in page["body"]


def test_a_form_with_a_file_is_passed_on_untouched(house) -> None:
    """The token stands first, the file behind it is never held, and the body arrives as it was sent."""
    browser = house.browser()
    files = {"document": ("a.bin", b"\r\n--x" * 700_000)}
    answer = browser.post("/transfer", data={"_csrf": opened(browser)}, files=files, headers=OWN)
    assert answer.status_code == 200
    body = house.bank.done[0][2]
    assert body.count(b"\r\n--x") == 700_000
    assert body.endswith(b"--\r\n")


def test_only_so_much_is_read_for_a_token(house) -> None:
    """A form, or what stands before the token in one with files, may be as long as the limit and no longer."""
    browser = house.browser()
    token = opened(browser)
    for sent in (
        {"data": {"_csrf": token, "note": "x" * 2**20}},
        {"files": [("a", ("a.bin", b"x" * 2**20)), ("_csrf", (None, token))]},
    ):
        assert browser.post("/transfer", headers=OWN, **sent).status_code == 413
    assert house.bank.done == []


def test_a_body_in_drops_costs_no_more_than_one(house) -> None:
    """A form with a file that comes octet by octet is looked through a few dozen times, not once for each octet."""
    token, headers = cookie_headers(house)
    text = f'--b\r\nContent-Disposition: form-data; name="note"\r\n\r\n{"x" * 60_000}\r\n'
    text += f'--b\r\nContent-Disposition: form-data; name="_csrf"\r\n\r\n{token}\r\n--b--\r\n'
    drops = [{"type": "http.request", "body": bytes([octet]), "more_body": True} for octet in text.encode()]
    headers.append(("content-type", "multipart/form-data; boundary=b"))
    sent = call(house.app, [*drops, {"type": "http.request"}], headers=headers)
    assert sent[0]["status"] == 200
    assert house.bank.done[0][2] == text.encode()


@pytest.mark.parametrize(
    "media_type,body",
    [
        ("multipart/form-data; boundary=b", b"preamble\r\n--b\r\n"),
        ("application/x-www-form-urlencoded", b"_csrf=\xff"),
        ("application/x-www-form-urlencoded", b"a=1&" * 2000),
    ],
)
def test_a_form_that_no_browser_sends_is_refused(media_type, body, house) -> None:
    """A preamble, raw octets or a thousand fields give 400, and the application hears nothing."""
    _, headers = cookie_headers(house)
    headers.append(("content-type", media_type))
    assert call(house.app, [{"type": "http.request", "body": body}], headers=headers)[0]["status"] == 400
    assert house.bank.done == []


def test_a_field_is_only_a_field(house) -> None:
    """A file of the token's name, or a name inside a file's name, is not the token."""
    token, headers = cookie_headers(house)
    headers.append(("content-type", "multipart/form-data; boundary=b"))
    for disposition in ('form-data; name="_csrf"; filename="x"', 'form-data; name="a"; filename="; name="_csrf"'):
        body = f"--b\r\nContent-Disposition: {disposition}\r\n\r\n{token}\r\n--b--\r\n".encode()
        assert call(house.app, [{"type": "http.request", "body": body}], headers=headers)[0]["status"] == 403


def test_who_goes_away_is_not_answered(house) -> None:
    """A caller that leaves while the form is read gets nothing, and the application hears nothing."""
    _, headers = cookie_headers(house)
    headers.append(("content-type", "application/x-www-form-urlencoded"))
    assert call(house.app, [{"type": "http.request", "body": b"a", "more_body": True}], headers=headers) == []
    assert house.bank.done == []
