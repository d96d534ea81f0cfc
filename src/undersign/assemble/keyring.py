"""The keys of a server: its audit chain's root, those that it makes for itself, those that the file asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Final

from undersign.audit.record import KeyRef
from undersign.cryptotoken.lifecycle import Wanted, create
from undersign.cryptotoken.token import CryptoToken, TokenSigner
from undersign.errors import ChainError, UnusableKeyError, quoted
from undersign.jwk import Key
from undersign.jwks import KeySet
from undersign.settings import RESERVED_KEYS, Settings
from undersign.signing.worker import ActiveKey
from undersign.storage.audit import open_chain
from undersign.storage.engine import Database
from undersign.storage.keys import KeyStore
from undersign.storage.writer import Writer

__all__ = [
    "ACCESS_TOKEN",
    "AUDIT_ROOT",
    "DEFAULT_ALG",
    "RECEIPT",
    "Keyring",
    "LocalKeys",
    "OpenedLog",
    "open_log",
    "wanted_keys",
]

ACCESS_TOKEN: Final = "access-token"  # noqa: S105 - the name of a key
RECEIPT: Final = "receipt"
AUDIT_ROOT: Final = "audit-root"
DEFAULT_ALG: Final = "Ed25519"


class Keyring:
    """The keys that this process signs with; loaded before the first request, and again when a commit refuses one."""

    def __init__(self, store: KeyStore, tokens: Mapping[str, CryptoToken], settings: Settings) -> None:
        self._store = store
        self._tokens = tokens
        self._limits = {key.name: key.limit for key in settings.keys}
        self._disabled = frozenset(key.name for key in settings.keys if key.disabled)
        self._active: dict[str, ActiveKey] = {}
        self._sets: dict[str, tuple[tuple[tuple[str, str, str], ...], KeySet]] = {}
        self._lock = Lock()

    def reload(self) -> None:
        """Read which version of each key signs now."""
        with self._lock:
            found: dict[str, ActiveKey] = {}
            for record in self._store.records():
                if record.state == "active" and record.token in self._tokens and record.name not in self._disabled:
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
        if name in self._disabled:
            return KeySet()
        # Which keys count is read at each use (safety rule 16); the same ones need not be parsed again.
        records = self._store.published(name)
        known = tuple((record.thumbprint, record.alg, record.kid) for record in records)
        found = self._sets.get(name)
        if found is None or found[0] != known:
            self._sets[name] = found = (known, KeySet(record.public() for record in records))
        return found[1]


@dataclass(frozen=True, slots=True)
class LocalKeys:
    """The keys of an issuer that is this very process: read in memory, never fetched."""

    keyring: Keyring
    name: str

    def find(self, kid: str | None, x5t_s256: str | None, alg: str, /) -> Key:
        """Find the one key for a token."""
        return self.keyring.published(self.name).find(kid, x5t_s256, alg)


@dataclass(frozen=True, slots=True)
class OpenedLog:
    """The log, ready to be written: its chain, its writer, and the root that certifies who signs its heads."""

    chain: str
    writer: Writer
    root: TokenSigner


def open_log(
    database: Database, store: KeyStore, token: CryptoToken, settings: Settings, clock: Callable[[], float]
) -> OpenedLog:
    """Open the chain under its root key, which is made with it, and start the writer."""
    wanted = Wanted(AUDIT_ROOT, RESERVED_KEYS[AUDIT_ROOT], DEFAULT_ALG)
    now = clock()
    opened = open_chain(
        database, lambda: create(token, store.records(), wanted, now=int(now)), now=now, node=settings.server.node
    )
    record = next((record for record in store.records(AUDIT_ROOT) if record.thumbprint == opened.root), None)
    if record is None:
        raise ChainError(
            "The audit chain of this database has a root key that is not here.",
            help="Restore the database whole, or start a new one and keep the old as evidence.",
        )
    server = settings.server
    writer = Writer(database, node=server.node, clock=clock, refusal_window=server.refusal_window)
    return OpenedLog(opened.id, writer.start(), token.signer(record))


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
