"""Crypto tokens: one kind of key store per file, one line per kind here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from .software import SoftwareToken, Vault
from .token import CryptoToken

__all__ = ["KINDS"]

KINDS: Final[Mapping[str, Callable[[str, Vault], CryptoToken]]] = {
    "software": SoftwareToken,
}
