"""Trusted issuers: a token's own iss says whose rules it is held to, and its key is sought there and nowhere else.

1. The iss is read before anything is verified, only to choose the issuer; an unknown one is refused.
2. Key, algorithm, type, audience, time and required claims are then all verified, by that issuer's compiled policy.
3. The evidence says which issuer it was: a sub alone names nobody (safety rule 15).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn, final

from undersign.audit.record import TEXT_CAP, Caller
from undersign.errors import (
    FetchError,
    IncorrectClaimError,
    PolicyError,
    StorageError,
    UnauthenticatedError,
    UndersignError,
    UnknownKeyError,
    quoted,
)
from undersign.jwk import Key
from undersign.jwks import KeySource
from undersign.jwt import VerifiedJWT, Verifier
from undersign.jwt.unverified import peek

from .standing import Enabled

__all__ = ["Issuer", "Issuers", "VerifiedCaller"]

LEEWAY_CAP: Final = 60
_SEAL: Final = object()


@dataclass(frozen=True, slots=True)
class Issuer:
    """What is trusted of one issuer."""

    name: str
    iss: str
    keys: KeySource
    audience: str
    algorithms: tuple[str, ...]
    types: tuple[str, ...] = ("at+jwt",)
    require: tuple[str, ...] = ("exp", "iat", "jti", "sub")
    leeway: int = 0
    max_lifetime: int | None = None


@final
class VerifiedCaller:
    """Evidence that a token of a trusted issuer was verified. Made by Issuers only.

    Attributes:
        issuer: The configured name of the issuer.
        token: The verified token.
        claims: The token's claims.
        caller: Who it names, as the log has it; the subject means something together with the issuer only.
        requires: What must still be so when the token is made use of: asked by the commit, or by a read where nothing
            is written (safety rules 16 and 18).
    """

    __slots__ = ("caller", "claims", "issuer", "requires", "token")

    issuer: str
    token: VerifiedJWT
    claims: Mapping[str, Any]
    caller: Caller
    requires: tuple[object, ...]

    def __init__(
        self,
        issuer: str = "",
        token: VerifiedJWT | None = None,
        requires: tuple[object, ...] = (),
        *,
        seal: object = None,
    ) -> None:
        if seal is not _SEAL or token is None:
            raise TypeError("A VerifiedCaller is made by Issuers only.")
        claims = token.claims
        named = [claims.get(name, "") for name in Caller._fields]
        write = object.__setattr__
        write(self, "issuer", issuer)
        write(self, "token", token)
        write(self, "claims", claims)
        write(self, "caller", Caller(*[text if isinstance(text, str) else "" for text in named]))
        write(self, "requires", requires)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("A VerifiedCaller is read-only.")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("A VerifiedCaller is read-only.")

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("A VerifiedCaller is not subclassed.")

    def __reduce__(self) -> NoReturn:
        raise TypeError("A VerifiedCaller is not copied or pickled: verify the token where it is needed.")

    def __repr__(self) -> str:
        return f"<VerifiedCaller issuer={self.issuer!r}>"

    @property
    def key(self) -> Key:
        """The issuer's key that signed the token."""
        return self.token.key

    @property
    def expires_at(self) -> float:
        """When the token ends."""
        found = self.claims.get("exp")
        return found if isinstance(found, (int, float)) else 0

    @property
    def issued_at(self) -> float | None:
        """When the token was issued, if it says so."""
        found = self.claims.get("iat")
        return found if isinstance(found, (int, float)) else None


