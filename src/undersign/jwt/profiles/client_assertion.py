"""The JWT by which an OAuth client authenticates (RFC 7523 section 3; RFC 10070, its update on client assertions)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from secrets import token_bytes
from typing import TYPE_CHECKING, Any, Final

from ...encoding import b64url_encode
from ...errors import IncorrectClaimError, MissingClaimError, NotYetValidError, TooOldError
from ...jwk.key import Key
from ...jwks.keyset import Keys
from ...jws.compact import Token
from ...jws.signer import Signer as ExternalSigner
from ..claims import check_jti
from ..sign import Signer
from ..verified import VerifiedJWT
from ..verify import Verifier as JWTVerifier

if TYPE_CHECKING:
    from datetime import timedelta

__all__ = ["AHEAD", "SKEW", "TYP", "TYPES", "Minter", "Verifier"]

TYP: Final = "client-authentication+jwt"
TYPES: Final = (None, "JWT", TYP)
"""RFC 10070 asks clients to send the type and servers not to refuse older clients that do not."""

SKEW: Final = 30
"""How many seconds past its end an assertion is still taken."""
AHEAD: Final = 10
"""How many seconds ahead of our clock ``iat`` and ``nbf`` may lie."""
_MINUTE: Final = "A client assertion lives for a minute."


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
        return self._signer.sign({"sub": self._client_id, "jti": b64url_encode(token_bytes(16))})


class Verifier:
    """An authorization server's check of one client's assertions; the caller uses up the ``jti`` afterwards.

    An ``exp`` further away than ``lifetime`` is clamped where ``iat`` says from when to count, since clients in the
    field write an hour or more. Without ``iat`` it is refused: counted from when it is presented, the end would move
    along, and the assertion would work again after its ``jti`` was forgotten.

    Args:
        keys: The client's keys.
        client_id: Who it must be.
        audience: The accepted values of ``aud``; every member of an array must be one of them.
        single: Whether ``aud`` must be a string, not an array (FAPI 2.0).
        algorithms: What is accepted, for keys that name no algorithm; None for the keys' own.
        lifetime: The longest life that counts: the assertion ends at its ``exp`` or so long after its ``iat``.
        farthest: How many seconds ahead an ``exp`` may lie before it is refused rather than clamped.
        clock: What tells the time.
    """

    __slots__ = ("_audiences", "_clock", "_farthest", "_lifetime", "_single", "_verifier")

    def __init__(
        self,
        keys: Keys,
        *,
        client_id: str,
        audience: Iterable[str],
        single: bool = False,
        algorithms: Iterable[str] | None = None,
        lifetime: float = 300,
        farthest: float = 24 * 3600,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._audiences = frozenset((audience,) if isinstance(audience, str) else audience)
        self._single = single
        self._lifetime = lifetime
        self._farthest = farthest
        self._clock = clock
        self._verifier = JWTVerifier(
            keys,
            issuer=client_id,
            audience=self._audiences,
            algorithms=algorithms,
            typ=TYPES,
            require={"sub": client_id, "jti": ...},
            leeway=SKEW,
            clock=clock,
        )

    def verify(self, token: Token) -> VerifiedJWT:
        """Verify an assertion.

        Raises:
            UndersignError: It is refused; the reason is for the log, the client learns ``invalid_client``.
        """
        # 1. The signature, and that iss and sub are the client (RFC 7523 section 3 items 1, 2 and 9).
        verified = self._verifier.verify(token)
        claims = verified.claims
        # 2. The audience is this server, and nobody else as well (RFC 10070).
        self._check_audience(claims["aud"])
        # 3. The times (items 4 to 6).
        self._check_times(claims)
        # 4. An id to use up (item 7).
        check_jti(verified.claims)
        return verified

    def expires_at(self, verified: VerifiedJWT) -> float:
        """The moment from which this verifier refuses the assertion, so that its ``jti`` may be forgotten."""
        claims = verified.claims
        return float(min(claims["exp"], claims.get("iat", claims["exp"]) + self._lifetime)) + SKEW

    def _check_audience(self, aud: str | list[str]) -> None:
        if isinstance(aud, str):
            return  # it is one of those that the JWT's verifier was given
        if self._single:
            raise IncorrectClaimError("aud", "The claim 'aud' must be the issuer identifier as a string.")
        if not self._audiences.issuperset(aud) or len(set(aud)) != len(aud):
            raise IncorrectClaimError("aud", "The claim 'aud' names somebody else as well (RFC 10070).")

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now, exp, iat = self._clock(), claims["exp"], claims.get("iat")
        latest = now + AHEAD
        if iat is not None and iat > latest:
            raise _early("iat")
        if claims.get("nbf", 0) > latest:
            raise _early("nbf")
        if exp > now + self._farthest:
            raise IncorrectClaimError("exp", "The assertion's end is absurdly far away.", help=_MINUTE)
        if iat is None:
            if exp > now + self._lifetime + SKEW:
                raise MissingClaimError(
                    "iat", "An assertion that lives this long must say when it was issued.", help=_MINUTE
                )
        elif now >= iat + self._lifetime + SKEW:
            raise TooOldError("iat", f"The assertion was issued more than {self._lifetime:.0f} s ago.")


def _early(name: str) -> NotYetValidError:
    return NotYetValidError(name, f"The assertion's {name} lies in the future.")
