"""Who takes part: the issuers whose tokens count, and the clients that the authorization server knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from undersign.access.issuers import Issuer
from undersign.fetch import Fetcher
from undersign.jwk import load_public
from undersign.jwks import KeySource
from undersign.jwks.remote import RemoteKeySet
from undersign.oauth.client import Client, ClientKey, Clients
from undersign.oauth.token_endpoint import TokenEndpoint
from undersign.settings import Settings
from undersign.settings import tables as configured
from undersign.settings.check import is_loopback
from undersign.settings.key_sets import read_key_set
from undersign.settings.moments import moment

from .keyring import ACCESS_TOKEN, Keyring, LocalKeys

__all__ = ["AuthorizationServer", "authorization_server", "issuer"]


@dataclass(frozen=True, slots=True)
class AuthorizationServer:
    """The authorization server's part of a house."""

    issuer: str
    scopes: tuple[str, ...]
    keyring: Keyring
    token_endpoint: TokenEndpoint

    def published(self) -> dict[str, Any]:
        """The JWK Set that access tokens verify with."""
        return dict(self.keyring.published(ACCESS_TOKEN).to_jwks())


def authorization_server(
    settings: Settings, keyring: Keyring, clock: Callable[[], float]
) -> AuthorizationServer | None:
    """The authorization server of this process, if that is one of its roles."""
    if "authorization" not in settings.server.roles:
        return None
    clients = {client.name: _client(client, settings) for client in settings.clients}
    scopes = tuple(sorted({scope for client in clients.values() for scope in client.scopes}))
    issuer = settings.server.url.rstrip("/")
    endpoint = TokenEndpoint(issuer, Clients(MappingProxyType(clients)), keyring, name=ACCESS_TOKEN, clock=clock)
    return AuthorizationServer(issuer, scopes, keyring, endpoint)


def _client(client: configured.Client, settings: Settings) -> Client:
    return Client(
        id=client.name,
        name=client.title or client.name,
        auth=client.auth,
        keys=_client_keys(client, settings.folder),
        remote=RemoteKeySet(client.jwks_uri, fetch=_fetcher(settings)) if client.jwks_uri else None,
        audience_policy=client.audience_policy,
        sunset=moment(client.sunset, end=True) if client.sunset else None,
        grants=client.grants,
        scopes=client.scopes,
        audiences=tuple(a for a in client.audiences if a != settings.server.url),
        enabled=not client.disabled,
    )


def _client_keys(client: configured.Client, folder: Path) -> tuple[ClientKey, ...]:
    found: list[ClientKey] = []
    if client.jwks:
        found += [ClientKey(key) for key in read_key_set(client.jwks, folder=folder)]
    for key in client.keys:
        found.append(
            ClientKey(
                load_public(key.jwk or key.pem or key.x509),
                moment(key.not_before) if key.not_before else 0.0,
                moment(key.not_after, end=True) if key.not_after else float("inf"),
            )
        )
    return tuple(found)


def issuer(found: configured.Issuer, settings: Settings, keyring: Keyring) -> Issuer:
    """An issuer whose tokens count, with the place where its keys are."""
    return Issuer(
        found.name,
        found.iss,
        _issuer_keys(found, settings, keyring),
        found.audience,
        found.algorithms,
        types=found.types,
        require=found.require,
        leeway=found.leeway,
        max_lifetime=found.max_lifetime,
    )


def _issuer_keys(found: configured.Issuer, settings: Settings, keyring: Keyring) -> KeySource:
    if found.jwks == "local":
        return LocalKeys(keyring, ACCESS_TOKEN)
    if found.jwks:
        return read_key_set(found.jwks, folder=settings.folder)
    fetch = _fetcher(settings, settings.fetch.allowed(found.name))
    if found.discovery:
        return RemoteKeySet.from_issuer(found.iss, fetch=fetch)
    return RemoteKeySet(found.jwks_uri, fetch=fetch)


def _fetcher(settings: Settings, allow: tuple[str, ...] = ()) -> Fetcher:
    plain = is_loopback(urlsplit(settings.server.url).hostname or "")
    return Fetcher(timeout=settings.fetch.timeout, size=settings.fetch.size, allow=allow, plain_loopback=plain)
