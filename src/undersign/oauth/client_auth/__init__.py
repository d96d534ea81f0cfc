"""How a client proves itself at the token endpoint: one file per method, one line each in this table (RFC 6749 2.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Protocol

from undersign.errors import InvalidClientError, InvalidRequestError, UndersignError
from undersign.oauth.client import Clients
from undersign.oauth.token_request import TokenRequest

from .audience import Place
from .evidence import ClientProof
from .private_key_jwt import PrivateKeyJWT

__all__ = ["METHODS", "ClientAuthentication", "ClientProof", "Method", "Place"]

_GENERIC: Final = "Client authentication failed."


class Method(Protocol):
    """One method of client authentication; one object for each server, which may keep what it compiled."""

    NAME: str

    def presents(self, request: TokenRequest) -> bool:
        """Whether the request carries this method's credentials."""

    def prove(self, request: TokenRequest, clients: Clients, place: Place) -> ClientProof:
        """Check everything that can be checked without writing.

        Raises:
            UndersignError: A check failed; the class and its claim say which.
        """


METHODS: Final[Mapping[str, Callable[[Callable[[], float]], Method]]] = MappingProxyType(
    {PrivateKeyJWT.NAME: PrivateKeyJWT}
)


class ClientAuthentication:
    """Every method, for one server."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._methods = tuple(make(clock) for make in METHODS.values())

    def authenticate(self, request: TokenRequest, clients: Clients, place: Place) -> ClientProof:
        """Find the one mechanism that the request uses and check it whole.

        Raises:
            InvalidRequestError: The request uses two mechanisms.
            InvalidClientError: The client is not proved; one sentence for every reason, the reason itself as its cause.
        """
        # 1. Exactly one mechanism among the Authorization header, a secret in the form and an assertion.
        used = [method for method in self._methods if method.presents(request)]
        foreign = (request.authorization is not None) + (request.client_secret is not None)
        if len(used) + foreign > 1:
            raise InvalidRequestError("The request authenticates the client in two ways.")
        if not used:
            raise InvalidClientError(_GENERIC) from InvalidRequestError("No client authentication that is known here.")
        try:
            return used[0].prove(request, clients, place)
        except UndersignError as reason:
            if isinstance(reason, InvalidRequestError):
                raise
            raise InvalidClientError(_GENERIC) from reason
