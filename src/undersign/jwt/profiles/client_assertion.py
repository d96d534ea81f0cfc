"""The JWT by which an OAuth client authenticates (RFC 7523 section 3; RFC 10070, its update on client assertions)."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from ...errors import ClaimTypeError, ExpiredTokenError, IncorrectClaimError, MissingClaimError, NotYetValidError
from ...jwk.key import Key
from ...jwks.keyset import Keys
from ...jws.signer import Signer as ExternalSigner
from ..sign import Signer
from ..verified import VerifiedJWT
from ..verify import Verifier as JWTVerifier

if TYPE_CHECKING:
    from datetime import timedelta

__all__ = ["TYP", "TYPES", "Minter", "Verifier"]

TYP: Final = "client-authentication+jwt"
TYPES: Final = (None, "JWT", TYP)
"""RFC 10070 asks clients to send the type and servers not to refuse older clients that do not."""

_LONGEST_JTI: Final = 256
_SKEW: Final = 10
_FARTHEST: Final = 24 * 3600


class Minter:
    """A client's way of minting assertions: issuer and subject are its client_id, the audience is the server's issuer.

    Args:
        key: The client's private key, or a Signer.
        client_id: Who authenticates.
        audience: The authorization server's issuer identifier, and nothing else.
        lifetime: How long an assertion lives.
        clock: What tells the time.
    """

    __slots__ = ("_client_id", "_signer")

    def __init__(
        self,
        key: Key | ExternalSigner,
        *,
        client_id: str,
        audience: str,
        lifetime: str | timedelta | float = "60s",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client_id = client_id
        self._signer = Signer(key, issuer=client_id, audience=audience, lifetime=lifetime, typ=TYP, clock=clock)

    def mint(self) -> str:
        """Mint an assertion with a fresh ``jti``: it works once."""
        return self._signer.sign({"sub": self._client_id, "jti": secrets.token_urlsafe(16)})


class Verifier:
    """An authorization server's check of one client's assertions; the caller uses up the ``jti`` afterwards.

    Args:
        keys: The client's keys.
        client_id: Who it must be.
        audience: The accepted values of ``aud``; every member of an array must be one of them.
        single: Whether ``aud`` must be a string, not an array (FAPI 2.0).
        algorithms: What is accepted, for keys that name no algorithm; None for the keys' own.
        lifetime: The longest life that counts: the assertion ends at its ``exp`` or so long after its ``iat``.
        clock: What tells the time.
    """

    __slots__ = ("_audiences", "_clock", "_lifetime", "_single", "_verifier")

    def __init__(
        self,
        keys: Keys,
        *,
        client_id: str,
        audience: Iterable[str],
        single: bool = False,
        algorithms: Iterable[str] | None = None,
        lifetime: float = 300,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._audiences = frozenset((audience,) if isinstance(audience, str) else audience)
        self._single = single
        self._lifetime = lifetime
        self._clock = clock
        self._verifier = JWTVerifier(
            keys,
            issuer=client_id,
            audience=self._audiences,
            algorithms=algorithms,
            typ=TYPES,
            require={"sub": client_id, "jti": ...},
            leeway=_SKEW,
            clock=clock,
        )

    def verify(self, token: str | bytes) -> VerifiedJWT:
        """Verify an assertion.

        Raises:
            UndersignError: It is refused; the reason is for the log, the client learns ``invalid_client``.
        """
        verified = self._verifier.verify(token)
        self._check_audience(verified.claims["aud"])
        self._check_lifetime(verified.claims)
        jti = verified.claims["jti"]
        if not 0 < len(jti) <= _LONGEST_JTI:
            raise ClaimTypeError("jti", f"The claim 'jti' has {len(jti)} characters; 1 to {_LONGEST_JTI} are allowed.")
        return verified

    def expires_at(self, verified: VerifiedJWT) -> float:
        """The moment from which this verifier refuses the assertion, so that its ``jti`` may be forgotten."""
        claims = verified.claims
        return float(min(claims["exp"], claims.get("iat", self._clock()) + self._lifetime)) + _SKEW

    def _check_audience(self, aud: str | list[str]) -> None:
        if self._single and not isinstance(aud, str):
            raise IncorrectClaimError("aud", "The claim 'aud' must be the issuer identifier as a string.")
        members = [aud] if isinstance(aud, str) else aud
        if not set(members) <= self._audiences:
            raise IncorrectClaimError("aud", "The claim 'aud' names somebody else as well (RFC 10070).")

    def _check_lifetime(self, claims: Any) -> None:
        now, exp = self._clock(), claims["exp"]
        if exp > now + _FARTHEST:
            raise NotYetValidError(
                "exp", "The assertion lives longer than a day.", help="A client assertion lives for a minute."
            )
        if "iat" not in claims and exp > now + self._lifetime + _SKEW:
            raise MissingClaimError("iat", "An assertion that lives this long must say when it was issued.")
        if now > claims.get("iat", now) + self._lifetime + _SKEW:
            raise ExpiredTokenError("iat", f"The assertion was issued more than {self._lifetime:.0f} s ago.")
