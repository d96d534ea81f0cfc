"""Secrets at rest: AES-256-GCM, each bound to its place, under a master key that is not in the database.

The associated data is (chain, table, id, version, purpose, alg, thumbprint), so a row moved or swapped by somebody who
can write to the database does not open, nor one that was carried over from another database of the same master key.
Format: one version octet, 8 octets that name the master key, 12 of nonce, the ciphertext. What is not secret and must
not be changed carries a MAC under a key derived from the master key. Version 1 of the format, which named no chain, is
opened only when a database of the first release is taken over.
"""

from __future__ import annotations

import os
import stat
from hashlib import sha256
from hmac import digest
from pathlib import Path
from secrets import token_bytes
from typing import Any, Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from undersign.encoding import b64url_decode, b64url_encode, dump_json
from undersign.errors import InvalidBase64Error, SettingsError, StorageError, quoted

__all__ = ["Envelope", "Place", "master_key"]

_VERSION: Final = b"\x02"
_FIRST: Final = b"\x01"
_NONCE: Final = 12
_NAME: Final = 8
_KEY: Final = 32


class Place(NamedTuple):
    """Where a sealed value belongs, within one database."""

    table: str
    id: str
    version: int
    purpose: str
    alg: str = ""
    thumbprint: str = ""


class Envelope:
    """Seals, opens and authenticates under one master key, for one database.

    Args:
        master: 32 octets.
        chain: The id of the database's audit chain, to which everything is bound; ``of`` gives the same for another.
    """

    def __init__(self, master: bytes, chain: str = "") -> None:
        if len(master) != _KEY:
            raise SettingsError(f"The master key must be {_KEY} octets.", help="Make one with `undersign init`.")
        self._master = master
        self.chain = chain
        self._cipher = AESGCM(master)
        self._name = sha256(b"undersign-master-key-name\0" + master).digest()[:_NAME]
        self._mac_key = digest(master, b"undersign-row-mac-v1", "sha256")

    def of(self, chain: str) -> Envelope:
        """The same master key, for the database with this chain."""
        return Envelope(self._master, chain)

    def seal(self, plaintext: bytes, place: Place) -> bytes:
        """Seal for one place."""
        nonce = token_bytes(_NONCE)
        return _VERSION + self._name + nonce + self._cipher.encrypt(nonce, plaintext, self._bound(place))

    def open(self, sealed: bytes, place: Place) -> bytes:
        """Open what was sealed for this place.

        Raises:
            StorageError: It was sealed for another place or database, under another master key, or was changed.
        """
        return self._open(sealed, place, _VERSION, self._bound(place))

    def open_first(self, sealed: bytes, place: Place) -> bytes:
        """Open what the first release sealed, which named no database; raises as ``open`` does."""
        bound = ["undersign-envelope-v1", place.table, place.id, place.version, place.purpose, place.alg]
        return self._open(sealed, place, _FIRST, dump_json(bound))

    def has_sealed(self, sealed: bytes) -> bool:
        """Whether something was sealed under this master key, by the name that it bears, without opening it."""
        return sealed[1 : 1 + _NAME] == self._name

    def mac(self, kind: str, content: list[Any]) -> bytes:
        """Authenticate a row: HMAC-SHA-256 over a JSON list of the chain, the kind and the content."""
        return digest(self._mac_key, dump_json(["undersign-row-v1", self.chain, kind, *content]), "sha256")

    def _bound(self, place: Place) -> bytes:
        # A JSON list, so that no two places collide.
        return dump_json(["undersign-envelope-v2", self.chain, *place])

    def _open(self, sealed: bytes, place: Place, version: bytes, bound: bytes) -> bytes:
        name, nonce = sealed[1 : 1 + _NAME], sealed[1 + _NAME : 1 + _NAME + _NONCE]
        if sealed[:1] != version or len(nonce) != _NONCE:
            raise StorageError(f"What is sealed for {quoted(place.id)} is not an envelope.", help=_HELP)
        if name != self._name:
            raise StorageError(
                f"What is sealed for {quoted(place.id)} needs another master key.",
                help="Point [storage] master_key at the key that this database was made with.",
            )
        try:
            return self._cipher.decrypt(nonce, sealed[1 + _NAME + _NONCE :], bound)
        except InvalidTag:
            raise StorageError(
                f"What is sealed for {quoted(place.id)} belongs elsewhere, or was changed.", help=_HELP
            ) from None


_HELP: Final = "Somebody changed the database; restore it from a backup."


def master_key(reference: str, *, create: bool = False) -> bytes:
    """Read the master key from ``file:PATH`` (readable by its owner only) or ``env:NAME``.

    Args:
        reference: Where it is; 32 octets in base64url.
        create: Make the file if it is not there; for the demo and ``undersign init`` only.

    Raises:
        SettingsError: It is not there, not well-formed, or others can read it.
    """
    kind, _, name = reference.partition(":")
    if kind == "env" and name:
        return _decoded(os.environ.pop(name, ""), f"the environment variable {name}")
    if kind != "file" or not name:
        raise SettingsError("The master key must be named as file:PATH or env:NAME.")
    path = Path(name)
    if create and not path.exists():
        _create(path)
    return _decoded(_private_text(path), f"the file {path}")


def _create(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return  # another process of ours was first
    with os.fdopen(descriptor, "w") as file:
        file.write(b64url_encode(token_bytes(_KEY)) + "\n")


def _private_text(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY)
        with os.fdopen(descriptor, encoding="ascii") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(256)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"The master key {quoted(str(path))} cannot be read: {type(error).__name__}.",
            help="If there never was one, `undersign init` makes it. What was sealed under one opens under no other."
            if isinstance(error, FileNotFoundError)
            else "Let the user that runs the server read it, and nobody else.",
        ) from error
    if not stat.S_ISREG(mode) or mode & 0o077:
        raise SettingsError(f"Others can read the master key {quoted(str(path))}.", help="chmod 600 it.")
    return text


def _decoded(text: str, where: str) -> bytes:
    try:
        key = b64url_decode(text.strip())
    except InvalidBase64Error:
        key = b""
    if len(key) != _KEY:
        raise SettingsError(f"There is no master key in {where}.", help="It must hold 32 octets in base64url.")
    return key
