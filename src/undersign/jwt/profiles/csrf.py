"""The CSRF token, ``undersign-csrf+jwt``: one form of one session, once (RFC 7519; the scheme of seed 003, done whole).

The tutorial's token said only when it ends, so any visitor's token served any form of any session, again and again.
This one names the session (by a hash) and the action, and its ``jti`` is used up.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from ...encoding import b64url_encode
from ...errors import ExpiredTokenError, IncorrectClaimError, PolicyError, TooOldError
from ...jwk.key import Key
from ...jws.compact import Token
from ...replay import Burn, ReplayStore
from ..claims import check_jti
from ..sign import Signer
from ..verified import VerifiedJWT
from ..verify import Verifier as JWTVerifier
from .checked import check_same, text, with_checks

if TYPE_CHECKING:
    from datetime import timedelta

__all__ = ["PURPOSE", "TYP", "Minter", "Verifier"]

TYP: Final = "undersign-csrf+jwt"
PURPOSE: Final = "csrf"

_REMEMBERED: Final = 24 * 3600
"""How long after its end a token is still told apart from a forged one, so that its form may be shown anew."""


class Minter:
    """An application's way of minting tokens for its own forms.

    Args:
        key: A secret, or a private key, that serves nothing else.
        origin: The application's own origin, such as ``https://app.example``.
        lifetime: How long a form may stay open.
        clock: What tells the time.
    """

    __slots__ = ("_clock", "_signer")

    def __init__(
        self,
        key: Key,
        *,
        origin: str,
        lifetime: str | timedelta | float = "30m",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._signer = Signer(key, issuer=origin, audience=origin, lifetime=lifetime, typ=TYP, clock=clock)

    def mint(self, *, session: str, action: str) -> str:
        """Mint a token; nothing is stored.

        Args:
            session: The secret that makes the browser's session; only its hash is written.
            action: What the form does: its method and path, as in ``"POST /clients/42/keys"``.

        Raises:
            PolicyError: One of them is empty.
        """
        if not action:
            raise PolicyError("A CSRF token is bound to an action.", help='Pass action="POST /path".')
        now = int(self._clock())
        claims = {"sid": _hashed(session), "act": action, "jti": secrets.token_urlsafe(16), "iat": now, "nbf": now}
        return self._signer.sign(claims)


class Verifier:
    """An application's check of its own tokens.

    Args:
        keys: The secret, or the public key, of the Minter; with the one before it while keys are rotated.
        origin: The application's own origin.
        replay: Where the ``jti`` is used up once everything else holds. None must be written out: the caller then
            consumes ``burn(verified)``.
        clock: What tells the time.
    """

    __slots__ = ("_clock", "_origin", "_replay", "_verifier")

    def __init__(
        self,
        keys: Key | Iterable[Key],
        *,
        origin: str,
        replay: ReplayStore | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._origin = origin
        self._replay = replay
        self._verifier = JWTVerifier(
            keys if isinstance(keys, Key) else tuple(keys),
            issuer=origin,
            audience=origin,
            typ=TYP,
            require=("sid", "act", "jti", "iat"),
            leeway=_REMEMBERED,  # the end is checked below, exactly, but only after the session and the action
            clock=clock,
        )

    def verify(self, token: Token, *, session: str, action: str) -> VerifiedJWT:
        """Verify a token that came back.

        The errors come in this order, so that the last two mean: everything else of the token holds, it is this
        session's own form, and may be shown to the person anew.

        Raises:
            UndersignError: It is not a token of this application, session and action; or it ended a day ago.
            ExpiredTokenError: It is, but it has expired.
            ReplayedError: It is, but it was used before.
            ReplayStoreError: Whether it was used cannot be told; nothing was used up.
        """
        try:
            verified = self._verifier.verify(token)
        except ExpiredTokenError:
            raise TooOldError("exp", "The form was made so long ago that nothing more is said of it.") from None
        check_same(verified, "sid", _hashed(session), "that of this session")
        if text(verified, "act") != action:
            raise IncorrectClaimError("act", "The token is of another form.")
        check_jti(verified.claims)
        claims, now = verified.claims, self._clock()
        if not max(claims["iat"], claims.get("nbf", 0)) <= now:
            raise IncorrectClaimError("iat", "The token says that it will be made in the future.")
        if not claims["exp"] > now:
            raise ExpiredTokenError("exp", "The form expired before it was sent.", help="Show it anew.")
        if self._replay is not None:
            self._replay.consume(self.burn(verified))
        return with_checks(verified, ("sid", "act", *(("once",) if self._replay is not None else ())))

    def burn(self, verified: VerifiedJWT) -> Burn:
        """The one-time thing that the token is: its ``jti`` among those of this application."""
        return Burn(PURPOSE, self._origin, check_jti(verified.claims), float(verified.claims["exp"]))


def _hashed(session: object) -> str:
    if not isinstance(session, str) or not session:
        raise PolicyError("A CSRF token is bound to a session.", help="Give people who are not logged in one, too.")
    return b64url_encode(sha256(session.encode("utf-8", "surrogatepass")).digest())
