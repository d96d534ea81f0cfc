"""Evidence that a JWS was verified; only a verifier of this package can make it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from ..encoding import FrozenDict
from ..jwk.key import Key

__all__ = ["SignatureReport", "VerifiedJWS"]


class SignatureReport:
    """The verdict on one signature of a JWS.

    Attributes:
        protected: Its protected header.
        unprotected: Its unprotected header, which nobody signed.
        verified: Whether it holds.
        code: Why not: an error code; None where it holds.
        key: The key that made it; None where it does not hold.
    """

    __slots__ = ("code", "key", "protected", "unprotected", "verified")

    def __init__(
        self, protected: Mapping[str, Any], unprotected: Mapping[str, Any], key: Key | None, code: str | None
    ) -> None:
        for name, value in (
            ("protected", protected),
            ("unprotected", unprotected),
            ("verified", code is None),
            ("key", key),
            ("code", code),
        ):
            object.__setattr__(self, name, value)

    protected: Mapping[str, Any]
    unprotected: Mapping[str, Any]
    verified: bool
    key: Key | None
    code: str | None

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        msg = "A SignatureReport is read-only."
        raise AttributeError(msg)

    def __delattr__(self, name: str) -> NoReturn:
        self.__setattr__(name, None)

    def __repr__(self) -> str:
        return f"<SignatureReport alg={self.protected.get('alg')!r} {'verified' if self.verified else self.code}>"


class VerifiedJWS:
    """A JWS whose signatures satisfy what was asked. Read-only; never built, changed or unpickled elsewhere.

    Attributes:
        payload: The octets that were signed.
        protected: The protected header of the signature that decided, the first that holds.
        unprotected: Its unprotected header: nobody signed it.
        header: Both, joined.
        key: The key that made it.
        checks: What was checked, and which leniency was used.
        signatures: The verdict on each signature, in the order of the token.
    """

    __slots__ = ("_facts",)

    _facts: tuple[bytes, Mapping[str, Any], Mapping[str, Any], Key, tuple[str, ...], tuple[SignatureReport, ...]]

    def __init__(self, *_: object, **__: object) -> None:
        msg = "A VerifiedJWS is made by jws.verify only."
        raise TypeError(msg)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        msg = "A VerifiedJWS is read-only."
        raise AttributeError(msg)

    def __delattr__(self, name: str) -> NoReturn:
        self.__setattr__(name, None)

    def __init_subclass__(cls) -> NoReturn:
        msg = "A VerifiedJWS is not subclassed: a subclass could say what it was never told."
        raise TypeError(msg)

    def __reduce__(self) -> NoReturn:
        msg = "A VerifiedJWS is not copied or pickled: verify the token where it is needed."
        raise TypeError(msg)

    def __repr__(self) -> str:
        return f"<VerifiedJWS alg={self.header.get('alg')!r} {len(self.payload)} octets checks={','.join(self.checks)}>"

    @property
    def payload(self) -> bytes:
        return self._facts[0]

    @property
    def protected(self) -> Mapping[str, Any]:
        return self._facts[1]

    @property
    def unprotected(self) -> Mapping[str, Any]:
        return self._facts[2]

    @property
    def header(self) -> Mapping[str, Any]:
        protected, unprotected = self._facts[1], self._facts[2]
        return FrozenDict({**protected, **unprotected}) if unprotected else protected

    @property
    def key(self) -> Key:
        return self._facts[3]

    @property
    def checks(self) -> tuple[str, ...]:
        return self._facts[4]

    @property
    def signatures(self) -> tuple[SignatureReport, ...]:
        return self._facts[5]


def seal(payload: bytes, reports: tuple[SignatureReport, ...], checks: tuple[str, ...]) -> VerifiedJWS:
    """Make the evidence from the reports, of which at least one holds; for the verifiers of this package only."""
    first = next(report for report in reports if report.verified)
    evidence = object.__new__(VerifiedJWS)
    object.__setattr__(evidence, "_facts", (payload, first.protected, first.unprotected, first.key, checks, reports))
    return evidence
