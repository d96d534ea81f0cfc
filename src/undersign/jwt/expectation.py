"""What a recipient requires of a JWT's header and claims (RFC 7519 section 4.1, RFC 8725 sections 3.8 to 3.12)."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from ..errors import (
    ExpiredTokenError,
    IncorrectClaimError,
    IncorrectTypeError,
    MissingClaimError,
    NotYetValidError,
    PolicyError,
    TooOldError,
    quoted,
)
from ..header import media_type, names_of
from .claims import check_types, seconds

if TYPE_CHECKING:
    from datetime import timedelta
    from types import EllipsisType

__all__ = ["Expectation"]

_SHOWN_ELEMENTS: Final = 4
_TWO_HOURS: Final = 7200
_WAIVABLE: Final = ("iss", "aud", "exp", "typ")
_DEFAULT_TYPES: Final = (None, "JWT")


class Expectation:
    """A compiled list of what must be true. Checks add up: asking for one more never switches another off.

    Args:
        issuer: The one accepted ``iss``, compared exactly.
        audience: The accepted audience, or several of which the token must name one.
        typ: The accepted types; None among them means absent. Unless said: absent or ``JWT``.
        require: Claims that must be there: a value to equal, or ``...``; also an iterable of names.
        waive: Names among iss, aud, exp and typ that need not be there. An ``exp`` that is there is always checked.
        leeway: How far the clocks may differ.
        max_age: How long ago ``iat`` may be.

    Raises:
        PolicyError: Neither an expected issuer nor its waiver was given, or so for the audience, or both were.
    """

    __slots__ = (
        "_any_typ",
        "_audiences",
        "_issuer",
        "_leeway",
        "_max_age",
        "_need_exp",
        "_require",
        "checks",
        "types",
    )

    def __init__(
        self,
        *,
        issuer: str | None,
        audience: str | Iterable[str] | None,
        typ: str | Iterable[str | None] | None,
        require: Mapping[str, Any | EllipsisType] | Iterable[str],
        waive: Collection[str],
        leeway: str | timedelta | float,
        max_age: str | timedelta | float | None,
    ) -> None:
        waived = _waived(waive)
        self._issuer = _one_of(issuer, "iss", "issuer", waived)
        self._audiences = _audiences(audience, waived)
        self._any_typ = "typ" in waived
        self.types = _types(typ, waived)
        self._require = tuple(_required(require).items())
        self._need_exp = "exp" not in waived
        self._leeway = seconds(leeway, "leeway")
        self._max_age = None if max_age is None else seconds(max_age, "max_age")
        self.checks = self._names(waived)

    def _names(self, waived: frozenset[str]) -> tuple[str, ...]:
        names = ["signature", *(name for name in ("typ", "iss", "aud") if name not in waived), "exp", "nbf", "iat"]
        names += [name for name, _ in self._require if name not in names]
        names += ["max_age"] if self._max_age is not None else []
        return (*names, *(f"waived:{name}" for name in _WAIVABLE if name in waived))

    def check_typ(self, typ: str | None) -> None:
        """Hold a normalised ``typ`` against the accepted ones.

        Raises:
            IncorrectTypeError: It is not one of them.
        """
        if typ in self.types or self._any_typ:
            return
        accepted = sorted(name or "absent" for name in self.types)
        found = "absent" if typ is None else quoted(typ)
        raise IncorrectTypeError(
            "typ", f"The header's 'typ' was expected to be {' or '.join(accepted)}, but was {found}."
        )

    def check(self, claims: Mapping[str, Any], now: float) -> None:
        """Hold the claims against everything that is required, at the moment ``now``.

        Raises:
            ClaimTypeError, MissingClaimError, IncorrectClaimError and its kinds: What does not hold.
        """
        iss, aud, exp, nbf, iat = check_types(claims)
        leeway = self._leeway
        # The times: written so that a clock without a value lets nothing pass. An exp of 0 may be none at all.
        if not exp or not exp > now - leeway:
            self._check_end(claims, now)
        if not nbf <= now + leeway >= iat:
            raise _early(claims, now, leeway)
        if self._max_age is not None:
            self._check_age(claims.get("iat"), now, self._max_age)
        # Who says it, and to whom: neither is ever expected to be "".
        if iss != self._issuer and self._issuer is not None:
            raise _unlike("iss", self._issuer, claims.get("iss"))
        if self._audiences is not None and (type(aud) is not str or aud not in self._audiences):
            self._check_audience(claims.get("aud"))
        if self._require:
            self._check_required(claims)

    def _check_required(self, claims: Mapping[str, Any]) -> None:
        for name, expected in self._require:
            if name not in claims:
                raise MissingClaimError(
                    name, f"Expected the claim {quoted(name)}{_to_be(expected)}, but it is not there."
                )
            if expected is not ... and not _same(claims[name], expected):
                raise _unlike(name, expected, claims[name])

    def _check_end(self, claims: Mapping[str, Any], now: float) -> None:
        exp = claims.get("exp")
        if exp is None:
            if self._need_exp:
                raise MissingClaimError("exp", "The token has no 'exp', so it would never end.")
        elif not exp > now - self._leeway:
            raise ExpiredTokenError("exp", f"The token expired {_ago(now - exp)} ago.")

    def _check_age(self, iat: float | None, now: float, max_age: float) -> None:
        if iat is None:
            raise MissingClaimError("iat", "The token has no 'iat', so its age is unknown.")
        if not now - iat <= max_age + self._leeway:
            raise TooOldError("iat", f"The token was issued {_ago(now - iat)} ago.")

    def _check_audience(self, aud: object) -> None:
        accepted = self._audiences or frozenset()
        if isinstance(aud, list) and not accepted.isdisjoint(aud):
            return
        raise _unlike("aud", " or ".join(sorted(accepted)), aud)


def _early(claims: Mapping[str, Any], now: float, leeway: float) -> NotYetValidError:
    nbf, iat = claims.get("nbf", 0), claims.get("iat", 0)
    if not nbf <= now + leeway:
        return NotYetValidError("nbf", f"The token is not valid for another {_ago(nbf - now)}.")
    return NotYetValidError("iat", f"The token says it will be issued in {_ago(iat - now)}.")


def _unlike(claim: str, expected: object, found: object) -> MissingClaimError | IncorrectClaimError:
    if found is None:
        return MissingClaimError(claim, f"Expected the claim {quoted(claim)}{_to_be(expected)}, but it is not there.")
    return IncorrectClaimError(
        claim, f"Expected the claim {quoted(claim)}{_to_be(expected)}, but it was {_shown(found)}."
    )


def _to_be(expected: object) -> str:
    return "" if expected is ... else f" to be {_shown(expected)}"


def _shown(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, (list, tuple)):
        return (
            "["
            + ", ".join(map(_shown, value[:_SHOWN_ELEMENTS]))
            + (", ..." if len(value) > _SHOWN_ELEMENTS else "")
            + "]"
        )
    return quoted(value)


def _ago(duration: float) -> str:
    if not math.isfinite(duration):
        return "an unknown time"  # by a clock that tells none
    whole = int(duration)
    return f"{whole} s" if whole < _TWO_HOURS else f"{whole // 3600} h"


def _same(found: object, expected: object) -> bool:
    """Compare as JSON does: true is not 1, and a list equals only a list."""
    if type(found) is str:
        return found == expected
    if isinstance(found, bool) or isinstance(expected, bool):
        return found is expected
    if isinstance(found, list) and isinstance(expected, (list, tuple)):
        return len(found) == len(expected) and all(map(_same, found, expected))
    if isinstance(found, dict) and isinstance(expected, Mapping):
        return found.keys() == expected.keys() and all(_same(found[name], expected[name]) for name in found)
    return found == expected


def _waived(waive: Collection[str]) -> frozenset[str]:
    names = frozenset(names_of(waive, "waive"))
    if names - set(_WAIVABLE):
        raise PolicyError(
            f"{quoted(min(names - set(_WAIVABLE)))} cannot be waived.",
            help=f"Of these one can: {', '.join(_WAIVABLE)}.",
        )
    return names


def _one_of(expected: str | None, claim: str, argument: str, waived: frozenset[str]) -> str | None:
    if expected is None and claim not in waived:
        raise PolicyError(
            f"No expected {argument} was given.",
            help=f'Give {argument}="https://...", or waive it by name: waive=("{claim}",).',
        )
    if expected is not None and claim in waived:
        raise PolicyError(f"The {argument} is expected and waived at once.", help="Leave one of them out.")
    if expected is not None and not _is_text(expected):
        raise PolicyError(
            f"The expected {argument} is one string.", help="Keys belong to one issuer: build one Verifier for each."
        )
    return expected


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _audiences(audience: str | Iterable[str] | None, waived: frozenset[str]) -> frozenset[str] | None:
    if audience is None or isinstance(audience, str):
        one = _one_of(audience, "aud", "audience", waived)
        return None if one is None else frozenset({one})
    several = frozenset(names_of(audience, "audience"))
    if not several or not all(map(_is_text, several)):
        raise PolicyError("The expected audience is a string, or several strings of which the token must name one.")
    if "aud" in waived:
        raise PolicyError("The audience is expected and waived at once.", help="Leave one of them out.")
    return several


def _types(typ: str | Iterable[str | None] | None, waived: frozenset[str]) -> frozenset[str | None]:
    if typ is None:
        typ = _DEFAULT_TYPES
    elif "typ" in waived:
        raise PolicyError("The typ is expected and waived at once.", help="Leave one of them out.")
    names = (typ,) if isinstance(typ, str) or not isinstance(typ, Iterable) else tuple(typ)
    if not names or not all(name is None or _is_text(name) for name in names):
        raise PolicyError("typ is a name or a tuple of names; None among them means absent.")
    return frozenset(map(media_type, names))


def _required(require: Mapping[str, Any] | Iterable[str]) -> dict[str, Any]:
    if isinstance(require, str):
        raise PolicyError("require is a mapping of claims to values.", help=f'Write require={{"{require}": ...}}.')
    wanted = dict(require) if isinstance(require, Mapping) else dict.fromkeys(names_of(require, "require"), ...)
    if not all(isinstance(name, str) for name in wanted):
        raise PolicyError("require names claims, which are strings.")
    return wanted
