"""Build a server from its settings: the only room that knows every other one.

The order matters: the database, the master key, the root of the audit chain, the writer; then the keys that the file
asks for, each with one purpose; then who is trusted, which rules hold, which workers and clients there are.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from undersign.access.issuers import Issuers
from undersign.access.rules import Rule
from undersign.audit.record import Entry
from undersign.cryptotoken import KINDS as TOKEN_KINDS
from undersign.jwk import Key, generate
from undersign.settings import Settings
from undersign.settings.check import check_safe, is_loopback
from undersign.signing.worker import Workers
from undersign.storage.engine import Database
from undersign.storage.envelope import Envelope, master_key
from undersign.storage.heads import HeadSigner
from undersign.storage.keys import KeyStore, ensure_key
from undersign.storage.writer import Write, Writer

from .keyring import DEFAULT_ALG, Keyring, OpenedLog, open_log, wanted_keys
from .parties import AuthorizationServer, authorization_server, issuer
from .workers import workers

__all__ = ["AuthorizationServer", "House", "Keyring", "assemble", "is_loopback", "storage_url"]


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
        try:
            self.writer.submit(Write(Entry("stop", "ok"))).result()
        finally:
            self.writer.close()
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
        database = Database.open(storage_url(settings))
        opened.callback(database.dispose)
        master = _located(settings.storage.master_key, settings.folder)
        store = KeyStore(database, Envelope(master_key(master, create=settings.server.demo)))
        tokens = {name: TOKEN_KINDS[kind](name, store) for name, kind in _token_kinds(settings)}
        log = open_log(database, store, tokens["software"], settings, clock)
        opened.callback(log.writer.close)
        keyring = Keyring(store, tokens, settings)
        for name, wanted in wanted_keys(settings):
            ensure_key(store, log.writer, tokens[name], wanted, now=clock())
        keyring.reload()
        house = _house(settings, database, log, keyring, clock)
        log.writer.submit(Write(Entry("config_loaded", "ok", detail=(("sha256", settings.fingerprint),)))).result()
        opened.pop_all()
    return house


def _house(
    settings: Settings, database: Database, log: OpenedLog, keyring: Keyring, clock: Callable[[], float]
) -> House:
    rules = {rule.name: Rule.parse(rule.name, rule.text) for rule in settings.rules}
    return House(
        settings=settings,
        url=settings.server.url.rstrip("/"),
        database=database,
        writer=log.writer,
        keyring=keyring,
        issuers=Issuers([issuer(each, settings, keyring) for each in settings.issuers], clock=clock),
        workers=workers(settings, rules),
        auditor=rules.get("auditor"),
        authorization=authorization_server(settings, keyring, clock),
        heads=HeadSigner(database, log.writer, chain=log.chain, root=log.root, clock=clock),
        root=log.root.public.thumbprint(),
        probe_key=generate(DEFAULT_ALG),
        clock=clock,
    )


def storage_url(settings: Settings) -> str:
    """Where the database is; a path is seen from the folder of the configuration file."""
    kind, _, name = settings.storage.url.partition(":")
    return f"sqlite:{settings.folder / name}" if kind == "sqlite" else settings.storage.url


def _located(reference: str, folder: Path) -> str:
    kind, _, name = reference.partition(":")
    return f"file:{folder / name}" if kind == "file" else reference


def _token_kinds(settings: Settings) -> list[tuple[str, str]]:
    named = [(token.name, token.kind) for token in settings.tokens]
    return named if any(name == "software" for name, _ in named) else [("software", "software"), *named]
