"""Evidence that a client proved who it is, and the one way to it: a single method, asked whole (RFC 6749 section 2.3).

An assertion passed every check; its one-time id is not used up yet. What is made for a ``ClientProof`` is sealed: the
same assertion could be proving the same thing somewhere else at this moment. Only the commit that uses up the id opens
the seal (``audit.sealed``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Final, NamedTuple, NoReturn, Protocol, final

from undersign.errors import IncorrectClaimError, InvalidClientError, InvalidRequestError, UndersignError
from undersign.jwt import VerifiedJWT
from undersign.oauth.client import Client, Clients
from undersign.oauth.token_request import TokenRequest
from undersign.replay import Burn

from .audience import Place

__all__ = ["Came", "ClientAuthentication", "ClientProof", "Method", "from_assertion"]

_GENERIC: Final = "Client authentication failed."

_MAKER: Final = object()


class Came(NamedTuple):
    """How an assertion came: by which method, with which form of audience, in which request."""

    method: str
    audience_form: str
    request_id: str


@final
class ClientProof:
    """An assertion passed every check; its one-time id is not used up yet.

    Attributes:
        client: The client it proves.
        method: The name of the method, as metadata spells it.
        burn: The one-time thing to commit with whatever is granted, or refused.
        audience_form: Which form of audience the assertion used, so that a legacy policy can be tightened.
        request_id: The request that it came with.
    """

    __slots__ = ("audience_form", "burn", "client", "method", "request_id")

    client: Client
    method: str
    request_id: str
    burn: Burn
    audience_form: str

    def __init__(self, maker: object, client: Client, burn: Burn, came: Came) -> None:
        if maker is not _MAKER:
            raise TypeError("A ClientProof is made by from_assertion only.")
        write = object.__setattr__
        write(self, "client", client)
        write(self, "burn", burn)
        write(self, "method", came.method)
        write(self, "audience_form", came.audience_form)
        write(self, "request_id", came.request_id)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError("Evidence is read-only.")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("Evidence is read-only.")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("Evidence cannot be copied or pickled: verify again where it is needed.")

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("Evidence cannot be derived from.")


def from_assertion(verified: VerifiedJWT, client: Client, burn: Burn, came: Came) -> ClientProof:
    """Make the proof from a verified assertion of this very client.

    Raises:
        IncorrectClaimError: The assertion is another client's.
    """
    if not client.id == verified.claims.get("iss") == verified.claims.get("sub"):
        raise IncorrectClaimError("sub", "The assertion is another client's.")
    return ClientProof(_MAKER, client, burn, came)


class Method(Protocol):
    """One method of client authentication; one object for each server, which may keep what it compiled."""

    NAME: ClassVar[str]

    def presents(self, request: TokenRequest) -> bool:
        """Whether the request carries this method's credentials."""

    def prove(self, request: TokenRequest, clients: Clients, place: Place) -> ClientProof:
        """Check everything that can be checked without writing.

        Raises:
            UndersignError: A check failed; the class and its claim say which.
        """


class ClientAuthentication:
    """The methods of one server."""

    def __init__(self, methods: Iterable[Method]) -> None:
        self._methods = tuple(methods)

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
