"""Seed 003's commands as printed, by real httpie and curl, against a playground that runs as a process of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.playground.running import playing
from tests.seeds.printed import ANATOMY_CSRF, BIG, COMPRESSED, FORM_CSRF, GENERAL, HAPPY, INCORRECT, MISSING, STATIC

pytestmark = pytest.mark.slow

Ask = Callable[[str], "Said"]
SET_SECRETS = r"""http POST localhost:8080/set-secrets \
  HS256="Yn2kjibddFAWtnPJ2AFlL8WXmohJMCvigQggaEypa5E=" \
  HS384="VW96zL+tYlrJLNCQ0j6QPTp+d1q75n/Wa8LVvpWyG8pPZOP6AA5X7XOIlI90sDwx" \
  HS512="cd+Pr1js+w2qfT2BoCD+tPcYp9LbjpmhSMEJqUob1mcxZ7+Wmik4AYdjX+DlDjmE4yporzQ9tm7v3z/j+QbdYg=="
"""
BIG_CLAIMS = r"""\
  iss=Stormpath hasMotorcycle:=true sub=msilverman the=quick brown=fox jumped=over lazy=dog \
  somewhere=over rainbow=way up=high and=the dreams=you dreamed=of"""
USAGE = """\
Available commands (assumes httpie - https://github.com/jkbrzt/httpie):

  http http://localhost:8080/
	This usage message

  http http://localhost:8080/static-builder
	build JWT from hardcoded claims

  http POST http://localhost:8080/dynamic-builder-general claim-1=value-1 ... [claim-n=value-n]
	build JWT from passed in claims (using general claims map)

  http POST http://localhost:8080/dynamic-builder-specific claim-1=value-1 ... [claim-n=value-n]
	build JWT from passed in claims (using specific claims methods)

  http POST http://localhost:8080/dynamic-builder-compress claim-1=value-1 ... [claim-n=value-n]
	build DEFLATE compressed JWT from passed in claims

  http http://localhost:8080/parser?jwt=<jwt>
	Parse passed in JWT

  http http://localhost:8080/parser-enforce?jwt=<jwt>
	Parse passed in JWT enforcing the 'iss' registered claim and the 'hasMotorcycle' custom claim

  http http://localhost:8080/get-secrets
	Show the signing keys currently in use.

  http http://localhost:8080/refresh-secrets
	Generate new signing keys and show them.

  http POST http://localhost:8080/set-secrets
    HS256=base64-encoded-value HS384=base64-encoded-value HS512=base64-encoded-value
	Explicitly set secrets to use in the application.
""".replace("set-secrets\n", "set-secrets \n")  # the tutorial breaks this line behind a space
# Answers as the tutorial prints them, in httpie's own format.
PARSED_STATIC = """\
{
    "jws": {
        "body": {
            "exp": 4622470422,
            "iat": 1466796822,
            "iss": "Stormpath",
            "name": "Micah Silverman",
            "scope": "admins",
            "sub": "msilverman"
        },
        "header": {
            "alg": "HS256"
        },
        "signature": "kP0i_RvTAmI8mgpIkDFhRX3XthSdP-eqqFKGcU92ZIQ"
    },
    "status": "SUCCESS"
}"""
PARSED_ENFORCED = """\
{
    "jws": {
        "body": {
            "hasMotorcycle": true,
            "iss": "Stormpath",
            "sub": "msilverman"
        },
        "header": {
            "alg": "HS256"
        },
        "signature": "qrH-U6TLSVlHkZdYuqPRDtgKNr1RilFYQJtJbcgwhR0"
    },
    "status": "SUCCESS"
}"""
PARSED_COMPRESSED = """\
{
    "claims": {
        "body": {
            "and": "the",
            "brown": "fox",
            "dreamed": "of",
            "dreams": "you",
            "hasMotorcycle": true,
            "iss": "Stormpath",
            "jumped": "over",
            "lazy": "dog",
            "rainbow": "way",
            "somewhere": "over",
            "sub": "msilverman",
            "the": "quick",
            "up": "high"
        },
        "header": {
            "alg": "HS256",
            "calg": "DEF"
        },
        "signature": "3_wc-2skFBbInk0YAQ96yGWwr8r1xVdbHn-uGPTFuFE"
    },
    "status": "SUCCESS"
}"""
REFUSED = """\
{{
    "exceptionType": "{}",
    "message": "{}",
    "status": "ERROR"
}}"""
WRONG_SIGNATURE = REFUSED.format(
    "io.jsonwebtoken.SignatureException",
    "JWT signature does not match locally computed signature. "
    "JWT validity cannot be asserted and should not be trusted.",
)
WRONG_TYPE = REFUSED.format(
    "io.jsonwebtoken.JwtException",
    "Expected type: java.lang.String for registered claim: 'sub', but got value: 5 of type: java.lang.Integer",
)
MISSING_CLAIM = REFUSED.format(
    "io.jsonwebtoken.MissingClaimException",
    "Expected hasMotorcycle claim to be: true, but was not present in the JWT claims.",
)
INCORRECT_CLAIM = REFUSED.format(
    "io.jsonwebtoken.IncorrectClaimException", "Expected hasMotorcycle claim to be: true, but was: false."
)


class Said:
    """What httpie printed: the answer's status line and its body, as they stand in the tutorial."""

    def __init__(self, text: str) -> None:
        self.status = re.findall(r"^HTTP/1\.1 (.+?)\s*$", text, re.MULTILINE)[-1]
        head, _, self.body = text.partition(f"HTTP/1.1 {self.status}")[2].replace("\r", "").partition("\n\n")
        self.body = self.body.strip()
        self.headers = dict(line.lower().split(": ", 1) for line in head.strip().splitlines())
        self.asked = text.partition("HTTP/1.1 ")[0]


def _built(token: str) -> str:
    return json.dumps({"jwt": token, "status": "SUCCESS"}, indent=4)


@pytest.fixture(scope="module")
def shell(tmp_path_factory) -> Callable[[str], str]:
    """Runs a command line as printed, but for the port, in a shell; httpie reads no input and colours nothing."""
    folder = tmp_path_factory.mktemp("seed003")
    (folder / "config.json").write_text(json.dumps({"default_options": ["--ignore-stdin", "--pretty=format"]}))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(folder), "HTTPIE_CONFIG_DIR": str(folder), "NO_PROXY": "*"}
    if shutil.which("http", path=path) is None or shutil.which("curl") is None:
        pytest.skip("httpie or curl is not installed")
    with playing(folder) as port:

        def run(command: str) -> str:
            line = command.replace(":8080", f":{port}")
            done = subprocess.run(
                ["sh", "-c", line], env=environment, capture_output=True, text=True, timeout=60, check=False
            )
            assert done.stderr == "", done.stderr
            return done.stdout.replace(f":{port}", ":8080")

        run(SET_SECRETS)
        yield run


