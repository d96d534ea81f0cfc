"""A crypto token: holds private keys and uses them, and never lets go of one (DESIGN section 6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, Protocol, TypeAlias

from undersign.jwk import Key, load_public
from undersign.jws import Signer

__all__ = ["PURPOSES", "STATES", "CryptoToken", "KeyRecord", "NewKey", "NewName", "State"]

State: TypeAlias = Literal["active", "window", "disabled", "destroyed"]

STATES: Final[Mapping[str, str]] = {
    "active": "signs, and is published",
    "window": "signs no more, and is still published so that what it signed verifies",
    "disabled": "neither signs nor is published, until it is enabled by a recorded command",
    "destroyed": "its private half is gone",
}

# Safety rule 14: one key, one purpose.
PURPOSES: Final[Mapping[str, str]] = {
    "access_token": "access tokens of the authorization server (RFC 9068)",
    "id_token": "ID tokens of the authorization server",
    "jws": "workers that sign any content as a JWS",
    "jwt": "workers that sign claims as a JWT",
    "raw": "workers that sign bytes or digests as they come",
    "receipt": "receipts of the signing server",
    "audit_root": "certificates of the audit chain's epochs, and nothing else",
    "csrf": "tokens in the forms of the dashboard",
    "ca": "certificates",
}


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """All that is known of one version of a key, short of its private half."""

    name: str
    version: int
    purpose: str
    alg: str
    state: State
    kid: str
    thumbprint: str
    public_jwk: str
    token: str
    created_at: int
    uses: int = 0

    def moved(self, state: State) -> KeyRecord:
        """The same version, in another state."""
        return replace(self, state=state)

    def public(self) -> Key:
        """Load the public half, bound to this record's algorithm."""
        return load_public(self.public_jwk, alg=self.alg, kid=self.kid)


@dataclass(frozen=True, slots=True)
class NewName:
    """What a new key is to be called and used for."""

    name: str
    version: int
    purpose: str
    alg: str
    now: int


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made: its record and, from tokens that keep keys in the database, its sealed private half."""

    record: KeyRecord
    sealed: bytes = b""


class CryptoToken(Protocol):
    """One kind of key store. The caller has the key's state checked by the commit that records each use.

    Where a use of a key can be seen nowhere but in this process, it may come before the commit that records it.
    Elsewhere a use is reserved by a commit of its own first (DESIGN section 4); the token says which, by ``inside``.
    """

    name: str

    @property
    def inside(self) -> bool:
        """Whether a use of a key can be seen nowhere but in this process."""

    def generate(self, wanted: NewName) -> NewKey:
        """Make a key; it becomes real when its AddKey is committed."""

    def signer(self, record: KeyRecord) -> Signer:
        """Give what signs with one key, and never the key itself."""
