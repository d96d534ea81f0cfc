"""Seed 004's assertion: a client proves itself at a token endpoint with its private key (RFC 7523, RFC 10070)."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode

from undersign import jwk
from undersign.errors import UndersignError
from undersign.jwt.profiles import client_assertion

ISSUER = "https://as.example"
CLIENT_ID = "reports"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

client_key = jwk.generate("RS256", size=2048)


def token_request() -> str:
    """The client's side: the form that it posts."""
    minter = client_assertion.Minter(client_key, client_id=CLIENT_ID, audience=ISSUER)
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": minter.mint(),
    }
    return urlencode(form)


def main() -> None:
    """Build a request, check it as a server does, and see it refused by another server."""
    assertion = parse_qs(token_request())["client_assertion"][0]
    verified = client_assertion.Verifier(client_key.public(), client_id=CLIENT_ID, audience=(ISSUER,)).verify(assertion)
    print("proven:", verified.claims["sub"], "to", verified.claims["aud"], "as", verified.header["typ"])

    elsewhere = client_assertion.Verifier(client_key.public(), client_id=CLIENT_ID, audience=("https://evil.example",))
    try:
        elsewhere.verify(assertion)
    except UndersignError as error:
        print("at another server:", error.code)


if __name__ == "__main__":
    main()
