"""The logout token, ``logout+jwt``: a provider tells a client that a session is over (OIDC Back-Channel Logout 1.0).

It needs no browser and no cookie, so whoever can make one can log people out: it is checked as strictly as a login.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from ...errors import ClaimTypeError, IncorrectClaimError, MissingClaimError, PolicyError
from ...header import names_of
from ...jwk.key import Key
from ...jwks.keyset import Keys
from ...jws.compact import Token
from ...jws.signer import Signer as ExternalSigner
from ...replay import Burn, ReplayStore
from ..claims import check_jti, seconds
from ..sign import Signer
from ..verified import VerifiedJWT
from ..verify import Verifier as JWTVerifier
from .checked import text, with_checks

if TYPE_CHECKING:
    from datetime import timedelta

__all__ = ["EVENT", "PURPOSE", "TYP", "Minter", "Verifier"]

TYP: Final = "logout+jwt"
EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
PURPOSE: Final = "logout"

_OURS: Final = frozenset({"iss", "sub", "aud", "iat", "exp", "jti", "events", "sid", "nonce"})


class Minter:
    """A provider's way of minting logout tokens (section 2.4).

    Args:
        key: The private key, or a Signer.
        issuer: The issuer identifier.
        lifetime: How long a token lives; two minutes at most are recommended.
        clock: What tells the time.
    """

    __slots__ = ("_signer",)

    def __init__(
        self,
        key: Key | ExternalSigner,
        *,
        issuer: str,
        lifetime: str | timedelta | float = "2m",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._signer = Signer(key, issuer=issuer, lifetime=lifetime, typ=TYP, clock=clock)

    def mint(
        self,
        *,
        client_id: str,
        subject: str | None = None,
        session: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> str:
        """Mint a token for one client.

        Args:
            client_id: Whom it is for.
            subject: Whose sessions end.
            session: Which session ends, by the ``sid`` of its ID tokens; without it, all of the subject's.
            extra: Further claims, none of which may be one that this profile writes, nor ``nonce``.

        Raises:
            PolicyError: Neither a subject nor a session is named, or a further claim is one of the profile's.
        """
        if not subject and not session:
            raise PolicyError("A logout token names a subject, a session or both.")
        if extra and not _OURS.isdisjoint(extra):
            raise PolicyError(f"{', '.join(sorted(_OURS & extra.keys()))}: this profile writes it, or forbids it.")
        named = {"sub": subject, "sid": session}
        return self._signer.sign(
            {
                "aud": client_id,
                "jti": secrets.token_urlsafe(16),
                "events": {EVENT: {}},
                **{name: value for name, value in named.items() if value},
                **(extra or {}),
            }
        )


class Verifier:
    """A client's check of logout tokens (section 2.6).

    Args:
        keys: The provider's keys.
        issuer: The provider's issuer identifier.
        client_id: This client.
        replay: Where the ``jti`` is used up once everything else holds. None must be written out: the caller then
            consumes ``burn(verified)``.
        trusted: Other audiences that may stand beside this client; none unless said.
        algorithms: What is accepted, for keys that name no algorithm; None for the keys' own.
        leeway: How far clocks may differ.
        clock: What tells the time.
    """

    __slots__ = ("_accepted", "_leeway", "_replay", "_verifier")

    def __init__(
        self,
        keys: Keys,
        *,
        issuer: str,
        client_id: str,
        replay: ReplayStore | None,
        trusted: Collection[str] = (),
        algorithms: Iterable[str] | None = None,
        leeway: str | timedelta | float = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._accepted = frozenset({client_id, *names_of(trusted, "trusted")})
        self._replay = replay
        self._leeway = seconds(leeway, "leeway")
        self._verifier = JWTVerifier(
            keys,
            issuer=issuer,
            audience=client_id,
            algorithms=algorithms,
            typ=TYP,
            require=("iat", "jti", "events"),
            leeway=leeway,
            clock=clock,
        )

    def verify(self, token: Token) -> VerifiedJWT:
        """Verify a token; the sessions of its ``sid``, or else of its ``sub``, are over.

        Raises:
            UndersignError: It is refused; the answer to the provider is status 400.
        """
        return self._checked(self._verifier.verify(token))

    async def averify(self, token: Token) -> VerifiedJWT:
        """Verify in async code; see jwt.Verifier.averify. The replay store is asked in this thread."""
        return self._checked(await self._verifier.averify(token))

    def burn(self, verified: VerifiedJWT) -> Burn:
        """The one-time thing that the token is: its ``jti`` among those of its issuer."""
        claims = verified.claims
        return Burn(PURPOSE, claims["iss"], check_jti(verified.claims), float(claims["exp"]) + self._leeway)

    def _checked(self, verified: VerifiedJWT) -> VerifiedJWT:
        claims = verified.claims
        if not isinstance(claims["aud"], str) and not set(claims["aud"]) <= self._accepted:
            raise IncorrectClaimError("aud", "The claim 'aud' names somebody whom this client does not trust.")
        if "sub" not in claims and "sid" not in claims:
            raise MissingClaimError("sid", "The token names neither a session nor a subject.")
        for name in ("sub", "sid"):
            if name in claims and not text(verified, name):
                raise ClaimTypeError(name, f"The claim {name!r} is empty.")
        events = claims["events"]
        if not isinstance(events, Mapping) or not isinstance(events.get(EVENT), Mapping):
            raise IncorrectClaimError("events", "The claim 'events' does not say that a session is over.")
        if "nonce" in claims:  # so that no logout token is ever taken for an ID token
            raise IncorrectClaimError("nonce", "A logout token must not have a 'nonce'.")
        check_jti(verified.claims)
        if self._replay is not None:
            self._replay.consume(self.burn(verified))
        once = ("once",) if self._replay is not None else ()
        return with_checks(verified, ("events", "sid", "nonce", *once))