@pytest.fixture(scope="module")
def http(shell) -> Ask:
    """Runs an httpie command and gives what it printed, headers too, which the tutorial's terminal shows."""
    return lambda command: Said(shell(re.sub(r"^http (?:-v )?", "http -v ", command)))


def test_the_usage_message(shell):
    """Both addresses that the tutorial types, by httpie and by curl, show its list of commands to the letter."""
    for command in ("http localhost:8080", "http http://localhost:8080/", "curl -s http://localhost:8080/"):
        assert shell(command).strip() == USAGE.strip()


def test_set_secrets(shell, http):
    """The printed secrets are taken, shown in the same order, and shown again by get-secrets."""
    said = http(SET_SECRETS)
    assert said.status == "200 OK"
    assert list(json.loads(said.body)) == ["HS256", "HS384", "HS512"]
    assert all(f'"{text}"' in said.body for text in re.findall(r'="(.+)"', SET_SECRETS))
    assert http("http http://localhost:8080/get-secrets").body == said.body
    assert json.loads(shell("curl -s localhost:8080/get-secrets")) == json.loads(said.body)


def test_static_builder(shell, http):
    """The hardcoded claims give the printed token, by httpie and by curl."""
    assert http("http http://localhost:8080/static-builder").body == _built(STATIC.token)
    assert json.loads(shell("curl -s localhost:8080/static-builder"))["jwt"] == STATIC.token


@pytest.mark.parametrize("kind,token", [("general", GENERAL.token), ("specific", GENERAL.token)])
def test_dynamic_builders(http, kind, token):
    """The claims of the command line, in their order, give the printed token; the request is as printed too."""
    said = http(f"http -v POST localhost:8080/dynamic-builder-{kind} iss=Stormpath sub=msilverman hasMotorcycle:=true")
    assert (said.status, said.body) == ("200 OK", _built(token))
    assert said.headers["content-type"] == "application/json;charset=utf-8"
    assert said.asked.startswith(f"POST /dynamic-builder-{kind} HTTP/1.1")
    assert '{\n    "hasMotorcycle": true,\n    "iss": "Stormpath",\n    "sub": "msilverman"\n}' in said.asked


def test_a_number_as_subject(http):
    """The wrong type of the subject is answered with the sentence of ensureType, to the letter."""
    said = http("http -v POST localhost:8080/dynamic-builder-specific iss=Stormpath sub:=5 hasMotorcycle:=true")
    assert (said.status, said.body) == ("400 Bad Request", WRONG_TYPE)
    assert said.headers["content-type"] == "application/json;charset=utf-8"


def test_parser(http):
    """The static token parses into the printed answer: with jws as in section 4, with claims as in section 5."""
    said = http(f"http http://localhost:8080/parser?jwt={STATIC.token}")
    assert (said.status, said.body) == ("200 OK", PARSED_STATIC)
    assert said.headers["content-type"] == "application/json;charset=utf-8"

    said = http(f"http 'http://localhost:8080/parser?jwt={STATIC.token}&shape=claims'")
    assert said.body == PARSED_STATIC.replace('"jws": {', '"claims": {')


