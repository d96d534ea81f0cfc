"""The access token: short-lived, for one audience, of its own type (RFC 9068 section 2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from undersign.cryptotoken.token import TokenSigner
from undersign.errors import UnauthorizedClientError
from undersign.jwt.profiles.access_token import Minter

from .client_auth import AuthenticatedClient
from .grants import Granted

__all__ = ["LIFETIME", "mint"]

LIFETIME: Final = 300  # seconds


def mint(
    client: AuthenticatedClient, granted: Granted, *, issuer: str, signer: TokenSigner, clock: Callable[[], float]
) -> str:
    """Sign the token that was granted to this very client.

    Raises:
        UnauthorizedClientError: The grant is another client's.
    """
    if (type(client), client.client.id) != (AuthenticatedClient, granted.client_id):
        raise UnauthorizedClientError("What was granted is another client's.")
    minter = Minter(signer, issuer=issuer, lifetime=f"{LIFETIME}s", clock=clock)
    return minter.mint(
        subject=granted.subject, audience=granted.audience, client_id=granted.client_id, scope=granted.scope
    )
