"""What a client may ask tokens by: one file per grant, one line each in this table (RFC 6749 section 1.3)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Protocol

from undersign.errors import InvalidRequestError, UnauthorizedClientError, UnsupportedGrantTypeError
from undersign.oauth.client import Client
from undersign.oauth.token_request import TokenRequest

from . import client_credentials
from .granted import Granted

__all__ = ["GRANTS", "Grant", "Granted", "decide"]


class Grant(Protocol):
    """One grant."""

    NAME: str

    def grant(self, request: TokenRequest, client: Client, issuer: str) -> Granted:
        """Decide what the client gets.

        Raises:
            OAuthError: It gets nothing.
        """


GRANTS: Final[Mapping[str, Grant]] = MappingProxyType({client_credentials.NAME: client_credentials})


def decide(request: TokenRequest, client: Client, issuer: str) -> Granted:
    """Find the grant that the request names and let it decide.

    Raises:
        InvalidRequestError: No grant is named.
        UnsupportedGrantTypeError: The grant is not in the table.
        UnauthorizedClientError: The client did not register it.
        OAuthError: The grant refused.
    """
    if not request.grant_type:
        raise InvalidRequestError("grant_type is missing.")
    grant = GRANTS.get(request.grant_type)
    if grant is None:
        raise UnsupportedGrantTypeError("The grant is not one of this server's.")
    if request.grant_type not in client.grants:
        raise UnauthorizedClientError("The client did not register this grant.")
    return grant.grant(request, client, issuer)
