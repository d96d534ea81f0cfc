"""``undersign jwk``: make, inspect and convert keys."""

from __future__ import annotations

import argparse
import json
from typing import Any

from .. import jwk
from ..errors import PolicyError
from ..jwa.signature import ALGORITHMS
from ..jwk import Key
from .source import escaped, key_of, password_of, write

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    verbs = parser.add_subparsers(metavar="VERB", dest="verb", required=True)
    generate = _verb(verbs, "generate", "make a new key", key=False)
    generate.add_argument("alg", metavar="ALG", choices=list(ALGORITHMS), help=", ".join(ALGORITHMS))
    generate.add_argument("--size", type=int, help="bits, for RSA and secrets")
    generate.add_argument("--kid", help="the key ID; the RFC 7638 thumbprint unless given")
    generate.add_argument("--pem", action="store_true", help="PEM in place of JWK")
    inspect = _verb(verbs, "inspect", "say what a key is, without showing secrets")
    inspect.add_argument("--json", action="store_true", help="one JSON object")
    convert = _verb(verbs, "convert", "write a key in another form")
    convert.add_argument("--to", choices=["jwk", "pem"], required=True, help="the form to write")
    convert.add_argument("--private", action="store_true", help="the private key too; the public half unless said")
    convert.add_argument("--new-password-file", metavar="FILE", help="encrypt the private PEM with this password")
    thumbprint = _verb(verbs, "thumbprint", "print the RFC 7638 thumbprint")
    thumbprint.add_argument("--uri", action="store_true", help="as a URI (RFC 9278)")
    thumbprint.add_argument("--hash", choices=["sha256", "sha384", "sha512"], default="sha256")
    public = _verb(verbs, "public", "write the public half as a JWK")
    public.add_argument("--set", action="store_true", help="as a JWK Set, which is what [clients] and [issuers] name")


def _verb(verbs: Any, name: str, text: str, *, key: bool = True) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text[:1].upper() + text[1:] + ".")
    if key:
        parser.add_argument(
            "key", metavar="KEY", help="a file with a JWK, PEM, DER, OpenSSH key or certificate; - for standard input"
        )
        parser.add_argument("--alg", help="the algorithm it is for, where it names none")
        parser.add_argument(
            "--password-file", metavar="FILE", help="the password of an encrypted key; or $UNDERSIGN_KEY_PASSWORD"
        )
    if name != "inspect":
        parser.add_argument("--json", action="store_true", help="errors as JSON")
    if name in {"generate", "convert", "public"}:
        parser.add_argument("-o", "--output", metavar="FILE", help="a new file to write; standard output unless given")
    return parser


def run(options: argparse.Namespace) -> int:
    """Carry it out."""
    verbs = {
        "generate": _generate,
        "inspect": _inspect,
        "convert": _convert,
        "thumbprint": _thumbprint,
        "public": _public,
    }
    verbs[options.verb](options)
    return 0


def _generate(options: argparse.Namespace) -> None:
    key = jwk.generate(options.alg, kid=options.kid, size=options.size)
    text = key.to_pem(private=True) if options.pem else _jwk_text(key, private=True)
    write(options.output, text.encode(), private=True)


def _convert(options: argparse.Namespace) -> None:
    key = _loaded(options)
    if options.new_password_file and not (options.private and options.to == "pem"):
        raise PolicyError("Only a private PEM is encrypted.", help="Say --to pem --private.")
    new = None
    if options.new_password_file:
        from .source import read  # noqa: PLC0415

        new = read(options.new_password_file).rstrip(b"\r\n")
    private = options.private
    text = key.to_pem(private=private, password=new) if options.to == "pem" else _jwk_text(key, private=private)
    write(options.output, text.encode(), private=private)


def _public(options: argparse.Namespace) -> None:
    key = _loaded(options)
    text = _text({"keys": [key.to_jwk()]}) if options.set else _jwk_text(key, private=False)
    write(options.output, text.encode())


def _thumbprint(options: argparse.Namespace) -> None:
    key = _loaded(options)
    print(key.thumbprint_uri(options.hash) if options.uri else key.thumbprint(options.hash))


def _inspect(options: argparse.Namespace) -> None:
    key = _loaded(options)
    facts: dict[str, Any] = {
        "kty": key.kty,
        "crv": key.crv,
        "alg": key.alg,
        "kid": key.kid,
        "bits": key.size,
        "half": "secret" if key.kty == "oct" else "private" if key.is_private else "public",
        "use": key.use,
        "key_ops": list(key.key_ops) if key.key_ops else None,
        "thumbprint": None if key.kty == "oct" else key.thumbprint(),
        "certificates": len(key.x5c) or None,
        "unusable": key.unusable,
    }
    known = {name: value for name, value in facts.items() if value is not None}
    if options.json:
        print(json.dumps(known))
        return
    for name, value in known.items():
        print(f"{name:13}{escaped(value)}")


def _loaded(options: argparse.Namespace) -> Key:
    return key_of(options.key, alg=options.alg, password=password_of(options))


def _jwk_text(key: Key, *, private: bool) -> str:
    return _text(key.to_jwk(private=private))


def _text(members: dict[str, Any]) -> str:
    return json.dumps(members, indent=2) + "\n"