def test_parser_without_the_last_character(http, shell):
    """The token without its last character is answered with the printed name and sentence, as a reader met them."""
    said = http(f"http http://localhost:8080/parser?jwt={STATIC.token[:-1]}")
    assert (said.status, said.body) == ("400 Bad Request", WRONG_SIGNATURE)
    assert json.loads(shell(f"curl -s localhost:8080/parser?jwt={STATIC.token[:-1]}")) == json.loads(WRONG_SIGNATURE)


def test_parser_with_other_secrets(http, shell):
    """A reader's question: with other secrets than the printed ones, the printed token's signature does not match."""
    try:
        http("http http://localhost:8080/refresh-secrets")
        assert http(f"http http://localhost:8080/parser?jwt={STATIC.token}").body == WRONG_SIGNATURE
    finally:
        shell(SET_SECRETS)


def test_the_tokens_of_the_forms(http, shell):
    """The two tokens of a six-byte secret do not verify, weak_key refuses that secret, and a quirk reads them."""
    for printed in (ANATOMY_CSRF, FORM_CSRF):
        assert http(f"http http://localhost:8080/parser?jwt={printed.token}").body == WRONG_SIGNATURE
    assert "[weak_key]" in http("http POST localhost:8080/set-secrets HS256=c2VjcmV0").body
    try:
        http("http POST localhost:8080/set-secrets?quirk=short-secret HS256=c2VjcmV0")
        for printed in (ANATOMY_CSRF, FORM_CSRF):
            address = f"localhost:8080/parser?jwt={printed.token}&now={printed.claims['iat']}"
            assert "[weak_key]" in http(f"http '{address}'").body
            assert json.loads(http(f"http '{address}&quirk=short-secret'").body)["jws"]["body"] == printed.claims
    finally:
        shell(SET_SECRETS)


def test_parser_enforce(http):
    """The three printed tokens give the happy path, the missing claim and the incorrect one, to the letter."""
    happy = http(
        "http -v POST localhost:8080/dynamic-builder-specific \\\n  iss=Stormpath hasMotorcycle:=true sub=msilverman"
    )
    missing = http("http -v POST localhost:8080/dynamic-builder-specific iss=Stormpath sub=msilverman")
    wrong = http(
        "http -v POST localhost:8080/dynamic-builder-specific iss=Stormpath hasMotorcycle:=false sub=msilverman"
    )
    assert [said.body for said in (happy, missing, wrong)] == [_built(p.token) for p in (HAPPY, MISSING, INCORRECT)]

    answers = [http(f"http -v localhost:8080/parser-enforce?jwt={p.token}") for p in (HAPPY, MISSING, INCORRECT)]
    assert [said.status for said in answers] == ["200 OK", "400 Bad Request", "400 Bad Request"]
    assert [said.body for said in answers] == [PARSED_ENFORCED, MISSING_CLAIM, INCORRECT_CLAIM]
    assert {said.headers["cache-control"] for said in answers} == {"no-cache, no-store, max-age=0, must-revalidate"}


def test_compression(http):
    """The same claims give the printed big token and, 62 characters shorter, the printed compressed one."""
    big = http(f"http -v POST localhost:8080/dynamic-builder-specific {BIG_CLAIMS}")
    small = http(f"http -v POST localhost:8080/dynamic-builder-compress {BIG_CLAIMS}")
    assert (big.body, small.body) == (_built(BIG.token), _built(COMPRESSED))

    said = http(f"http 'localhost:8080/parser?jwt={COMPRESSED}&shape=claims'")
    assert said.body == PARSED_COMPRESSED
    assert http(f"http localhost:8080/parser?jwt={COMPRESSED}").body == said.body.replace('"claims": {', '"jws": {')


def test_refresh_secrets(http, shell):
    """New secrets are made by the printed GET, and by POST as well."""
    try:
        shown = [http(f"http {method}http://localhost:8080/refresh-secrets").body for method in ("", "POST ")]
        assert len({json.loads(body)["HS512"] for body in shown}) == 2
    finally:
        shell(SET_SECRETS)


def test_the_form_expires(shell):
    """The form's hidden field, sent back at once, is taken; a little more than thirty seconds later it is not."""
    field = r"""sed -n 's/.*name="_csrf" value="\([^"]*\)".*/\1/p'"""
    get = f"curl -s -c jar -b jar http://localhost:8080/jwt-csrf-form | {field}"
    send = "curl -s -b jar -H 'Sec-Fetch-Site: same-origin' http://localhost:8080/jwt-csrf-form -d _csrf=$token"
    said = shell(f"cd $HOME; token=$({get}); {send}; token=$({get}); sleep 31; {send}")
    assert [word in said for word in ("Sent.", "This form expired. Nothing was changed.")] == [True, True]
