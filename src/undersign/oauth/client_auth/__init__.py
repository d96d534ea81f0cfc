"""How a client proves itself at the token endpoint: one file per method, one line each in this table (RFC 6749 2.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from .audience import Place
from .evidence import ClientAuthentication, ClientProof, Method
from .private_key_jwt import PrivateKeyJWT

__all__ = ["METHODS", "ClientAuthentication", "ClientProof", "Method", "Place", "client_authentication"]

METHODS: Final[Mapping[str, Callable[[Callable[[], float]], Method]]] = MappingProxyType(
    {PrivateKeyJWT.NAME: PrivateKeyJWT}
)


def client_authentication(clock: Callable[[], float]) -> ClientAuthentication:
    """Every method, for one server."""
    return ClientAuthentication([make(clock) for make in METHODS.values()])
