"""Key sets in files that the configuration names: public keys only, read before anything is served."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from undersign.errors import PrivateKeyGivenError, SettingsError, UndersignError
from undersign.jwks import KeySet
from undersign.jwks.document import parse
from undersign.limits import DEFAULT

from .reader import Problem
from .secrets import public_text

__all__ = ["check_key_set", "read_key_set"]

_HELP: Final = 'Write a JWK Set, {"keys": [...]}: `undersign jwk public KEY --set` makes one of one key.'


def read_key_set(reference: str, *, folder: Path) -> KeySet:
    """Read a key set from ``file:PATH``; what cannot be used, private keys included, is in its ``skipped``.

    Raises:
        SettingsError: It cannot be read, or has no key that can be used.
    """
    try:
        return parse(public_text(reference, folder=folder).encode("utf-8"), DEFAULT)
    except SettingsError:
        raise
    except UndersignError as error:
        raise SettingsError(error.message, help=_HELP) from error


def check_key_set(where: str, reference: str, *, folder: Path, whole: bool = False) -> Iterator[Problem]:
    """List what is wrong with a key set in a file.

    Args:
        where: Where the configuration names it.
        reference: How, as ``file:PATH``.
        folder: From where a path is seen.
        whole: Whether a single key that cannot be used is too much; a private one always is.
    """
    try:
        skipped = read_key_set(reference, folder=folder).skipped
    except SettingsError as error:
        yield Problem(where, error.message, error.help)
        return
    for key in skipped:
        if whole or isinstance(key.error, PrivateKeyGivenError):
            yield Problem(where, f"key {key.index} cannot be used: {key.error.message}", key.error.help)
