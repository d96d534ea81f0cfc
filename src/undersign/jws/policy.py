"""Policies for a JWS of more than one signature: said by name, counted by key, never by kid.

A JWS may carry signatures of several parties (RFC 7515 section 7.2); the standard leaves open which must hold, and an
attacker can take one away or add one of his own, so the caller says what is enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

from ..errors import PolicyError, UnmetPolicyError
from ..jwk.key import Key
from .verified import SignatureReport

__all__ = ["SignaturePolicy", "all_of", "any_of", "at_least", "required"]


@runtime_checkable
class SignaturePolicy(Protocol):
    """What makes the signatures of a JWS enough."""

    name: str

    def check(self, reports: Sequence[SignatureReport], keys: Sequence[Key]) -> None:
        """Raise UnmetPolicyError unless the verdicts are enough, given the keys that the caller passed."""


def all_of() -> SignaturePolicy:
    """Every key that was passed has signed, and every signature that is there verifies."""
    return _AllOf()


def any_of() -> SignaturePolicy:
    """At least one signature verifies; the others may be of strangers or broken."""
    return _AtLeast(1, "any_of")


def at_least(count: int) -> SignaturePolicy:
    """At least ``count`` different keys have signed."""
    if type(count) is not int or count < 1:
        raise PolicyError("at_least takes a positive integer.")
    return _AtLeast(count, f"at_least({count})")


def required(keys: Iterable[Key]) -> SignaturePolicy:
    """Each of these keys has signed; further signatures may be there and need not verify."""
    given: object = keys
    wanted = tuple(given) if isinstance(given, Iterable) else ()
    if not wanted or not all(isinstance(key, Key) for key in wanted):
        raise PolicyError("required takes the keys that must have signed.")
    return _Required(wanted)


def _signers(reports: Sequence[SignatureReport]) -> list[Key]:
    """List the different keys whose signatures verify, told apart by their material."""
    found: list[Key] = []
    for report in reports:
        if report.key is not None and report.verified and not any(report.key.is_same_key(key) for key in found):
            found.append(report.key)
    return found


class _AllOf:
    name = "all_of"

    def check(self, reports: Sequence[SignatureReport], keys: Sequence[Key]) -> None:
        if not keys:
            raise PolicyError(
                "all_of needs the keys themselves: a key source cannot say who all must have signed.",
                help="Pass a list of keys or a KeySet, or name them: policy=jws.required([keys]).",
            )
        if not keys:  # a source that finds keys cannot say which have not signed
            raise PolicyError(
                "all_of needs the keys themselves, not a source that finds them.",
                help="Pass a list of keys or a KeySet, or name them: jws.required([...]).",
            )
        signers = _signers(reports)
        broken = sum(not report.verified for report in reports)
        missing = sum(not any(key.is_same_key(signer) for signer in signers) for key in keys)
        if broken or missing or not signers:
            raise UnmetPolicyError(
                f"all_of: {broken} signatures do not verify and {missing} of the keys have not signed.",
                signatures=tuple(reports),
            )


class _AtLeast:
    def __init__(self, count: int, name: str) -> None:
        self.count = count
        self.name = name

    def check(self, reports: Sequence[SignatureReport], keys: Sequence[Key]) -> None:
        signers = len(_signers(reports))
        if signers < self.count:
            raise UnmetPolicyError(f"{self.name}: {signers} different keys have signed.", signatures=tuple(reports))


class _Required:
    name = "required"

    def __init__(self, wanted: tuple[Key, ...]) -> None:
        self.wanted = wanted

    def check(self, reports: Sequence[SignatureReport], keys: Sequence[Key]) -> None:
        signers = _signers(reports)
        missing = [key for key in self.wanted if not any(key.is_same_key(signer) for signer in signers)]
        if missing:
            raise UnmetPolicyError(
                f"required: {len(missing)} of the keys have not signed: {missing[0]!r}.", signatures=tuple(reports)
            )
