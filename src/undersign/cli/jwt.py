"""``undersign jwt``: mint tokens and verify them."""

from __future__ import annotations

import argparse
import json
from typing import Any

from .. import jwt
from ..encoding import parse_object
from ..errors import PolicyError, TokenError
from .jws import header_argument, header_of
from .source import escaped, key_of, keys_of, password_of, read, token_argument, token_of, write

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    verbs = parser.add_subparsers(metavar="VERB", dest="verb", required=True)
    sign = verbs.add_parser("sign", help="mint a token", description="Mint a token.")
    sign.add_argument("claims", metavar="FILE", nargs="?", help="a file with the claims as JSON; - for standard input")
    sign.add_argument(
        "--claim",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a claim; NAME:=JSON for a value that is no string; may be repeated",
    )
    sign.add_argument("--key", required=True, metavar="KEY", help="a file with the private key, or a secret as a JWK")
    sign.add_argument("--alg", help="the algorithm, where the key names none")
    sign.add_argument(
        "--password-file", metavar="FILE", help="the password of an encrypted key; or $UNDERSIGN_KEY_PASSWORD"
    )
    sign.add_argument("--issuer", help="iss")
    sign.add_argument("--audience", action="append", help="aud; may be repeated")
    sign.add_argument("--lifetime", default="15m", help="how long it lives: 30s, 15m, 12h, 7d (15m); 'none' for no end")
    sign.add_argument("--typ", default="JWT", help="the header's typ (JWT)")
    header_argument(sign)
    sign.add_argument("-o", "--output", metavar="FILE", help="a new file to write; standard output unless given")
    sign.add_argument("--json", action="store_true", help="errors as JSON")
    _configure_verify(verbs)


def _configure_verify(verbs: Any) -> None:
    verify = verbs.add_parser(
        "verify", help="verify a token and print its claims", description="Verify a token and print its claims."
    )
    token_argument(verify)
    verify.add_argument(
        "--key", required=True, metavar="KEY", help="a file with the public key, a secret as a JWK, or a JWK Set"
    )
    verify.add_argument(
        "--alg", action="append", help="an algorithm that is accepted, for keys that name none; may be repeated"
    )
    verify.add_argument("--issuer", help="the expected iss")
    verify.add_argument("--audience", action="append", help="an accepted aud; may be repeated")
    verify.add_argument("--typ", help="the expected typ; absent or JWT unless given")
    verify.add_argument(
        "--require", action="append", default=[], metavar="NAME", help="a claim that must be there; may be repeated"
    )
    verify.add_argument(
        "--waive",
        action="append",
        default=[],
        choices=["iss", "aud", "exp", "typ"],
        help="what need not be there; may be repeated",
    )
    verify.add_argument("--leeway", default="0s", help="how far clocks may differ (0s)")
    verify.add_argument("--json", action="store_true", help="one JSON object with header, claims and checks")


def run(options: argparse.Namespace) -> int:
    """Carry it out."""
    (_sign if options.verb == "sign" else _verify)(options)
    return 0


def _sign(options: argparse.Namespace) -> None:
    audience = options.audience[0] if options.audience and len(options.audience) == 1 else options.audience
    token = jwt.sign(
        _claims(options),
        key_of(options.key, alg=options.alg, password=password_of(options)),
        issuer=options.issuer,
        audience=audience,
        lifetime=None if options.lifetime == "none" else options.lifetime,
        typ=options.typ,
        header=header_of(options),
    )
    write(options.output, token.encode() + b"\n")


def _claims(options: argparse.Namespace) -> dict[str, Any]:
    try:
        claims: dict[str, Any] = dict(parse_object(read(options.claims))) if options.claims else {}
        for text in options.claim:
            name, operator, value = _split(text)
            claims[name] = value if operator == "=" else parse_object(b'{"v":' + value.encode() + b"}")["v"]
    except TokenError as error:
        raise PolicyError(
            f"The claims are not JSON. {error.message}", help="Write --claim sub=ana, --claim admin:=true."
        ) from None
    return claims


def _split(text: str) -> tuple[str, str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise PolicyError(
            f"--claim {escaped(text)} has no value.", help="Write --claim sub=ana, or --claim admin:=true."
        )
    return (name[:-1], ":=", value) if name.endswith(":") else (name, "=", value)


def _verify(options: argparse.Namespace) -> None:
    for claim, name, given in (("iss", "issuer", options.issuer), ("aud", "audience", options.audience)):
        if not given and claim not in options.waive:
            raise PolicyError(f"No expected {name} was given.", help=f"Give --{name} VALUE, or say --waive {claim}.")
    verified = jwt.verify(
        token_of(options.token),
        keys_of(options.key),
        issuer=options.issuer,
        audience=options.audience or None,
        algorithms=options.alg,
        typ=options.typ,
        require=options.require,
        waive=options.waive,
        leeway=options.leeway,
    )
    claims = dict(verified.claims)
    facts = {"verified": True, "header": dict(verified.header), "claims": claims, "checks": list(verified.checks)}
    print(json.dumps(facts) if options.json else json.dumps(claims, indent=2))
