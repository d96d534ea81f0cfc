"""JSON Web Key Sets (RFC 7517 section 5): finding the one key for a token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .keyset import HeaderKeySource, KeySet, KeySource, OneKey, Skipped, as_source
from .resolver import KeyResolver

if TYPE_CHECKING:
    from .remote import Refreshed, RemoteKeySet
    from .trust import CertificateChain, TrustedUrls

__all__ = [
    "CertificateChain",
    "HeaderKeySource",
    "KeyResolver",
    "KeySet",
    "KeySource",
    "OneKey",
    "Refreshed",
    "RemoteKeySet",
    "Skipped",
    "TrustedUrls",
    "as_source",
]


def __getattr__(name: str) -> Any:
    # What fetches or verifies chains needs more of the standard library than a token does: read when first asked for.
    if name in {"RemoteKeySet", "Refreshed"}:
        from . import remote

        return getattr(remote, name)
    if name in {"TrustedUrls", "CertificateChain"}:
        from . import trust

        return getattr(trust, name)
    raise AttributeError(name)
