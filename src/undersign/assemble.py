"""Build a server from its settings: the only room that knows every other one.

The order matters: the database, the master key, the root of the audit chain, the writer; then the keys that the file
asks for, each with one purpose; then who is trusted, which rules hold, which workers and clients there are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from . import settings as configured
from .access.issuers import Issuer, Issuers
from .access.rules import Rule
from .audit.record import Entry, KeyRef
from .cryptotoken import KINDS as TOKEN_KINDS
from .cryptotoken.lifecycle import Wanted, create
from .cryptotoken.token import CryptoToken, TokenSigner
from .encoding import dump_json
from .errors import PolicyError, SettingsError, UnusableKeyError, quoted
from .fetch import Fetcher
from .jwk import Key, generate, load_public
from .jwks import KeySet, KeySource
from .jwks.remote import RemoteKeySet
from .oauth.client import AUDIENCE_POLICIES, Client, ClientKey, Clients
from .oauth.client_auth import METHODS
from .oauth.grants import GRANTS
from .oauth.token_endpoint import Server
from .settings import Settings, secret
from .signing import mapping
from .signing.authorizers import Anyone, Authorizer, Rules
from .signing.usage import BINDS
from .signing.worker import ActiveKey, Worker, Workers
from .signing.workers import KINDS as FORMATS
from .storage.audit import open_chain
from .storage.engine import Database
from .storage.envelope import Envelope, master_key
from .storage.heads import HeadSigner
from .storage.keys import KeyStore, ensure_key, write_of
from .storage.writer import Write, Writer

__all__ = [
    "ACCESS_TOKEN",
    "AUDIT_ROOT",
    "RECEIPT",
    "AuthorizationServer",
    "House",
    "Keyring",
    "assemble",
    "is_loopback",
]

ACCESS_TOKEN: Final = "access-token"  # noqa: S105 - the name of a key
RECEIPT: Final = "receipt"
AUDIT_ROOT: Final = "audit-root"
_OWN: Final = {ACCESS_TOKEN: "access_token", RECEIPT: "receipt", AUDIT_ROOT: "audit_root"}
_DEFAULT_ALG: Final = "Ed25519"


class Keyring:
    """The keys that this process signs with; loaded before the first request, and again when a commit refuses one."""

    def __init__(self, store: KeyStore, tokens: Mapping[str, CryptoToken], limits: Mapping[str, int | None]) -> None:
        self._store = store
        self._tokens = tokens
        self._limits = limits
        self._active: dict[str, ActiveKey] = {}
        self._lock = Lock()

    def reload(self) -> None:
        """Read which version of each key signs now."""
        with self._lock:
            found: dict[str, ActiveKey] = {}
            for record in self._store.records():
                if record.state == "active" and record.token in self._tokens:
                    ref = KeyRef(record.name, record.kid, record.version)
                    signer = self._tokens[record.token].signer(record)
                    found[record.name] = ActiveKey(ref, signer, self._limits.get(record.name))
            self._active = found

    def active(self, name: str) -> ActiveKey:
        """The version of this key that signs now, as far as this process knows; the commit asks the database.

        Raises:
            UnusableKeyError: None does.
        """
        found = self._active.get(name)
        if found is None:
            raise UnusableKeyError(f"Key {quoted(name)} has no active version.", help="Rotate it, or enable a version.")
        return found

    def published(self, name: str) -> KeySet:
        """The public halves of a key: the version that signs, and those that what was signed still verifies with."""
        return KeySet(record.public() for record in self._store.published(name))


@dataclass(frozen=True, slots=True)
class LocalKeys:
    """The keys of an issuer that is this very process: read in memory, never fetched."""

    keyring: Keyring
    name: str

    def find(self, kid: str | None, x5t_s256: str | None, alg: str, /) -> Key:
        """Find the one key for a token."""
        return self.keyring.published(self.name).find(kid, x5t_s256, alg)


@dataclass(frozen=True, slots=True)
class AuthorizationServer:
    """The authorization server's part of a house."""

    issuer: str
    clients: Clients
    scopes: tuple[str, ...]
    keyring: Keyring
    clock: Callable[[], float]

    def now(self) -> Server:
        """What the token endpoint knows of itself at this moment."""
        key = self.keyring.active(ACCESS_TOKEN)
        return Server(self.issuer, self.clients, key.ref, key.signer, self.clock)

    def published(self) -> dict[str, Any]:
        """The JWK Set that access tokens verify with."""
        return dict(self.keyring.published(ACCESS_TOKEN).to_jwks())


