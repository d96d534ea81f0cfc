"""Evidence that a client proved who it is, in two steps: a proof, and what the proof is worth once it is used up.

A ``ClientProof`` says that an assertion was checked whole. It opens nothing: the same assertion could be proving
the same thing somewhere else at this moment. Only when its one-time id has been committed does ``confirm`` turn it
into an ``AuthenticatedClient``, and only that is taken where something is granted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NoReturn, final

from undersign.audit.chain import Line
from undersign.errors import IncorrectClaimError, UnauthenticatedError
from undersign.jwt import VerifiedJWT
from undersign.oauth.client import Client
from undersign.replay import Burn

__all__ = ["AuthenticatedClient", "Came", "ClientProof", "confirm", "from_assertion"]

_MAKER: Final = object()


@dataclass(frozen=True, slots=True)
class Came:
    """How an assertion came: by which method, with which form of audience, in which request."""

    method: str
    audience_form: str
    request_id: str


class _Evidence:
    """What both share: built here only, read-only, not copied and not pickled."""

    __slots__ = ()

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError("Evidence is read-only.")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("Evidence is read-only.")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("Evidence cannot be copied or pickled: verify again where it is needed.")

    def __init_subclass__(cls) -> None:
        if cls.__module__ != __name__:
            raise TypeError("Evidence cannot be derived from.")


@final
class ClientProof(_Evidence):
    """An assertion passed every check; its one-time id is not used up yet.

    Attributes:
        client: The client it proves.
        method: The name of the method, as metadata spells it.
        burn: The one-time thing to commit before anything is granted.
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
        object.__setattr__(self, "client", client)
        object.__setattr__(self, "burn", burn)
        for name in ("method", "audience_form", "request_id"):
            object.__setattr__(self, name, getattr(came, name))


@final
class AuthenticatedClient(_Evidence):
    """A client whose proof has been used up: it may be granted something."""

    __slots__ = ("client", "method")

    client: Client
    method: str

    def __init__(self, maker: object, client: Client, method: str) -> None:
        if maker is not _MAKER:
            raise TypeError("An AuthenticatedClient is made by confirm only.")
        object.__setattr__(self, "client", client)
        object.__setattr__(self, "method", method)


def from_assertion(verified: VerifiedJWT, client: Client, burn: Burn, came: Came) -> ClientProof:
    """Make the proof from a verified assertion of this very client.

    Raises:
        IncorrectClaimError: The assertion is another client's.
    """
    if not client.id == verified.claims.get("iss") == verified.claims.get("sub"):
        raise IncorrectClaimError("sub", "The assertion is another client's.")
    return ClientProof(_MAKER, client, burn, came)


def confirm(proof: ClientProof, committed: Line) -> AuthenticatedClient:
    """Turn a proof into an authenticated client, now that the line that uses it up is committed.

    Raises:
        UnauthenticatedError: What was handed in is not a proof and a committed line.
    """
    if (type(proof), type(committed)) != (ClientProof, Line):
        raise UnauthenticatedError("Only a proof whose one-time id is committed authenticates a client.")
    if f'"{proof.request_id}"'.encode() not in committed.body:
        raise UnauthenticatedError("The committed line is another request's.")
    return AuthenticatedClient(_MAKER, proof.client, proof.method)
