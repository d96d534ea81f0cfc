"""What is unsafe in a configuration, found before anything is served (DESIGN sections 2.4 and 5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from undersign.access.grammar import parse as parse_rule
from undersign.cryptotoken import KINDS as TOKENS
from undersign.cryptotoken.token import PURPOSES
from undersign.errors import PolicyError, UndersignError
from undersign.jwa.signature import named
from undersign.jwks.remote import RemoteKeySet
from undersign.signing.mapping import parse as parse_mapping
from undersign.signing.usage import BINDS
from undersign.signing.workers import KINDS as FORMATS

from .clients import check_clients
from .key_sets import check_key_set
from .reader import Problem
from .tables import RESERVED_KEYS, Issuer, Settings, Worker

__all__ = ["check", "is_loopback"]

ROLES: Final = ("authorization", "signing", "web")
LEEWAY_CAP: Final = 60
REFUSAL_WINDOW_CAP: Final = 3600


def check(settings: Settings, *, host: str | None = None) -> tuple[Problem, ...]:
    """List what is unsafe, contradictory or not built in what the file says; see ``assemble.check`` for all of it.

    Args:
        settings: What the file says.
        host: The address to listen on, where the command line names another than the file.
    """
    return tuple(_problems(settings, host or settings.server.host))


def _problems(settings: Settings, host: str) -> Iterator[Problem]:
    yield from _server(settings, host)
    yield from _fetch(settings)
    for issuer in settings.issuers:
        yield from _issuer(settings, issuer)
    yield from _names(settings)
    yield from _keys(settings)
    for rule in settings.rules:
        try:
            parse_rule(rule.text)
        except PolicyError as error:
            yield Problem(f"rules.{rule.name}", error.message, error.help)
    for worker in settings.workers:
        yield from _worker(settings, worker)
    yield from check_clients(settings)
    yield from _without_effect(settings)


def _without_effect(settings: Settings) -> Iterator[Problem]:
    """What the file may say and this release does not do: refused, so that nobody believes it is done."""
    said = [("server.trusted_proxies", bool(settings.server.trusted_proxies))]
    said += [(f"issuers.{issuer.name}.quirks", bool(issuer.quirks)) for issuer in settings.issuers]
    for key in settings.keys:
        said += [(f"keys.{key.name}.rotate", key.rotate is not None)]
        said += [(f"keys.{key.name}.publish_ahead", key.publish_ahead is not None)]
    said += [(f"workers.{worker.name}.override", bool(worker.override)) for worker in settings.workers]
    said += [(f"users.{user.name}", True) for user in settings.users]
    yield from (Problem(where, "has no effect in this release.", "Remove it.") for where, there in said if there)


# -- server and fetch --


def _server(settings: Settings, host: str) -> Iterator[Problem]:
    server = settings.server
    if not server.url:
        yield Problem(
            "server.url", "is missing.", 'It is the issuer and base of every address: "http://localhost:8080".'
        )
    else:
        yield from _url("server.url", server.url, plain=True)
    yield from _one_of("server.roles", server.roles, ROLES)
    if server.refusal_window > REFUSAL_WINDOW_CAP:
        yield Problem("server.refusal_window", "is more than an hour: what is only counted is lost in a crash.")
    if not is_loopback(host):
        if urlsplit(server.url).scheme == "http":
            yield Problem("server.host", "listens beyond this machine, and server.url is plain http.", "Use https.")
        if server.demo:
            yield Problem("server.demo", "demo keys and passwords never listen beyond this machine.", "Remove it.")


def _url(where: str, url: str, *, plain: bool) -> Iterator[Problem]:
    """Check an address: https, or plain http to literal loopback where that is allowed."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        yield Problem(where, "is not an address.")
        return
    if not host or parts.username is not None or parts.query or parts.fragment:
        yield Problem(where, "must be a scheme, a host and a path; nothing else.")
    if url.endswith("/"):
        yield Problem(where, "must not end with a slash: issuers are compared character by character.")
    if parts.scheme != "https" and not (plain and parts.scheme == "http" and is_loopback(host)):
        yield Problem(where, "must be https.", "Plain http is for localhost, 127.0.0.1 and [::1] only.")


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine by its very spelling; no name is looked up."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _fetch(settings: Settings) -> Iterator[Problem]:
    names = [issuer.name for issuer in settings.issuers]
    for issuer, entries in settings.fetch.allow:
        yield from _reference(f"fetch.allow.{issuer}", issuer, names, "issuer")
        for entry in entries:
            try:
                if ip_network(entry, strict=False).prefixlen == 0:
                    yield Problem(f"fetch.allow.{issuer}", "allows every address.", "Name the host or its range.")
            except ValueError:
                if not entry.replace("-", "").replace(".", "").isalnum():
                    yield Problem(f"fetch.allow.{issuer}", "holds what is neither a host nor a range.")


