"""What is unsafe in the tables of clients and users."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from undersign.errors import SettingsError, UndersignError
from undersign.jwk import load_public
from undersign.oauth.client import AUDIENCE_POLICIES
from undersign.oauth.client_auth import METHODS
from undersign.oauth.grants import GRANTS

from .key_sets import check_key_set, read_key_set
from .moments import moment
from .reader import Problem
from .tables import Client, ClientKey, Settings

__all__ = ["check_clients"]

PROFILES: Final = ("basic", "baseline")


def check_clients(settings: Settings) -> Iterator[Problem]:
    """List what is unsafe: how each client authenticates, what it may ask for, and whose keys it has."""
    seen: dict[str, str] = {}
    for client in settings.clients:
        where = f"clients.{client.name}"
        yield from _words(where, client)
        yield from _audiences(settings, client, where)
        yield from _dates(where, client)
        yield from _keys(settings, client, where)
        for thumbprint in _thumbprints(settings, client):
            if seen.setdefault(thumbprint, client.name) != client.name:
                yield Problem(where, f"has a key of clients.{seen[thumbprint]} too.", "Whose signature would it be?")
    for user in settings.users:
        if user.password is None and user.totp is not None:
            yield Problem(f"users.{user.name}", "has a second factor and no first.")


def _words(where: str, client: Client) -> Iterator[Problem]:
    for field, values, known in (
        ("auth", (client.auth,), tuple(METHODS)),
        ("profile", (client.profile,), PROFILES),
        ("audience_policy", (client.audience_policy,), AUDIENCE_POLICIES),
        ("grants", client.grants, tuple(GRANTS)),
    ):
        for value in values:
            if value not in known:
                yield Problem(f"{where}.{field}", f"{value[:40]!r} is not known.", f"One of: {', '.join(known)}.")
    if client.audience_policy.startswith("legacy") and not client.sunset:
        yield Problem(f"{where}.audience_policy", "a legacy policy needs its end.", 'Write sunset = "2027-01-01".')


def _dates(where: str, client: Client) -> Iterator[Problem]:
    spelt = [("sunset", client.sunset)]
    for key in client.keys:
        spelt += [("keys.not_before", key.not_before), ("keys.not_after", key.not_after)]
    for field, text in spelt:
        try:
            moment(text or "2027-01-01")
        except SettingsError as error:
            yield Problem(f"{where}.{field}", error.message, error.help)


def _keys(settings: Settings, client: Client, where: str) -> Iterator[Problem]:
    if sum(map(bool, (client.jwks, client.jwks_uri, client.keys))) != 1:
        yield Problem(where, "must name exactly one source of keys.", "jwks, jwks_uri or [[keys]].")
    if client.jwks:
        yield from check_key_set(f"{where}.jwks", client.jwks, folder=settings.folder, whole=True)
    for key in client.keys:
        yield from _key(f"{where}.keys", key)


def _key(where: str, key: ClientKey) -> Iterator[Problem]:
    given = [document for document in (key.jwk, key.pem, key.x509) if document]
    if len(given) != 1:
        yield Problem(where, "must spell its key in exactly one way.", "jwk, pem or x509.")
    if key.usage != "sig":
        yield Problem(f"{where}.usage", f"{key.usage[:40]!r} is not for client authentication.", 'Write usage = "sig".')
    for document in given:
        try:
            load_public(document)
        except UndersignError as error:
            yield Problem(where, error.message, error.help)


def _audiences(settings: Settings, client: Client, where: str) -> Iterator[Problem]:
    if settings.server.url in client.audiences:
        yield Problem(
            f"{where}.audiences", "names the issuer: it is never a resource.", "Write {url}/sign or the like."
        )
    for uri in (*client.redirect_uris, *([client.jwks_uri] if client.jwks_uri else [])):
        parts = urlsplit(uri)
        loopback = parts.hostname in {"127.0.0.1", "::1", "localhost"}
        if parts.fragment or "*" in uri or not (parts.scheme == "https" or (parts.scheme == "http" and loopback)):
            yield Problem(where, f"{uri[:80]!r} must be https, without wildcard or fragment.")


def _thumbprints(settings: Settings, client: Client) -> Iterator[str]:
    if client.jwks.startswith("file:"):
        try:
            keys = read_key_set(client.jwks, folder=settings.folder)
        except SettingsError:
            return  # check_key_set has said why
        yield from (key.thumbprint() for key in keys)
