"""A refusal as the tutorial prints it: exceptionType, message, status, and JJWT's name where JJWT has one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..errors import (
    AccessError,
    AlgorithmNotAllowedError,
    ClaimTypeError,
    ExpiredTokenError,
    IncorrectClaimError,
    InvalidSignatureError,
    KeySelectionError,
    MalformedTokenError,
    MediaTypeError,
    MissingClaimError,
    NotYetValidError,
    RequestTooLargeError,
    UndersignError,
    UnsupportedCriticalError,
    WeakKeyError,
)

__all__ = ["members", "status_of"]

_WRONG_SIGNATURE: Final = (
    "JWT signature does not match locally computed signature. "
    "JWT validity cannot be asserted and should not be trusted."
)
# The first class that fits decides, so a class stands before the one it derives from.
_NAMES: Final[tuple[tuple[type[UndersignError], str], ...]] = (
    (InvalidSignatureError, "io.jsonwebtoken.SignatureException"),
    (ClaimTypeError, "io.jsonwebtoken.JwtException"),
    (MissingClaimError, "io.jsonwebtoken.MissingClaimException"),
    (ExpiredTokenError, "io.jsonwebtoken.ExpiredJwtException"),
    (NotYetValidError, "io.jsonwebtoken.PrematureJwtException"),
    (IncorrectClaimError, "io.jsonwebtoken.IncorrectClaimException"),
    (AlgorithmNotAllowedError, "io.jsonwebtoken.UnsupportedJwtException"),
    (KeySelectionError, "io.jsonwebtoken.UnsupportedJwtException"),
    (UnsupportedCriticalError, "io.jsonwebtoken.UnsupportedJwtException"),
    (MalformedTokenError, "io.jsonwebtoken.MalformedJwtException"),
    (WeakKeyError, "io.jsonwebtoken.security.WeakKeyException"),
)
_STATUS: Final[tuple[tuple[type[UndersignError], int], ...]] = (
    (RequestTooLargeError, 413),
    (MediaTypeError, 415),
    (AccessError, 403),
)
_BAD_REQUEST: Final = 400


def members(error: UndersignError) -> Mapping[str, str]:
    """The answer's members, in the order printed; our own sentences begin with the error's stable code."""
    name = next((name for kind, name in _NAMES if isinstance(error, kind)), f"undersign.errors.{type(error).__name__}")
    return {"exceptionType": name, "message": _message(error), "status": "ERROR"}


def status_of(error: UndersignError) -> int:
    """The HTTP status: 400, as the tutorial's, unless HTTP has a better word."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), _BAD_REQUEST)


def _message(error: UndersignError) -> str:
    if isinstance(error, InvalidSignatureError):
        return _WRONG_SIGNATURE
    if not error.help:
        return error.message  # the tutorial's own sentence, whole
    return f"[{error.code}] {error.message} {error.help}"
