"""The Claims Set: what type each registered claim has, dates and lifetimes (RFC 7519 sections 2 and 4.1)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ..errors import ClaimTypeError, MissingClaimError, PolicyError, quoted

if TYPE_CHECKING:
    from datetime import timedelta

__all__ = ["LATEST", "check_jti", "check_types", "claim_date", "numeric_date", "seconds"]

_STRINGS: Final = ("iss", "sub", "jti")
LATEST: Final = 253402300799
"""The last NumericDate that is taken: the end of the year 9999."""

_LONGEST_JTI: Final = 256
_LIFETIME: Final = re.compile(r"\A([0-9]{1,9})(s|m|h|d|w)\Z")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def check_jti(claims: Mapping[str, Any]) -> str:
    """The ``jti`` of verified claims, which must be of a length that is worth remembering.

    Raises:
        MissingClaimError, ClaimTypeError: It is not.
    """
    jti: str | None = claims.get("jti")  # a string where it is there: check_types saw to that
    if jti is None:
        raise MissingClaimError("jti", "Expected the claim 'jti', but it is not there.")
    if not 0 < len(jti) <= _LONGEST_JTI:
        raise ClaimTypeError("jti", f"The claim 'jti' has {len(jti)} characters; 1 to {_LONGEST_JTI} are allowed.")
    return jti


def check_types(claims: Mapping[str, Any]) -> tuple[str, Any, float, float, float]:
    """Check the types of the registered claims that are there; no waiver reaches this check.

    Returns:
        iss, aud, exp, nbf and iat; "" and 0 stand for those that are not there.

    Raises:
        ClaimTypeError: iss, sub or jti is not a string, aud not a string or array of strings, or exp, nbf or iat not a
            NumericDate between 1970 and 9999.
    """
    # Written out, not looped: this runs for every token.
    get = claims.get
    iss, aud, exp, nbf, iat = get("iss", ""), get("aud", ""), get("exp", 0), get("nbf", 0), get("iat", 0)
    if type(iss) is not str or type(get("sub", "")) is not str or type(get("jti", "")) is not str:
        name = next(name for name in _STRINGS if type(get(name, "")) is not str)
        raise _wrong(name, "a string", get(name))
    if not type(exp) is type(nbf) is type(iat) is int or not 0 <= exp <= LATEST or nbf or not 0 <= iat <= LATEST:
        _check_dates(exp=exp, nbf=nbf, iat=iat)
    if type(aud) is not str and not (isinstance(aud, (list, tuple)) and aud and all(type(each) is str for each in aud)):
        raise _wrong("aud", "a string or an array of strings", aud)
    return iss, aud, exp, nbf, iat


def _check_dates(**dates: object) -> None:
    for name, value in dates.items():
        if (type(value) is not int and type(value) is not float) or not 0 <= value <= LATEST:
            raise _wrong(name, "a NumericDate", value)


def _wrong(name: str, expected: str, value: object) -> ClaimTypeError:
    kinds = ((bool, "true or false"), (dict, "an object"), (list, "an array"), (type(None), "null"))
    found = next((words for kind, words in kinds if isinstance(value, kind)), None)
    if found is None:
        found = quoted(value) if isinstance(value, str) else f"the number {quoted(value)[1:-1]}"
    return ClaimTypeError(name, f"The claim {name!r} is not {expected}, but {found}.")


def claim_date(name: str, value: object) -> int | float:
    """Turn the value of a date claim into a NumericDate that every verifier will take.

    Raises:
        ClaimTypeError: It is no date between 1970 and 9999.
    """
    try:
        date = numeric_date(value)
    except PolicyError as error:
        raise ClaimTypeError(name, f"The claim {name!r} is not a date. {error.message}") from None
    _check_dates(**{name: date})
    return date


def numeric_date(value: object) -> int | float:
    """Turn a date into a NumericDate: seconds since 1970 as a number, or an aware datetime.

    Raises:
        PolicyError: It is neither, or a datetime without a time zone.
    """
    if type(value) is int or (isinstance(value, float) and math.isfinite(value)):
        return value
    timestamp = getattr(value, "timestamp", None)
    if timestamp is None:
        raise PolicyError(f"A date is a number of seconds or a datetime, not {type(value).__name__}.")
    if getattr(value, "tzinfo", None) is None:
        raise PolicyError("A datetime without a time zone could mean any moment.", help="Use datetime.now(tz=UTC).")
    return int(timestamp())


def seconds(duration: str | timedelta | float | None, name: str) -> float:
    """Read a duration: ``"15m"`` (s, m, h, d, w), a timedelta, or seconds.

    Raises:
        PolicyError: It is none of these, or not positive and finite.
    """
    if isinstance(duration, str):
        match = _LIFETIME.match(duration)
        if match is None:
            raise PolicyError(
                f"{name}={quoted(duration)} is not a duration.", help='Write "30s", "15m", "12h", "7d" or "2w".'
            )
        return int(match[1]) * _UNITS[match[2]]
    total = getattr(duration, "total_seconds", None)
    value: Any = total() if total is not None else duration
    if type(value) not in {int, float} or not math.isfinite(value) or value < 0:
        raise PolicyError(
            f"{name} is not a duration.", help='Write "30s", "15m", "12h", "7d", "2w", a timedelta or seconds.'
        )
    return float(value)