# -- issuers --


def _issuer(settings: Settings, issuer: Issuer) -> Iterator[Problem]:
    where = f"issuers.{issuer.name}"
    plain = is_loopback(urlsplit(settings.server.url).hostname or "")
    yield from _url(f"{where}.iss", issuer.iss, plain=plain)
    if issuer.jwks_uri:
        yield from _url(f"{where}.jwks_uri", issuer.jwks_uri, plain=plain)
    if sum(map(bool, (issuer.jwks, issuer.jwks_uri, issuer.discovery))) != 1:
        yield Problem(
            where, "must name exactly one source of keys.", 'jwks = "file:..." or "local", jwks_uri, discovery.'
        )
    if issuer.jwks and issuer.jwks != "local" and not issuer.jwks.startswith("file:"):
        yield Problem(f"{where}.jwks", 'must be "local" or "file:PATH".')
    elif issuer.jwks and issuer.jwks != "local":
        yield from check_key_set(f"{where}.jwks", issuer.jwks, folder=settings.folder)
    if issuer.discovery:
        try:
            RemoteKeySet.from_issuer(issuer.iss)
        except PolicyError as error:
            yield Problem(f"{where}.discovery", error.message, error.help)
    yield from _expectations(issuer, where)


def _expectations(issuer: Issuer, where: str) -> Iterator[Problem]:
    if not issuer.audience:
        yield Problem(f"{where}.audience", "is missing: a token for somebody else would be accepted here.")
    if not issuer.algorithms:
        yield Problem(f"{where}.algorithms", "is missing.", 'Write algorithms = ["ES256", "Ed25519"].')
    for alg in issuer.algorithms:
        yield from _algorithm(f"{where}.algorithms", alg, shared=False)
    if not issuer.types:
        yield Problem(f"{where}.types", "is empty: any kind of token would be accepted.")
    if issuer.leeway > LEEWAY_CAP:
        yield Problem(f"{where}.leeway", f"is more than {LEEWAY_CAP} seconds.")
    if "exp" not in issuer.require:
        yield Problem(f"{where}.require", "must name exp: a token without end works for ever.")
    if issuer.binding != "none":
        yield Problem(f"{where}.binding", "this release does not check sender-bound tokens.", 'Write "none".')


def _algorithm(where: str, alg: str, *, shared: bool) -> Iterator[Problem]:
    try:
        row = named(alg)
    except UndersignError:
        yield Problem(where, f"there is no algorithm {alg[:40]!r}.", "See `undersign jwk generate --help`.")
        return
    if row.kty == "oct" and not shared:
        yield Problem(where, f"{alg} has a shared secret: whoever verifies could also sign.")


# -- keys, names --


def _names(settings: Settings) -> Iterator[Problem]:
    issued = [issuer.iss for issuer in settings.issuers]
    for issuer in settings.issuers:
        if issued.count(issuer.iss) > 1:
            yield Problem(f"issuers.{issuer.name}.iss", "is the iss of another entry too: whose keys would count?")
    for token in settings.tokens:
        yield from _one_of(f"tokens.{token.name}.kind", (token.kind,), tuple(TOKENS))
    if settings.ca:
        yield Problem("ca", "this release issues no certificates.", "Remove the table.")