class Issuers:
    """The trusted issuers of this server, each compiled to one verifier.

    Raises:
        PolicyError: Two have one iss or one name, or one allows too much leeway.
    """

    def __init__(self, issuers: Iterable[Issuer], *, clock: Callable[[], float] = time.time) -> None:
        self._known: dict[str, tuple[Issuer, Verifier]] = {}
        names: set[str] = set()
        for issuer in issuers:
            if issuer.iss in self._known or issuer.name in names:
                raise PolicyError(
                    f"The issuer {quoted(issuer.name)} is configured twice.", help="Whose keys would count?"
                )
            names.add(issuer.name)
            self._known[issuer.iss] = (issuer, _compiled(issuer, clock))

    def verify(self, token: str | bytes) -> VerifiedCaller:
        """Verify a token by the policy of the issuer that it names.

        Raises:
            UnauthenticatedError: It names no issuer that is trusted.
            TokenError, KeyMaterialError, LimitError: That issuer's policy refuses it.
        """
        seen = peek(token)
        iss = seen.claims.get("iss")
        known = self._known.get(iss) if isinstance(iss, str) else None
        if known is None:
            raise UnauthenticatedError("The token is of no issuer that this server trusts.")
        issuer, verifier = known
        verified = verifier.verify(seen)
        _check(verified.claims, issuer)
        return VerifiedCaller(issuer.name, verified, _requirements(issuer, verified.key), seal=_SEAL)

    async def averify(self, token: str | bytes) -> VerifiedCaller:
        """Verify in async code, refreshing the issuer's key set once where the key is unknown."""
        try:
            return self.verify(token)
        except UnknownKeyError as error:
            refresh = getattr(error.source, "refresh", None)
            if refresh is None:
                raise
        await refresh()
        return self.verify(token)

    def admit(self, token: str | None) -> VerifiedCaller:
        """Verify the token that a request brought, if it brought one.

        Raises:
            UnauthenticatedError: There is none, or none that is accepted: one sentence for every reason, the reason
                itself, for the log, as its cause.
            FetchError, StorageError: Whether it is accepted cannot be said now.
        """
        if token is None:
            raise UnauthenticatedError("There is no token.")
        try:
            return self.verify(token)
        except (FetchError, StorageError):
            raise
        except UndersignError as reason:
            raise UnauthenticatedError("The token was refused.") from reason


def _compiled(issuer: Issuer, clock: Callable[[], float]) -> Verifier:
    if not 0 <= issuer.leeway <= LEEWAY_CAP:
        raise PolicyError(f"The issuer {quoted(issuer.name)} allows more than {LEEWAY_CAP} seconds of leeway.")
    if not issuer.algorithms or not issuer.types or not issuer.audience:
        raise PolicyError(f"The issuer {quoted(issuer.name)} needs algorithms, types and an audience.")
    return Verifier(
        issuer.keys,
        issuer=issuer.iss,
        audience=issuer.audience,
        algorithms=issuer.algorithms,
        typ=issuer.types,
        require=issuer.require,
        leeway=issuer.leeway,
        clock=clock,
    )


def _requirements(issuer: Issuer, key: Key) -> tuple[object, ...]:
    """That the issuer is not disabled; and where its keys are our own, that this one is still published."""
    own = getattr(issuer.keys, "requirement", None)
    enabled = Enabled("issuer", issuer.name)
    return (enabled,) if own is None else (enabled, own(key))


def _check(claims: Mapping[str, Any], issuer: Issuer) -> None:
    """What an issuer's policy adds to a verifier's: names that can be recorded whole, and a life that ends soon."""
    for name in ("iss", "sub", "client_id", "jti"):
        found = claims.get(name)
        if isinstance(found, str) and len(found) > TEXT_CAP:
            raise IncorrectClaimError(name, f"The claim {name!r} is longer than {TEXT_CAP} characters.")
    if issuer.max_lifetime is not None:
        issued, ends = claims.get("iat"), claims.get("exp")
        numbers = isinstance(issued, (int, float)) and isinstance(ends, (int, float))
        if not numbers or ends - issued > issuer.max_lifetime:  # type: ignore[operator] # numbers, both
            raise IncorrectClaimError(
                "exp", f"The token lives longer than the {issuer.max_lifetime} seconds that this server accepts."
            )
