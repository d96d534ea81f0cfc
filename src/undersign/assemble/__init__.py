"""Build a server from its settings: the only room that knows every other one.

The order matters: the database, the master key, the root of the audit chain, the writer; then the keys that the file
asks for, each with one purpose; then who is trusted, which rules hold, which workers and clients there are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from undersign.access.issuers import Issuers, VerifiedCaller
from undersign.access.rules import Rule
from undersign.audit.record import Entry, Write
from undersign.cryptotoken import KINDS as TOKEN_KINDS
from undersign.jwk import Key, generate
from undersign.settings import Settings, secret
from undersign.settings.check import is_loopback
from undersign.signing.process import SigningProcess
from undersign.storage.database import Database
from undersign.storage.envelope import Envelope, master_key
from undersign.storage.heads import HeadSigner
from undersign.storage.keys import disabled, ensure_key
from undersign.storage.ledger.ledger import Ledger

from .check import check, check_safe, storage_url
from .keyring import DEFAULT_ALG, Keyring, OpenedLog, join_log, open_log, wanted_keys
from .parties import AuthorizationServer, authorization_server, issuer
from .workers import workers

__all__ = [
    "AuthorizationServer",
    "House",
    "Keyring",
    "address_of",
    "assemble",
    "check",
    "check_safe",
    "envelope_of",
    "is_loopback",
    "master_reference",
    "open_database",
    "opened_log",
]


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
    ledger: Ledger
    keyring: Keyring
    issuers: Issuers
    signing: SigningProcess
    auditor: Rule | None
    authorization: AuthorizationServer | None
    heads: HeadSigner
    root: str
    probe_key: Key
    clock: Callable[[], float]

    def started(self) -> None:
        """Record that this process serves."""
        roles = " ".join(self.settings.server.roles)
        self.ledger.submit(Write(Entry("start", "ok", detail=(("roles", roles),)))).result()

    def probe(self) -> None:
        """Sign a fixed string with a key that exists for nothing else."""
        self.probe_key.public().verify(b"undersign probe", self.probe_key.sign(b"undersign probe"))

    def admit(self, token: str | None) -> VerifiedCaller:
        """Verify a token for a request that writes nothing, and ask what a commit would ask; blocking.

        Raises:
            UnauthenticatedError: There is none, or none that is accepted.
            AccessError: Its issuer is disabled.
        """
        caller = self.issuers.admit(token)
        self.ledger.reading.check(caller.requires)
        return caller

    def disabled(self, kind: str) -> frozenset[str]:
        """Who of a kind (client, issuer, worker, user) is disabled now; blocking."""
        return disabled(self.ledger.reading.now(), kind)

    def close(self) -> None:
        """Record the end, commit what waits, and let go of the database."""
        try:
            self.ledger.submit(Write(Entry("stop", "ok"))).result()
        finally:
            self.ledger.close()
            self.database.dispose()


def assemble(settings: Settings, *, clock: Callable[[], float] = time.time) -> House:
    """Build the server that the settings describe; the database converges to them.

    Raises:
        SettingsError: ``settings.check`` has a problem with them, or their secrets are not there.
        StorageError: The database cannot be used.
        ChainError: The audit chain has another root than the key that is there.
    """
    check_safe(settings)
    with ExitStack() as opened:
        database = open_database(settings)
        opened.callback(database.dispose)
        log = open_log(database, envelope_of(settings), settings, clock)
        opened.callback(log.ledger.close)
        tokens = {name: TOKEN_KINDS[kind](name, log.vault) for name, kind in _token_kinds(settings)}
        keyring = Keyring(log.ledger.reading, tokens, settings)
        for name, wanted in wanted_keys(settings):
            ensure_key(log.ledger.reading, log.ledger, tokens[name], wanted, now=clock())
        keyring.reload()
        house = _house(settings, database, log, keyring, clock)
        log.ledger.submit(Write(Entry("config_loaded", "ok", detail=(("sha256", settings.fingerprint),)))).result()
        opened.pop_all()
    return house


def _house(
    settings: Settings, database: Database, log: OpenedLog, keyring: Keyring, clock: Callable[[], float]
) -> House:
    rules = {rule.name: Rule.parse(rule.name, rule.text) for rule in settings.rules}
    issuers = Issuers([issuer(each, settings, keyring) for each in settings.issuers], clock=clock)
    return House(
        settings=settings,
        url=settings.server.url.rstrip("/"),
        database=database,
        ledger=log.ledger,
        keyring=keyring,
        issuers=issuers,
        signing=SigningProcess(workers(settings, rules), issuers, keyring, clock),
        auditor=rules.get("auditor"),
        authorization=authorization_server(settings, keyring, clock),
        heads=HeadSigner(log.ledger, chain=log.chain, root=log.root, clock=clock),
        root=log.root.public().thumbprint(),
        probe_key=generate(DEFAULT_ALG),
        clock=clock,
    )


def open_database(settings: Settings, *, migrate: bool | None = None) -> Database:
    """Open the database of a configuration; a path is seen from the folder of its file.

    Args:
        settings: The configuration.
        migrate: Whether the schema may be changed; as the file says where not given.

    Raises:
        SettingsError, StorageError: It cannot be opened.
    """
    url, password = address_of(settings)
    allowed = settings.storage.migrate if migrate is None else migrate
    return Database.open(url, password=password, migrate=allowed)


def address_of(settings: Settings) -> tuple[str, str]:
    """Give the address of a configuration's database, as it is from here, and the password that it needs.

    Raises:
        SettingsError: The password is not there.
    """
    stored = settings.storage
    return storage_url(settings), secret(stored.password, folder=settings.folder) if stored.password else ""


def envelope_of(settings: Settings) -> Envelope:
    """Read the master key of a configuration; only the demo makes one.

    Raises:
        SettingsError: It is not there, not well-formed, or others can read it.
    """
    return Envelope(master_key(master_reference(settings), create=settings.server.demo))


@contextmanager
def opened_log(settings: Settings, *, clock: Callable[[], float] = time.time) -> Iterator[tuple[Database, OpenedLog]]:
    """Open the log of a configuration to write to it, beside its servers or without them.

    Raises:
        SettingsError, StorageError: It cannot be opened.
        ChainError: It has another root than the key that is there.
    """
    with ExitStack() as opened:
        database = open_database(settings, migrate=False)
        opened.callback(database.dispose)
        log = join_log(database, envelope_of(settings), settings, clock)
        opened.callback(log.ledger.close)
        yield database, log


def master_reference(settings: Settings) -> str:
    """Say where a configuration's master key is; a path is seen from the folder of its file."""
    reference = settings.storage.master_key
    kind, _, name = reference.partition(":")
    return f"file:{settings.folder / name}" if kind == "file" else reference


def _token_kinds(settings: Settings) -> list[tuple[str, str]]:
    named = [(token.name, token.kind) for token in settings.tokens]
    return named if any(name == "software" for name, _ in named) else [("software", "software"), *named]
