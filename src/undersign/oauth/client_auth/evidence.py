"""Evidence that a client proved who it is.

An assertion passed every check; its one-time id is not used up yet. What is made for a ``ClientProof`` is sealed: the same
assertion could be proving the same thing somewhere else at this moment. Only the commit that uses up the id opens the
seal (``audit.sealed``).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, NoReturn, final

from undersign.errors import IncorrectClaimError
from undersign.jwt import VerifiedJWT
from undersign.oauth.client import Client
from undersign.replay import Burn

__all__ = ["Came", "ClientProof", "from_assertion"]

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

