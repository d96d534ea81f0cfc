"""The hostile claims of research/library.md section 4b, row C, each properly signed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tests.attacks.attack import HEAD, Attack, by_jwt
from tests.attacks.forge import AUDIENCE, CLAIMS, ISSUER, NOW, SECRET, token
from undersign import errors, jwt


def signed(**changed: object) -> str:
    """Sign the usual claims with some of them changed, or left out where ... is given."""
    return token(HEAD, {name: value for name, value in {**CLAIMS, **changed}.items() if value is not ...})


def times() -> Iterator[Attack]:
    """Rows C1 and C2."""
    wrong = errors.ClaimTypeError

    for name in ("exp", "nbf", "iat"):
        for value in ("1800000060", True, None, [], {}, [NOW], {"a": 1}, "", "NaN", 10**400, 1e300):
            yield by_jwt(f"C1 {name} {str(value)[:12]!r}", signed(**{name: value}), wrong)
    yield by_jwt("C1 exp negative", signed(exp=-1), errors.ClaimError)
    yield by_jwt("C2 exp missing", signed(exp=...), errors.MissingClaimError)
    yield by_jwt("C2 exp now", signed(exp=NOW), errors.ExpiredTokenError)
    yield by_jwt("C2 exp past", signed(exp=NOW - 1), errors.ExpiredTokenError)
    yield by_jwt("C2 exp waived and past", signed(exp=NOW - 1), errors.ExpiredTokenError, waive=("exp",))
    yield by_jwt("C2 exp beyond the leeway", signed(exp=NOW - 60), errors.ExpiredTokenError, leeway=60)
    yield by_jwt("C2 nbf in the future", signed(nbf=NOW + 1), errors.NotYetValidError)
    yield by_jwt("C2 nbf beyond the leeway", signed(nbf=NOW + 61), errors.NotYetValidError, leeway="60s")
    yield by_jwt("C2 iat in the future", signed(iat=NOW + 1), errors.NotYetValidError)
    yield by_jwt("C2 iat too old", signed(iat=NOW - 61), errors.TooOldError, max_age="60s")
    yield by_jwt("C2 no iat and an age asked for", signed(), errors.MissingClaimError, max_age="60s")


def names() -> Iterator[Attack]:  # noqa: C901 - a table, row after row
    """Rows C3 to C6: issuer, audience, subject and type."""
    wrong = errors.ClaimTypeError
    for value in ([ISSUER], {"a": ISSUER}, 1, None, True):
        yield by_jwt(f"C3 CVE-2025-30144 iss {value!r}", signed(iss=value), wrong)
    for value in (
        "https://as.exampl",
        "https://as.example/",
        "https://AS.example",
        "https://as.example.evil.example",
        "",
        "a",
        ISSUER + "\n",
        " " + ISSUER,
    ):
        yield by_jwt(f"C3 CVE-2024-53861 iss {value!r}", signed(iss=value), errors.IncorrectClaimError)
    yield by_jwt("C3 iss missing", signed(iss=...), errors.MissingClaimError)
    for value in ([], None, 1, {}, [1], [AUDIENCE, 1], [[AUDIENCE]], [None], True):
        yield by_jwt(f"C4 aud {value!r}", signed(aud=value), wrong)
    for value in ("https://api.exampl", AUDIENCE + "/", ["https://other.example"], "", ["", "x"]):
        yield by_jwt(f"C4 aud {value!r}", signed(aud=value), errors.IncorrectClaimError)
    yield by_jwt("C4 aud missing", signed(aud=...), errors.MissingClaimError)
    yield Attack("C4 no audience expected", errors.PolicyError, lambda: jwt.Verifier(SECRET, issuer=ISSUER), "")
    yield Attack("C4 no issuer expected", errors.PolicyError, lambda: jwt.Verifier(SECRET, audience=AUDIENCE), "")
    for name in ("sub", "jti"):
        for value in (1, None, [], {}, True):
            yield by_jwt(f"C5 {name} {value!r}", signed(**{name: value}), wrong)
    for typ in ("at+jwt", "dpop+jwt", "application/at+jwt", "JWT ", "", "secevent+jwt", "AT+JWT"):
        yield by_jwt(f"C6 typ {typ!r}", token({**HEAD, "typ": typ}, CLAIMS), errors.IncorrectTypeError)
    for typ in ("JWT", "dpop+jwt", "at+jwtx", "text/at+jwt"):
        yield by_jwt(
            f"C6 typ {typ!r} for at+jwt", token({**HEAD, "typ": typ}, CLAIMS), errors.IncorrectTypeError, typ="at+jwt"
        )
    yield by_jwt("C6 typ missing for at+jwt", token(HEAD, CLAIMS), errors.IncorrectTypeError, typ="at+jwt")


ATTACKS: Final = [*times(), *names()]