def _keys(settings: Settings) -> Iterator[Problem]:
    tokens = [token.name for token in settings.tokens]
    for key in settings.keys:
        where = f"keys.{key.name}"
        yield from _algorithm(f"{where}.alg", key.alg, shared=False)
        if key.token:
            yield from _reference(f"{where}.token", key.token, tokens, "token")
        if key.purpose:
            yield from _one_of(f"{where}.purpose", (key.purpose,), tuple(PURPOSES))
        uses = {RESERVED_KEYS[key.name]} if key.name in RESERVED_KEYS else set()
        uses |= {key.purpose} - {""} | {worker.format for worker in settings.workers if worker.key == key.name}
        if len(uses) > 1:
            yield Problem(where, f"has {len(uses)} purposes: {', '.join(sorted(uses))}.", "One key, one purpose.")
        if not uses and not key.disabled:
            yield Problem(where, "is for nothing: no worker names it.", "Name it in a worker, or remove it.")
        if key.limit == 0:
            yield Problem(f"{where}.limit", "is 0, so the key could never sign.")


# -- workers --


def _worker(settings: Settings, worker: Worker) -> Iterator[Problem]:
    where = f"workers.{worker.name}"
    yield from _one_of(f"{where}.format", (worker.format,), tuple(FORMATS))
    if worker.format in FORMATS:
        try:
            FORMATS[worker.format].check_type(worker.type)
        except PolicyError as error:
            yield Problem(f"{where}.type", error.message, error.help)
    yield from _one_of(f"{where}.bind", (worker.bind,), BINDS)
    if not worker.key:
        yield Problem(f"{where}.key", "is missing.")
    elif worker.key in RESERVED_KEYS:
        yield Problem(
            f"{where}.key", f"{worker.key} is a key of the server itself.", "Give the worker a key of its own."
        )
    else:
        yield from _reference(f"{where}.key", worker.key, [key.name for key in settings.keys], "key")
    yield from _allowed(settings, worker, where)
    for other in settings.workers:
        if other.name < worker.name and other.key == worker.key and other.format != worker.format:
            yield Problem(
                f"{where}.key", f"also serves workers.{other.name}, of another format.", "One key, one purpose."
            )
    for entry in worker.map:
        yield from _mapping(f"{where}.map", entry.target, entry.source)


def _allowed(settings: Settings, worker: Worker, where: str) -> Iterator[Problem]:
    if not worker.allow and not worker.anyone:
        yield Problem(f"{where}.allow", "is missing: a worker without it does not start.", 'Name rules, or "anyone".')
    if "anyone" in worker.allow:
        yield Problem(f"{where}.allow", 'holds "anyone" in a list.', 'Spell it out alone: allow = "anyone".')
    for rule in worker.allow:
        if rule != "anyone":
            yield from _reference(f"{where}.allow", rule, [known.name for known in settings.rules], "rule")
    if not worker.issuers and not worker.anyone:
        yield Problem(f"{where}.issuers", "is missing: a rule means nothing without whose claims it is about.")
    for issuer in worker.issuers:
        yield from _reference(f"{where}.issuers", issuer, [known.name for known in settings.issuers], "issuer")


def _mapping(where: str, target: str, source: str) -> Iterator[Problem]:
    # All of x5*, those that no standard has yet included: a claim never says whom to trust.
    if target.lower().startswith("jws.header.x5"):
        yield Problem(where, f"a claim never chooses the header parameter {target[11:51]!r}.")
        return
    try:
        parse_mapping(target, source)
    except PolicyError as error:
        yield Problem(where, error.message, error.help)


# -- shared --


def _one_of(where: str, values: Iterable[str], known: tuple[str, ...]) -> Iterator[Problem]:
    for value in values:
        if value not in known:
            yield Problem(where, f"{value[:40]!r} is not known.", f"One of: {', '.join(known)}.")


def _reference(where: str, name: str, known: list[str], kind: str) -> Iterator[Problem]:
    if name not in known:
        near = get_close_matches(name, known, n=1)
        yield Problem(where, f"there is no {kind} {name[:40]!r}.", f"Did you mean {near[0]!r}?" if near else "")
