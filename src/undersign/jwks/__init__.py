"""JSON Web Key Sets (RFC 7517 section 5): finding the one key for a token."""

from __future__ import annotations

from .keyset import KeySet, KeySource, OneKey, Skipped, as_source
from .resolver import KeyResolver

__all__ = ["KeyResolver", "KeySet", "KeySource", "OneKey", "RemoteKeySet", "Skipped", "as_source"]


def __getattr__(name: str) -> object:
    # A remote set needs more of the standard library than a token does, so it is read when first asked for.
    if name == "RemoteKeySet":
        from .remote import RemoteKeySet

        return RemoteKeySet
    raise AttributeError(name)
