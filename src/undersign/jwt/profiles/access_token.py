"""The JWT access token, ``at+jwt`` (RFC 9068)."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from secrets import token_bytes
from typing import TYPE_CHECKING, Any, Final

from ...encoding import b64url_encode
from ...errors import ClaimTypeError, PolicyError
from ...jwk.key import Key
from ...jwks.keyset import Keys
from ...jws.compact import Token
from ...jws.signer import Signer as ExternalSigner
from ..sign import Signer
from ..verified import VerifiedJWT
from ..verify import Verifier as JWTVerifier

if TYPE_CHECKING:
    from datetime import timedelta

__all__ = ["TYP", "Minter", "Verifier"]

TYP: Final = "at+jwt"
_OURS: Final = frozenset({"iss", "aud", "sub", "client_id", "iat", "exp", "jti", "scope"})


class Minter:
    """An authorization server's way of minting access tokens (RFC 9068 section 2).

    Args:
        key: The private key, or a Signer.
        issuer: The issuer identifier.
        lifetime: How long a token lives.
        clock: What tells the time.
    """

    __slots__ = ("_signer",)

    def __init__(
        self,
        key: Key | ExternalSigner,
        *,
        issuer: str,
        lifetime: str | timedelta | float = "5m",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._signer = Signer(key, issuer=issuer, lifetime=lifetime, typ=TYP, clock=clock)

    def mint(
        self, *, subject: str, audience: str, client_id: str, scope: str = "", extra: Mapping[str, Any] | None = None
    ) -> str:
        """Mint a token with a fresh ``jti``.

        Args:
            subject: Who it is about: a person, or the client itself.
            audience: The one resource it is for.
            client_id: The client that asked.
            scope: What it allows, space-delimited; left out where empty.
            extra: Further claims, none of which may be one that this profile writes.
        """
        claims: dict[str, Any] = {
            "sub": subject,
            "aud": audience,
            "client_id": client_id,
            "jti": b64url_encode(token_bytes(16)),
        }
        if scope:
            claims["scope"] = scope
        if extra:
            if not _OURS.isdisjoint(extra):
                raise PolicyError(f"{', '.join(sorted(_OURS & extra.keys()))}: this profile writes it.")
            claims.update(extra)
        return self._signer.sign(claims)


class Verifier:
    """A resource server's check of access tokens (RFC 9068 section 4).

    Args:
        keys: The issuer's keys.
        issuer: Whose tokens.
        audience: This resource's identifier, or several.
        algorithms: What is accepted, for keys that name no algorithm; None for the keys' own.
        leeway: How far clocks may differ.
        clock: What tells the time.
        require: Claims beyond those of the profile.
    """

    __slots__ = ("_verifier",)

    def __init__(
        self,
        keys: Keys,
        *,
        issuer: str,
        audience: str | Iterable[str],
        algorithms: Iterable[str] | None = None,
        leeway: str | timedelta | float = 0,
        clock: Callable[[], float] = time.time,
        require: Collection[str] = (),
    ) -> None:
        wanted = dict.fromkeys(("sub", "client_id", "iat", "jti", *require), ...)
        self._verifier = JWTVerifier(
            keys,
            issuer=issuer,
            audience=audience,
            algorithms=algorithms,
            typ=TYP,
            require=wanted,
            leeway=leeway,
            clock=clock,
        )

    def verify(self, token: Token) -> VerifiedJWT:
        """Verify a token; raises UndersignError."""
        return _checked(self._verifier.verify(token))

    async def averify(self, token: Token) -> VerifiedJWT:
        """Verify in async code; see Verifier.averify."""
        return _checked(await self._verifier.averify(token))


def _checked(verified: VerifiedJWT) -> VerifiedJWT:
    for name in ("client_id", "scope"):
        if not isinstance(verified.claims.get(name, ""), str):
            raise ClaimTypeError(name, f"The claim {name!r} is not a string.")
    return verified
