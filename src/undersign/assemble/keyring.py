"""The keys of a server: its audit chain's root, those that it makes for itself, those that the file asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final, NoReturn

from undersign.access.active_key import ActiveKey
from undersign.audit.record import KeyRef
from undersign.cryptotoken.lifecycle import Plan, Published, Wanted, create
from undersign.cryptotoken.software import SoftwareToken
from undersign.cryptotoken.token import CryptoToken
from undersign.errors import ChainError, StorageError, UnknownKeyError, UnusableKeyError, quoted
from undersign.jwk import Key
from undersign.jwks import KeySet
from undersign.settings import RESERVED_KEYS, Settings
from undersign.storage.database import Database
from undersign.storage.envelope import Envelope
from undersign.storage.keys import KeyVault, records
from undersign.storage.ledger.ledger import Ledger
from undersign.storage.ledger.lines import read_head
from undersign.storage.ledger.mark import Mark
from undersign.storage.ledger.opening import OpenedChain, open_chain
from undersign.storage.ledger.reading import Reading
from undersign.storage.trust import Picture

__all__ = [
    "ACCESS_TOKEN",
    "AUDIT_ROOT",
    "DEFAULT_ALG",
    "RECEIPT",
    "Keyring",
    "LocalKeys",
    "OpenedLog",
    "join_log",
    "mark_path",
    "open_log",
    "wanted_keys",
]

ACCESS_TOKEN: Final = "access-token"  # noqa: S105 - the name of a key
RECEIPT: Final = "receipt"
AUDIT_ROOT: Final = "audit-root"
DEFAULT_ALG: Final = "Ed25519"


class _Active(dict[str, ActiveKey]):
    """The versions of keys that sign now, as far as this process knows; the commit asks the database."""

    def __missing__(self, name: str) -> NoReturn:
        raise UnusableKeyError(f"Key {quoted(name)} has no active version.", help="Rotate it, or enable a version.")


class Keyring:
    """The keys that this process signs with; loaded before the first request, and again when a commit refuses one.

    Attributes:
        active: The version of each key that signs now; asking for one that has none raises UnusableKeyError.
    """

    def __init__(self, reading: Reading, tokens: Mapping[str, CryptoToken], settings: Settings) -> None:
        self._reading = reading
        self._tokens = tokens
        self._limits = {key.name: key.limit for key in settings.keys}
        self._disabled = frozenset(key.name for key in settings.keys if key.disabled)
        self.active: Mapping[str, ActiveKey] = _Active()
        self._sets: dict[str, tuple[int, KeySet]] = {}
        self._lock = Lock()

    def reload(self) -> None:
        """Read which version of each key signs now."""
        with self._lock:
            found = _Active()
            for record in records(self._reading.now()):
                token = self._tokens.get(record.token)
                if record.state == "active" and token is not None and record.name not in self._disabled:
                    ref = KeyRef(record.name, record.kid, record.version)
                    limit = self._limits.get(record.name)
                    found[record.name] = ActiveKey(ref, token.signer(record), limit, token.inside)
            self.active = found

    def published(self, name: str) -> KeySet:
        """The public halves of a key: the version that signs, and those that what was signed still verifies with."""
        return self._set(name, self._reading.now())

    def known(self, name: str) -> KeySet:
        """The same, as this process last knew it; for whoever asks again at the commit."""
        return self._set(name, self._reading.known or self._reading.now())

    def _set(self, name: str, picture: Picture) -> KeySet:
        if name in self._disabled:
            return KeySet()
        found = self._sets.get(name)
        if found is None or found[0] != picture.generation:
            published = (each for each in records(picture, name) if each.state in {"active", "window"})
            self._sets[name] = found = (picture.generation, KeySet(record.public() for record in published))
        return found[1]


@dataclass(frozen=True, slots=True)
class LocalKeys:
    """The keys of an issuer that is this very process: read in memory, never fetched."""

    keyring: Keyring
    name: str

    def find(self, kid: str | None, x5t_s256: str | None, alg: str, /) -> Key:
        """Find the one key for a token; where the known ones do not have it, among those of now."""
        try:
            return self.keyring.known(self.name).find(kid, x5t_s256, alg)
        except UnknownKeyError:
            return self.keyring.published(self.name).find(kid, x5t_s256, alg)

    def requirement(self, key: Key) -> Published:
        """That the key is still published when what it verified is made use of."""
        return Published(self.name, key.kid or "")


@dataclass(frozen=True, slots=True)
class OpenedLog:
    """The log, ready to be written: its chain, its ledger, and the root that certifies who signs its heads."""

    chain: str
    ledger: Ledger
    vault: KeyVault
    root: Key


def open_log(database: Database, master: Envelope, settings: Settings, clock: Callable[[], float]) -> OpenedLog:
    """Open the chain under its root key, which is made with it, and start the ledger."""
    wanted = Wanted(AUDIT_ROOT, RESERVED_KEYS[AUDIT_ROOT], DEFAULT_ALG)
    now, server = clock(), settings.server
    mark = Mark(mark_path(settings), replaceable=server.demo)

    def make_root(envelope: Envelope) -> Plan:
        return create(SoftwareToken("software", KeyVault(database, envelope)), (), wanted, now=int(now))

    opened = open_chain(database, master, make_root, now=now, node=server.node, mark=mark)
    return _log(database, opened, settings, clock, mark)


def join_log(database: Database, master: Envelope, settings: Settings, clock: Callable[[], float]) -> OpenedLog:
    """Open a log that is there, for a command that works beside its servers.

    Where this machine keeps a mark of it, that is a start like any other. Elsewhere it is none: a machine that never
    served has no reason to doubt what the others have taken since.

    Raises:
        StorageError: There is no chain, or it cannot be used.
        ChainError: It has another root than the key that is there.
    """
    head = read_head(database)
    envelope = master.of(head.chain)
    with closing(Mark(mark_path(settings))) as mark:
        noted = mark.read(envelope)
    if noted is not None:
        return open_log(database, master, settings, clock)
    if not head.manifest:
        raise StorageError("The database is of the first release.", help="Serve its configuration file once.")
    return _log(database, OpenedChain(head.chain, head.root, envelope), settings, clock, None)


def _log(
    database: Database, opened: OpenedChain, settings: Settings, clock: Callable[[], float], mark: Mark | None
) -> OpenedLog:
    server = settings.server
    ledger = Ledger(
        database, opened.envelope, node=server.node, clock=clock, refusal_window=server.refusal_window, mark=mark
    ).start()
    vault = KeyVault(database, opened.envelope)
    found = (each for each in records(ledger.reading.now(), AUDIT_ROOT) if each.thumbprint == opened.root)
    record = next(found, None)
    if record is None:
        ledger.close()
        raise ChainError(
            "The audit chain of this database has a root key that is not here.",
            help="Restore the database whole, or start a new one and keep the old as evidence.",
        )
    return OpenedLog(opened.id, ledger, vault, SoftwareToken("software", vault).signer(record))


def mark_path(settings: Settings) -> Path:
    """Where the mark of this machine is: beside the master key, or beside the configuration where that is no file."""
    kind, _, name = settings.storage.master_key.partition(":")
    return settings.folder / (f"{name}.mark" if kind == "file" else "undersign.mark")


def wanted_keys(settings: Settings) -> list[tuple[str, Wanted]]:
    """Each key that configuration asks for, with the crypto token it lives in; and the reserved ones."""
    found = [
        (key.token or "software", Wanted(key.name, settings.purpose_of(key.name), key.alg))
        for key in settings.keys
        if not key.disabled and key.name != AUDIT_ROOT
    ]
    named = {wanted.name for _, wanted in found}
    needed = {"authorization": ACCESS_TOKEN, "signing": RECEIPT}
    for role, name in needed.items():
        if role in settings.server.roles and name not in named:
            found.append(("software", Wanted(name, RESERVED_KEYS[name], DEFAULT_ALG)))
    return found