@dataclass(frozen=True, slots=True)
class House:
    """A server, whole.

    Attributes:
        auditor: The rule that says who may read the log; None lets nobody.
        root: The fingerprint (RFC 7638) of the audit chain's root key, to be kept elsewhere.
    """

    settings: Settings
    url: str
    database: Database
    writer: Writer
    keyring: Keyring
    issuers: Issuers
    workers: Workers
    auditor: Rule | None
    authorization: AuthorizationServer | None
    heads: HeadSigner
    root: str
    probe_key: Key
    clock: Callable[[], float]

    def started(self) -> None:
        """Record that this process serves."""
        self.writer.submit(
            Write(Entry("start", "ok", detail=(("roles", " ".join(self.settings.server.roles)),)))
        ).result()

    def probe(self) -> None:
        """Sign a fixed string with a key that exists for nothing else."""
        self.probe_key.public().verify(b"undersign probe", self.probe_key.sign(b"undersign probe"))

    def close(self) -> None:
        """Record the end, commit what waits, and let go of the database."""
        self.writer.submit(Write(Entry("stop", "ok"))).result()
        self.writer.close()
        self.database.dispose()


def assemble(settings: Settings, *, clock: Callable[[], float] = time.time) -> House:
    """Build the server that the settings describe; the database converges to them.

    Raises:
        SettingsError: Something cannot be built, or must not be.
        StorageError: The database cannot be used.
        ChainError: The audit chain has another root than the key that is there.
    """
    database = Database.open(storage_url(settings))
    envelope = Envelope(master_key(_located(settings.storage.master_key, settings.folder), create=settings.server.demo))
    store = KeyStore(database, envelope)
    tokens = {name: TOKEN_KINDS[kind](name, store) for name, kind in _token_kinds(settings)}
    writer, root = _open_chain(database, store, tokens["software"], settings, clock)
    keyring = Keyring(store, tokens, {key.name: key.limit for key in settings.keys})
    for name, wanted in _wanted_keys(settings):
        ensure_key(store, writer, tokens[name], wanted, now=clock())
    keyring.reload()
    rules = {rule.name: Rule.parse(rule.name, rule.text) for rule in settings.rules}
    writer.submit(Write(Entry("config_loaded", "ok", detail=(("sha256", settings.fingerprint),)))).result()
    return House(
        settings=settings,
        url=settings.server.url.rstrip("/"),
        database=database,
        writer=writer,
        keyring=keyring,
        issuers=Issuers([_issuer(issuer, settings, keyring) for issuer in settings.issuers], clock=clock),
        workers=_workers(settings, rules),
        auditor=rules.get("auditor"),
        authorization=_authorization(settings, keyring, clock),
        heads=HeadSigner(database, writer, root, clock=clock),
        root=root.public.thumbprint(),
        probe_key=generate(_DEFAULT_ALG),
        clock=clock,
    )


