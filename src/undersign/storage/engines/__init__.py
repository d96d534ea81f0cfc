"""The kinds of database: one file each, one line each in this table, by the scheme of ``[storage] url``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Final

from undersign.errors import NotInstalledError, SettingsError, quoted

from .engine import Connection, Engine

__all__ = ["ENGINES", "Connection", "Engine", "engine_of"]

# scheme: the file of the engine. A file is imported when its engine is wanted, for its driver may not be installed.
ENGINES: Final[Mapping[str, str]] = MappingProxyType({"sqlite": "sqlite", "postgresql": "postgresql"})


def engine_of(url: str, *, password: str = "") -> Engine:
    """Give the engine of an address.

    Raises:
        SettingsError: The address is not of a kind that is known.
        NotInstalledError: Its driver is not installed.
    """
    scheme = url.partition(":")[0]
    if scheme not in ENGINES:
        raise SettingsError(
            f"The storage address {quoted(url)} is not one that this release knows.",
            help='Write url = "sqlite:var/undersign.db" or "postgresql://user@host/database" under [storage].',
        )
    try:
        make: Callable[..., Engine] = import_module(f".{ENGINES[scheme]}", __package__).make
    except ModuleNotFoundError as missing:
        raise NotInstalledError(
            f"The storage address needs the package {missing.name}.", help=f"Run: pip install 'undersign[{scheme[:8]}]'"
        ) from None
    return make(url, password=password)
