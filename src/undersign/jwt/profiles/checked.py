"""The checks that a profile adds to those of a JWT's verifier, named in the evidence."""

from __future__ import annotations

from collections.abc import Iterable
from hmac import compare_digest
from typing import Any

from ...errors import ClaimTypeError, IncorrectClaimError, MissingClaimError
from ..verified import VerifiedJWT, seal

__all__ = ["check_same", "text", "with_checks"]


def with_checks(verified: VerifiedJWT, names: Iterable[str]) -> VerifiedJWT:
    """The same evidence, naming more checks; for the profiles that made them only."""
    claims, header, key, checks = verified._facts
    return seal(claims, header, key, (*checks, *(name for name in names if name not in checks)))


def text(verified: VerifiedJWT, name: str) -> str:
    """A claim that must be there and be a string.

    Raises:
        MissingClaimError, ClaimTypeError: It is not.
    """
    found: Any = verified.claims.get(name)
    if found is None:
        raise MissingClaimError(name, f"Expected the claim {name!r}, but it is not there.")
    if type(found) is not str:
        raise ClaimTypeError(name, f"The claim {name!r} is not a string.")
    return found


def check_same(verified: VerifiedJWT, name: str, expected: str, meaning: str) -> None:
    """Hold a claim that nobody may guess against the value it must have, in constant time; neither is shown.

    Raises:
        MissingClaimError, ClaimTypeError, IncorrectClaimError: It is not that value.
    """
    found = text(verified, name)
    if not compare_digest(found.encode("utf-8", "surrogatepass"), expected.encode("utf-8", "surrogatepass")):
        raise IncorrectClaimError(name, f"The claim {name!r} is not {meaning}.")