def is_loopback(host: str) -> bool:
    """Whether this is a literal loopback address, or the name that stands for both."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def storage_url(settings: Settings) -> str:
    """Where the database is; a path is seen from the folder of the configuration file."""
    kind, _, name = settings.storage.url.partition(":")
    return f"sqlite:{settings.folder / name}" if kind == "sqlite" else settings.storage.url


# -- the chain and the keys --


def _open_chain(
    database: Database, store: KeyStore, token: CryptoToken, settings: Settings, clock: Callable[[], float]
) -> tuple[Writer, TokenSigner]:
    """Open the chain under its root key, which is made with it, and start the writer."""
    known = store.records(AUDIT_ROOT)
    wanted = Wanted(AUDIT_ROOT, _OWN[AUDIT_ROOT], _DEFAULT_ALG)
    plan = None if known else create(token, store.records(), wanted, now=int(clock()))
    record = store.active(AUDIT_ROOT) if plan is None else plan.record
    open_chain(database, record.public(), now=clock(), node=settings.server.node)
    writer = Writer(database, node=settings.server.node, clock=clock).start()
    if plan is not None:
        writer.submit(write_of(plan)).result()
    return writer, token.signer(record)


def _token_kinds(settings: Settings) -> list[tuple[str, str]]:
    named = [(token.name, token.kind) for token in settings.tokens]
    return named if any(name == "software" for name, _ in named) else [("software", "software"), *named]


def _wanted_keys(settings: Settings) -> list[tuple[str, Wanted]]:
    """Each key that configuration asks for, with the crypto token it lives in; and the reserved ones."""
    found = [
        (key.token or "software", Wanted(key.name, configured.purpose_of(settings, key.name), key.alg))
        for key in settings.keys
        if not key.disabled and key.name != AUDIT_ROOT
    ]
    named = {wanted.name for _, wanted in found}
    needed = {"authorization": ACCESS_TOKEN, "signing": RECEIPT}
    for role, name in needed.items():
        if role in settings.server.roles and name not in named:
            found.append(("software", Wanted(name, _OWN[name], _DEFAULT_ALG)))
    return found


# -- who is trusted --


def _issuer(issuer: configured.Issuer, settings: Settings, keyring: Keyring) -> Issuer:
    return Issuer(
        issuer.name,
        issuer.iss,
        _issuer_keys(issuer, settings, keyring),
        issuer.audience or f"{settings.server.url.rstrip('/')}/sign",
        issuer.algorithms,
        types=issuer.types,
        require=issuer.require,
        leeway=issuer.leeway,
        max_lifetime=issuer.max_lifetime,
    )


def _issuer_keys(issuer: configured.Issuer, settings: Settings, keyring: Keyring) -> KeySource:
    if issuer.jwks == "local":
        return LocalKeys(keyring, ACCESS_TOKEN)
    if issuer.jwks:
        return KeySet.load(secret(issuer.jwks, folder=settings.folder))
    fetch = Fetcher(
        timeout=settings.fetch.timeout,
        size=settings.fetch.size,
        allow=dict(settings.fetch.allow).get(issuer.name, ()),
        plain_loopback=is_loopback(urlsplit(settings.server.url).hostname or ""),
    )
    if issuer.jwks_uri:
        return RemoteKeySet(issuer.jwks_uri, fetch=fetch)
    return RemoteKeySet.from_issuer(issuer.iss, fetch=fetch)


def _workers(settings: Settings, rules: Mapping[str, Rule]) -> Workers:
    found = {worker.name: _worker(worker, rules) for worker in settings.workers if not worker.disabled}
    return Workers(MappingProxyType(found))


def _worker(worker: configured.Worker, rules: Mapping[str, Rule]) -> Worker:
    if worker.format not in FORMATS:
        raise SettingsError(f"Worker {quoted(worker.name)}: the format {quoted(worker.format)} is not built.")
    if worker.bind not in BINDS:
        raise SettingsError(f"Worker {quoted(worker.name)}: bind {quoted(worker.bind)} is not built.")
    missing = [name for name in worker.allow if name not in rules]
    if missing or not (worker.anyone or worker.allow):
        raise SettingsError(f"Worker {quoted(worker.name)}: allow names no rule, or one that is not there.")
    anyone: Authorizer = Anyone()
    made = Worker(
        name=worker.name,
        format=worker.format,
        key=worker.key,
        authorizer=anyone
        if worker.anyone
        else Rules(frozenset(worker.issuers), tuple(rules[name] for name in worker.allow)),
        issuers=() if worker.anyone else worker.issuers,
        mapping=tuple(mapping.parse(entry.target, entry.source) for entry in worker.map),
        bind="none" if worker.anyone else worker.bind,
        type=worker.type,
        detached_from=worker.detached_from,
        configuration=sha256(dump_json(_plain(asdict(worker)))).hexdigest(),
    )
    try:
        FORMATS[made.format].check_configuration(made)
    except PolicyError as error:
        raise SettingsError(error.message, help=error.help) from error
    return made


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items()}
    return [_plain(member) for member in value] if isinstance(value, (list, tuple)) else value


# -- the authorization server --


def _authorization(settings: Settings, keyring: Keyring, clock: Callable[[], float]) -> AuthorizationServer | None:
    if "authorization" not in settings.server.roles:
        return None
    clients = {client.name: _client(client, settings) for client in settings.clients}
    scopes = tuple(sorted({scope for client in clients.values() for scope in client.scopes}))
    issuer = settings.server.url.rstrip("/")
    return AuthorizationServer(issuer, Clients(MappingProxyType(clients)), scopes, keyring, clock)


def _client(client: configured.Client, settings: Settings) -> Client:
    unknown = [
        *(f"auth {client.auth}" for _ in [0] if client.auth not in METHODS),
        *(f"grant {name}" for name in client.grants if name not in GRANTS),
        *(f"audience_policy {client.audience_policy}" for _ in [0] if client.audience_policy not in AUDIENCE_POLICIES),
    ]
    if unknown:
        raise SettingsError(f"Client {quoted(client.name)}: {quoted(unknown[0])} is not built.")
    return Client(
        id=client.name,
        name=client.title,
        auth=client.auth,
        keys=_client_keys(client, settings.folder),
        audience_policy=client.audience_policy,
        sunset=_date(client.sunset),
        grants=client.grants,
        scopes=client.scopes,
        audiences=tuple(a for a in client.audiences if a != settings.server.url),
        enabled=not client.disabled,
    )


def _client_keys(client: configured.Client, folder: Path) -> tuple[ClientKey, ...]:
    found: list[ClientKey] = []
    if client.jwks:
        found += [ClientKey(key.public()) for key in KeySet.load(secret(client.jwks, folder=folder))]
    for key in client.keys:
        public = load_public(secret(key.jwk or key.pem or key.x509, folder=folder))
        found.append(ClientKey(public, _date(key.not_before) or 0.0, _date(key.not_after) or float("inf")))
    return tuple(found)


def _date(text: str) -> float | None:
    return datetime.fromisoformat(text).astimezone().timestamp() if text else None


def _located(reference: str, folder: Path) -> str:
    kind, _, name = reference.partition(":")
    return f"file:{folder / name}" if kind == "file" else reference
