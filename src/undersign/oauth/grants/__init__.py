"""What a client may ask tokens by: one file per grant, one line each in this table (RFC 6749 section 1.3)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Protocol

from undersign.oauth.client import Client
from undersign.oauth.token_request import TokenRequest

from . import client_credentials
from .granted import Granted

__all__ = ["GRANTS", "Grant", "Granted"]


class Grant(Protocol):
    """One grant."""

    NAME: str

    def grant(self, request: TokenRequest, client: Client, issuer: str) -> Granted:
        """Decide what the client gets.

        Raises:
            OAuthError: It gets nothing.
        """


GRANTS: Final[Mapping[str, Grant]] = MappingProxyType({client_credentials.NAME: client_credentials})
