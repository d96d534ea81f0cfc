"""The registered client: what it is called, what it may ask for, and its keys with their windows (RFC 7591)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from undersign.jwk import Key
from undersign.jwks import KeySource

__all__ = ["AUDIENCE_POLICIES", "Client", "ClientKey", "Clients"]

AUDIENCE_POLICIES: Final = ("issuer", "issuer_string", "legacy_endpoint", "legacy_token_endpoint")


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A public key of a client, with the time in which it counts.

    Attributes:
        key: The public key.
        not_before: NumericDate before which it is refused.
        not_after: NumericDate after which it is refused.
        enabled: Whether an operator lets it count; read at each use.
    """

    key: Key
    not_before: float = 0.0
    not_after: float = float("inf")
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Client:
    """One registered client, as configuration and operators have it now.

    Attributes:
        auth: The one method of client authentication it uses, a name in ``client_auth.METHODS``.
        remote: Its key set at an address, where it publishes one in place of ``keys``.
        audience_policy: Which audiences its assertions may name; one of ``AUDIENCE_POLICIES``.
        sunset: NumericDate at which a ``legacy_*`` policy ends, and the client with it until it is tightened.
        signing_alg: The one algorithm of its assertions, where it registered one (``token_endpoint_auth_signing_alg``).
        audiences: The resource identifiers it may have access tokens for; the issuer is never one.
        longest_exp: How many seconds ahead an ``exp`` may lie before it is absurd rather than clamped.
    """

    id: str
    name: str
    auth: str
    keys: tuple[ClientKey, ...] = field(repr=False)
    remote: KeySource | None = field(default=None, repr=False)
    audience_policy: str = "issuer"
    sunset: float | None = None
    signing_alg: str | None = None
    grants: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    enabled: bool = True
    longest_exp: float = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Clients:
    """Every registered client, by its id."""

    by_id: Mapping[str, Client] = field(default_factory=lambda: MappingProxyType({}))
