"""The access token: short-lived, for one audience, of its own type (RFC 9068 section 2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from undersign.errors import UnauthorizedClientError
from undersign.jws import Signer
from undersign.jwt.profiles.access_token import Minter

from .client_auth import ClientProof
from .grants import Granted

__all__ = ["LIFETIME", "AccessTokens"]

LIFETIME: Final = 300  # seconds


class AccessTokens:
    """Mints the tokens of one issuer; the minter is compiled once for each version of the key."""

    def __init__(self, issuer: str, clock: Callable[[], float]) -> None:
        self._issuer = issuer
        self._clock = clock
        self._minter: tuple[Signer, Minter] | None = None

    def mint(self, proof: ClientProof, granted: Granted, signer: Signer) -> str:
        """Sign the token that was granted to this very client.

        Raises:
            UnauthorizedClientError: The grant is another client's.
        """
        if (type(proof), proof.client.id) != (ClientProof, granted.client_id):
            raise UnauthorizedClientError("What was granted is another client's.")
        compiled = self._minter
        if compiled is None or compiled[0] is not signer:
            minter = Minter(signer, issuer=self._issuer, lifetime=f"{LIFETIME}s", clock=self._clock)
            compiled = self._minter = (signer, minter)
        return compiled[1].mint(
            subject=granted.subject, audience=granted.audience, client_id=granted.client_id, scope=granted.scope
        )
