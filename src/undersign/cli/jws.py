"""``undersign jws``: sign any content and verify it."""

from __future__ import annotations

import argparse
import json
from typing import Any

from .. import jws
from ..encoding import b64url_encode, parse_object
from ..errors import PolicyError, TokenError
from ..jwk import Key
from .source import (
    Progress,
    escaped,
    is_large,
    key_of,
    keys_of,
    new_file,
    password_of,
    read,
    token_argument,
    token_of,
    write,
)

__all__ = ["configure", "header_argument", "header_of", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    verbs = parser.add_subparsers(metavar="VERB", dest="verb", required=True)
    sign = verbs.add_parser("sign", help="sign a file", description="Sign a file.")
    sign.add_argument(
        "payload", metavar="FILE", nargs="?", default="-", help="what to sign; - for standard input (the default)"
    )
    sign.add_argument("--key", required=True, metavar="KEY", help="a file with the private key, or a secret as a JWK")
    sign.add_argument("--alg", help="the algorithm, where the key names none")
    sign.add_argument(
        "--password-file", metavar="FILE", help="the password of an encrypted key; or $UNDERSIGN_KEY_PASSWORD"
    )
    sign.add_argument("--serialization", choices=["compact", "flattened", "general"], default="compact")
    sign.add_argument(
        "--detached", action="store_true", help="leave the content out of the result (RFC 7515 appendix F)"
    )
    sign.add_argument("--unencoded", action="store_true", help="sign the content as it is, b64=false (RFC 7797)")
    header_argument(sign)
    sign.add_argument("-o", "--output", metavar="FILE", help="a new file to write; standard output unless given")
    sign.add_argument("--json", action="store_true", help="errors as JSON")
    verify = verbs.add_parser(
        "verify", help="verify a JWS and write its content", description="Verify a JWS and write its content."
    )
    token_argument(verify)
    verify.add_argument(
        "--key", required=True, metavar="KEY", help="a file with the public key, a secret as a JWK, or a JWK Set"
    )
    verify.add_argument(
        "--alg", action="append", help="an algorithm that is accepted, for keys that name none; may be repeated"
    )
    verify.add_argument("--payload", metavar="FILE", help="the content, where it is detached")
    verify.add_argument("--policy", help="for several signatures: all_of, any_of or at_least=K")
    verify.add_argument(
        "-o", "--output", metavar="FILE", help="a new file for the content; standard output unless given"
    )
    verify.add_argument("--json", action="store_true", help="one JSON object in place of the content")


def header_argument(parser: argparse.ArgumentParser) -> None:
    """Add --header."""
    parser.add_argument("--header", metavar="JSON", help="further members of the protected header, as a JSON object")


def header_of(options: argparse.Namespace) -> dict[str, Any] | None:
    """Read --header."""
    if options.header is None:
        return None
    try:
        return dict(parse_object(options.header.encode()))
    except TokenError as error:
        raise PolicyError(
            f"--header: {error.message}", help='Write it like --header \'{"cty":"text/plain"}\'.'
        ) from None


def run(options: argparse.Namespace) -> int:
    """Carry it out."""
    (_sign if options.verb == "sign" else _verify)(options)
    return 0


def _sign(options: argparse.Namespace) -> None:
    key = key_of(options.key, alg=options.alg, password=password_of(options))
    if options.serialization == "compact" and is_large(options.payload):
        _sign_stream(options, key)
        return
    made: str | dict[str, Any] = jws.sign(
        read(options.payload),
        key,
        header=header_of(options),
        serialization=options.serialization,
        detached=options.detached,
        b64=not options.unencoded,
    )
    text = made if isinstance(made, str) else json.dumps(made, indent=2)
    write(options.output, text.encode() + b"\n")


def _sign_stream(options: argparse.Namespace, key: Key) -> None:
    with Progress("signed", options.payload) as progress:
        if options.detached:
            made = jws.sign_file(
                options.payload, key, header=header_of(options), b64=not options.unencoded, progress=progress
            )
            write(options.output, made.encode() + b"\n")
            return
        jws.sign_file(
            options.payload, key, header=header_of(options), output=new_file(options.output), progress=progress
        )


def _verify(options: argparse.Namespace) -> None:
    keys = keys_of(options.key)
    if options.payload and is_large(options.payload):
        with Progress("verified", options.payload) as progress:
            verified = jws.verify_file(
                token_of(options.token), keys, payload=options.payload, algorithms=options.alg, progress=progress
            )
        content = b""
    elif is_large(options.token):
        with Progress("verified", options.token) as progress:
            verified = jws.verify_file(
                options.token, keys, output=new_file(options.output), algorithms=options.alg, progress=progress
            )
        content = b""
    else:
        given = read(options.payload) if options.payload else None
        policy = _policy(options.policy)
        verified = jws.verify(token_of(options.token), keys, algorithms=options.alg, payload=given, policy=policy)
        content = verified.payload
    _report(options, verified, content)


def _report(options: argparse.Namespace, verified: jws.VerifiedJWS, content: bytes) -> None:
    streamed = "stream" in verified.checks
    if not options.json:
        if not streamed:
            write(options.output, content)
        return
    facts = {
        "verified": True,
        "header": dict(verified.header),
        "kid": verified.key.kid,
        "checks": list(verified.checks),
        "signatures": [
            {
                "alg": each.protected.get("alg"),
                "kid": each.key.kid if each.key else None,
                "verified": each.verified,
                "code": each.code,
            }
            for each in verified.signatures
        ],
        "payload": None if streamed else b64url_encode(content),
    }
    write(None if streamed else options.output, json.dumps(facts).encode() + b"\n")


def _policy(text: str | None) -> jws.SignaturePolicy | None:
    if text is None:
        return None
    name, _, count = text.partition("=")
    if name == "at_least" and count.isdecimal():
        return jws.at_least(int(count))
    if text == "all_of":
        return jws.all_of()
    if text == "any_of":
        return jws.any_of()
    raise PolicyError(f"--policy {escaped(text)} is not known.", help="It is all_of, any_of or at_least=K.")
