"""A client asks for a token of its own (RFC 6749 section 4.4)."""

from __future__ import annotations

from typing import Final

from undersign.errors import InvalidRequestError, InvalidScopeError, InvalidTargetError
from undersign.oauth.client import Client
from undersign.oauth.token_request import TokenRequest

from .granted import Granted

__all__ = ["NAME", "grant"]

NAME: Final = "client_credentials"


def grant(request: TokenRequest, client: Client, issuer: str) -> Granted:
    """Decide what the client gets: its own subject, the scope it asked for, one audience."""
    return Granted(
        subject=client.id,
        client_id=client.id,
        scope=_scope(request, client),
        audience=_audience(request, client, issuer),
    )


def _scope(request: TokenRequest, client: Client) -> str:
    """The scope asked for, in the order asked; all of the client's where none is (RFC 6749 section 3.3)."""
    if request.scope is None:
        return " ".join(client.scopes)
    asked = request.scope.split(" ")
    if not all(asked) or len(set(asked)) != len(asked):
        raise InvalidScopeError("The scope is not a list of distinct words, parted by single spaces.")
    if not set(asked) <= set(client.scopes):
        raise InvalidScopeError("The client may not have that scope.")
    return request.scope


def _audience(request: TokenRequest, client: Client, issuer: str) -> str:
    """One audience: the one asked for, or the client's only one; the issuer is never one (RFC 8707 section 2)."""
    if len(request.resources) > 1:
        raise InvalidTargetError("A token is for one resource: ask once for each.")
    if not request.resources and len(client.audiences) != 1:
        raise InvalidRequestError("Name the resource: the client has more than one, or none.")
    wanted = request.resources[0] if request.resources else client.audiences[0]
    if wanted not in client.audiences or wanted == issuer:
        raise InvalidTargetError("The client may not have tokens for that resource.")
    return wanted
