"""Keys in software: sealed at rest by a vault, parsed once and kept, for parsing holds the GIL for 47 ms and more."""

from __future__ import annotations

from threading import Lock
from typing import Final, Protocol

from undersign.encoding import dump_json
from undersign.errors import KeyMaterialError, quoted
from undersign.jwk import Key, generate, load

from .token import KeyRecord, NewKey, NewName

__all__ = ["SoftwareToken", "Vault"]


class Vault(Protocol):
    """Where sealed private halves are; what is sealed is bound to the record it was sealed for."""

    def seal(self, record: KeyRecord, secret: bytes) -> bytes:
        """Seal a private half for the place of this record."""

    def unseal(self, record: KeyRecord) -> bytes:
        """Read and open the private half of this record.

        Raises:
            StorageError: There is none, or it was sealed for another place or under another master key.
        """


class SoftwareToken:
    """A crypto token whose keys are in this process's memory while it runs."""

    inside: Final = True

    def __init__(self, name: str, vault: Vault) -> None:
        self.name = name
        self._vault = vault
        self._keys: dict[str, Key] = {}
        self._loading = Lock()

    def generate(self, wanted: NewName) -> NewKey:
        """Make a key and seal its private half for the place that its record will have."""
        key = generate(wanted.alg)
        public = key.public()
        thumbprint = public.thumbprint()
        record = KeyRecord(
            name=wanted.name,
            version=wanted.version,
            purpose=wanted.purpose,
            alg=wanted.alg,
            state="active",
            kid=key.kid or thumbprint,
            thumbprint=thumbprint,
            public_jwk=dump_json(public.to_jwk()).decode(),
            token=self.name,
            created_at=wanted.now,
        )
        return NewKey(record, self._vault.seal(record, dump_json(key.to_jwk(private=True))))

    def signer(self, record: KeyRecord) -> Key:
        """Give the key, loaded now so that no request waits for it; its private half cannot be written out."""
        return self._key(record)

    def _key(self, record: KeyRecord) -> Key:
        key = self._keys.get(record.thumbprint)
        if key is None:
            with self._loading:
                key = self._keys.get(record.thumbprint) or self._load(record)
                self._keys[record.thumbprint] = key
        return key

    def _load(self, record: KeyRecord) -> Key:
        key = load(self._vault.unseal(record), alg=record.alg, kid=record.kid)
        if key.public().thumbprint() != record.thumbprint:
            raise KeyMaterialError(
                f"The private half stored for key {quoted(record.name)} is another key's.",
                help="Somebody changed the database; restore it from a backup.",
            )
        return key.unexportable()
