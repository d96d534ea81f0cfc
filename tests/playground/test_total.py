"""Whatever is sent, the answer is one that the playground means to give: never an error of its own."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.playground.running import playing

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "hasMotorcycle"]) | st.text()
ONE_CLIENT = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@ONE_CLIENT
@given(claims=st.dictionaries(NAMES, JSON, max_size=5))
def test_any_claims_are_built_and_parsed_or_refused(terminal, claims):
    """Each builder gives a token whose parsed body is what was sent, or a refusal in the tutorial's shape."""
    for kind in ("general", "specific", "compress"):
        body = json.dumps(claims).encode()
        made = terminal.post(f"/dynamic-builder-{kind}", content=body, headers={"Content-Type": "application/json"})
        assert made.status_code in {200, 400}, made.text
        if made.status_code == 200:
            asked = {"jwt": made.json()["jwt"]}
            for path in ("/parser", "/parser-enforce"):
                found = terminal.get(path, params=asked)
                assert found.status_code in {200, 400}, found.text
                if found.status_code == 200:
                    assert found.json()["jws"]["body"] == json.loads(body)
        else:
            assert list(made.json()) == ["exceptionType", "message", "status"]
            assert made.text.isascii()


@ONE_CLIENT
@given(octets=st.binary(max_size=200), where=st.sampled_from(["jwt", "now", "shape", "quirk", "other"]))
def test_any_octets_are_answered(terminal, octets, where):
    """Any octets as a token, as another parameter or as a body are answered with 200 or a refusal."""
    token = octets if where == "jwt" else b"a.b.c"
    query = f"jwt={quote(token)}" if where == "jwt" else f"jwt=a.b.c&{where}={quote(octets)}"
    for path in ("/parser", "/parser-enforce"):
        assert terminal.get(f"{path}?{query}").status_code == 400
    for path in ("/set-secrets", "/dynamic-builder-specific"):
        said = terminal.post(path, content=octets, headers={"Content-Type": "application/json"})
        assert said.status_code in {200, 400}
    assert terminal.post("/jwt-csrf-form", content=octets).status_code == 403


@pytest.mark.slow
def test_one_token_is_taken_once_however_many_send_it(tmp_path):
    """Of 64 that send the same form at the same moment over real HTTP, one is taken and 63 are told so."""
    with playing(tmp_path) as port:

        def send(method, body=None, headers=()):
            connection = HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request(method, "/jwt-csrf-form", body, {"Host": f"localhost:{port}", **dict(headers)})
            answer = connection.getresponse()
            text = answer.read().decode()
            connection.close()
            return answer, text

        answer, page = send("GET")
        token = re.findall(r'name="_csrf" value="([^"]+)"', page)[0]
        headers = {
            "Cookie": answer.headers["Set-Cookie"].partition(";")[0],
            "Content-Type": "application/x-www-form-urlencoded",
            "Sec-Fetch-Site": "same-origin",
        }
        with ThreadPoolExecutor(64) as pool:
            sent = list(pool.map(lambda _: send("POST", f"_csrf={token}", headers), range(64)))
    assert sorted(each.status for each, _ in sent) == [200] + [409] * 63
