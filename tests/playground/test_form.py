"""The form: taken once, in time and from its own page; otherwise shown anew to its own person, or not at all."""

from __future__ import annotations

import json
import re

import pytest
from starlette.testclient import TestClient

from tests.playground.conftest import PAGE
from undersign.encoding import b64url_decode

PATH = "/jwt-csrf-form"
OWN = {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:8080"}
FIELD = re.compile(r'<input type="hidden" name="_csrf" value="([\w.-]+)">')


def token_of(answer):
    """The token in the hidden field of a page, which has exactly one."""
    (token,) = FIELD.findall(answer.text)
    return token


def send(browser, token, **headers):
    """Send the form, as the page's own button does unless told otherwise."""
    return browser.post(PATH, data={"_csrf": token}, headers=headers or OWN)


def is_bare(answer):
    """Whether an answer is a refusal with nothing in it that could be sent again."""
    return answer.status_code == 403 and answer.text == "This request was refused.\n"


def test_the_hidden_field_is_a_token_of_thirty_seconds(browser, clock):
    """The field holds a signed token with an id, its times, thirty seconds of life, and what it is bound to."""
    token = token_of(browser.get(PATH))
    header, claims = (json.loads(b64url_decode(part)) for part in token.split(".")[:2])
    assert header["typ"] == "undersign-csrf+jwt"
    assert claims["exp"] - claims["iat"] == 30
    assert claims["iat"] == claims["nbf"] == clock.now
    assert claims["act"] == f"POST {PATH}"
    assert len(b64url_decode(claims["jti"])) == 16


def test_the_form_is_taken_once(browser):
    """A fresh token is taken; sent again it is 409, nothing happens again, and the page has a token that works."""
    token = token_of(browser.get(PATH))
    assert "Sent." in send(browser, token).text

    again = send(browser, token)
    assert (again.status_code, "was sent before" in again.text) == (409, True)
    assert token_of(again) != token
    assert "Sent." in send(browser, token_of(again)).text


def test_an_expired_form_has_a_page_of_its_own(browser, clock):
    """After thirty seconds nothing is done, the page says so, and the form on it works."""
    token = token_of(browser.get(PATH))
    clock.now += 29
    other = token_of(browser.get(PATH))
    clock.now += 1
    late = send(browser, token)
    assert (late.status_code, "This form expired. Nothing was changed." in late.text) == (403, True)
    assert "style-src 'self'" in late.headers["content-security-policy"]
    assert "Sent." in send(browser, token_of(late)).text
    assert "Sent." in send(browser, other).text


def test_several_tabs_have_a_token_each(browser):
    """Forms opened side by side are all good, in any order."""
    tokens = [token_of(browser.get(PATH)) for _ in range(3)]
    assert len(set(tokens)) == 3
    assert all("Sent." in send(browser, token).text for token in reversed(tokens))


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.test"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:9000"},
        {"Sec-Fetch-Site": "same-site", "Origin": "null"},
        {"Origin": "http://localhost:9000"},
        {"Referer": "http://localhost:8080/jwt-csrf-form"},
    ],
)
@pytest.mark.parametrize("state", ["fresh", "expired", "used"])
def test_another_site_gets_a_bare_refusal(browser, clock, headers, state):
    """Even with this person's own token, fresh, expired or used, what another site sends is shown nothing."""
    token = token_of(browser.get(PATH))
    if state == "used":
        send(browser, token)
    clock.now += 30 if state == "expired" else 0
    del browser.headers["Sec-Fetch-Site"]

    assert is_bare(send(browser, token, **headers))
    if state == "fresh":
        assert "Sent." in send(browser, token).text


def test_what_is_not_this_persons_token_is_refused(browser, terminal):
    """No token, two, a dumb one, an altered one, the sandbox's own and another person's are all bare refusals."""
    other = TestClient(terminal.app, base_url="http://localhost:8080", headers=PAGE)
    foreign, own = token_of(other.get(PATH)), token_of(browser.get(PATH))
    minted = browser.post("/dynamic-builder-general", json={"jti": "x", "exp": 4622470422}, headers=OWN).json()["jwt"]

    for token in ("", "5f375db2-4f40-4e72-9907-a290507cb25e", own[:-1], own[:-1] + "!", minted, foreign):
        assert is_bare(send(browser, token))
    assert is_bare(browser.post(PATH, headers=OWN))
    assert is_bare(browser.post(PATH, content=f"_csrf={own}&_csrf={own}", headers={**OWN, "Content-Type": _FORM}))
    assert is_bare(TestClient(terminal.app, base_url="http://localhost:8080").post(PATH, data={"_csrf": own}))
    assert "Sent." in send(browser, own).text


_FORM = "application/x-www-form-urlencoded"


def test_each_name_of_this_machine_has_forms_of_its_own(terminal):
    """The form works at 127.0.0.1 as at localhost, and a token of one is none of the other."""
    tokens = {}
    for host in ("localhost:8080", "127.0.0.1:8080", "[::1]:8080"):
        client = TestClient(terminal.app, base_url=f"http://{host}", headers=PAGE)
        tokens[host] = token_of(client.get(PATH))
        own = {"Sec-Fetch-Site": "same-origin", "Origin": f"http://{host}"}
        assert all(is_bare(send(client, token, **own)) for name, token in tokens.items() if name != host)
        assert "Sent." in send(client, tokens[host], **own).text


def test_nothing_else_changes_it(browser):
    """A safe method changes nothing, an override is not read, and other methods are not served."""
    token = token_of(browser.get(PATH))
    answer = browser.get(f"{PATH}?_csrf={token}&_method=POST", headers={**OWN, "X-HTTP-Method-Override": "POST"})
    assert "Sent." not in answer.text
    assert browser.put(PATH, data={"_csrf": token}, headers=OWN).status_code in {403, 405}
    assert "Sent." in send(browser, token).text
