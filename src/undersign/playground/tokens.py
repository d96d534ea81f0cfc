"""What the tutorial builds and parses, with a sandbox's secrets (seed 003, sections 4, 5 and 7)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from .. import jwt
from ..encoding import b64url_decode
from ..errors import ClaimTypeError, IncorrectClaimError, InvalidBase64Error, InvalidSignatureError, MissingClaimError
from ..jwt.verify import CALG
from . import java
from .sandbox import Sandbox

__all__ = ["SHORT", "Parsed", "Reading", "compressed", "fixed", "general", "parse", "parse_enforcing", "specific"]

SHORT: Final = "short-secret"
_FIXED: Final = {
    "iss": "Stormpath",
    "sub": "msilverman",
    "name": "Micah Silverman",
    "scope": "admins",
    "iat": 1466796822,
    "exp": 4622470422,
}
_TYPES: Final = dict.fromkeys(("iss", "sub", "aud", "jti"), java.STRING) | dict.fromkeys(
    ("exp", "nbf", "iat"), java.LONG
)
_ISSUER: Final = "Stormpath"
_REQUIRED: Final = {"hasMotorcycle": True}
_WAIVED: Final = ("aud", "exp", "typ")


def fixed(sandbox: Sandbox) -> str:
    """The token of hardcoded claims."""
    return general(sandbox, _FIXED)


def general(sandbox: Sandbox, claims: Mapping[str, Any]) -> str:
    """A token of any claims, in their order."""
    return jwt.builder().claims(claims).sign_with(sandbox.signing_key).compact()


def specific(sandbox: Sandbox, claims: Mapping[str, Any]) -> str:
    """A token whose registered claims have the types that the tutorial's ensureType wants."""
    for name, value in claims.items():
        _ensure_type(name, value)
    return general(sandbox, claims)


def compressed(sandbox: Sandbox, claims: Mapping[str, Any]) -> str:
    """A token whose payload is compressed as JJWT does."""
    return jwt.builder().claims(claims).compress().sign_with(sandbox.signing_key).compact()


def _ensure_type(name: str, value: object) -> None:
    wanted, found = _TYPES.get(name), java.class_of(value)
    if wanted is None or found == wanted or (wanted == java.LONG and found == java.INTEGER):
        return
    if name == "aud" and isinstance(value, list) and all(isinstance(each, str) for each in value):
        return  # RFC 7519 section 4.1.3 allows several, which the tutorial did not know
    raise ClaimTypeError(
        name,
        f"Expected type: {wanted} for registered claim: '{name}', but got value: {java.shown(value)} of type: {found}",
        help="",
    )


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read a token.

    Attributes:
        short: Whether a secret below the hash length may verify it.
        clock: The moment to judge it by.
    """

    short: bool = False
    clock: Callable[[], float] = time.time


@dataclass(frozen=True, slots=True)
class Parsed:
    """What the parser answers with."""

    body: Mapping[str, Any]
    header: Mapping[str, Any]
    signature: str


def parse(sandbox: Sandbox, token: str, reading: Reading) -> Parsed:
    """Verify a token with the secret that its algorithm has here.

    Raises:
        TokenError: It is refused. A signature that is cut counts as a wrong one, as in the tutorial.
        WeakKeyError: The secret is too short and the leniency was not named.
    """
    verifier = jwt.Verifier(
        sandbox.resolver(short=reading.short),
        waive=("iss", *_WAIVED),
        quirks=(CALG, SHORT) if reading.short else (CALG,),
        clock=reading.clock,
    )
    try:
        verified = verifier.verify(token)
    except InvalidBase64Error:
        _refuse_if_only_the_signature_is_cut(token)
        raise
    return Parsed(verified.claims, verified.header, token.rpartition(".")[2])


def parse_enforcing(sandbox: Sandbox, token: str, reading: Reading) -> Parsed:
    """Verify a token, and require the issuer and the motorcycle.

    Raises:
        TokenError: As `parse`; MissingClaimError and IncorrectClaimError have the tutorial's sentences.
    """
    parsed = parse(sandbox, token, reading)
    verifier = jwt.Verifier(
        sandbox.resolver(short=reading.short),
        issuer=_ISSUER,
        require=_REQUIRED,
        waive=_WAIVED,
        quirks=(CALG, SHORT) if reading.short else (CALG,),
        clock=reading.clock,
    )
    try:
        verifier.verify(token)
    except (MissingClaimError, IncorrectClaimError) as error:
        expected = java.shown({"iss": _ISSUER, **_REQUIRED}.get(error.claim))
        sentence = f"Expected {error.claim} claim to be: {expected}, but was"
        if error.claim in parsed.body:
            raise IncorrectClaimError(
                error.claim, f"{sentence}: {java.shown(parsed.body[error.claim])}.", help=""
            ) from None
        raise MissingClaimError(error.claim, f"{sentence} not present in the JWT claims.", help="") from None
    return parsed


def _refuse_if_only_the_signature_is_cut(token: str) -> None:
    parts = token.split(".")
    if len(parts) == 3:  # noqa: PLR2004 - RFC 7515 section 7.1
        b64url_decode(parts[0])
        b64url_decode(parts[1])
        raise InvalidSignatureError("The signature's last character is not one that its octets give.") from None
