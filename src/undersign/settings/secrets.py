"""Where secrets come from: the environment, or a file that only its owner can read; never the configuration itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from undersign.errors import SettingsError, quoted

__all__ = ["public_text", "secret"]

CAP: Final = 64 * 1024


def secret(reference: str, *, folder: Path) -> str:
    """Read a secret from ``env:NAME`` or ``file:PATH``; the line break at its end is not part of it.

    Raises:
        SettingsError: It is not there, or others can read the file.
    """
    kind, _, name = reference.partition(":")
    if kind == "env" and name:
        text = os.environ.get(name, "")
    elif kind == "file" and name:
        text = _read(folder / name, private=True)
    else:
        raise SettingsError("A secret must be named as env:NAME or file:PATH.")
    if not text.strip():
        raise SettingsError(f"There is no secret at {quoted(reference)}.", help="Set it before the server starts.")
    return text.rstrip("\r\n")


def public_text(reference: str, *, folder: Path) -> str:
    """Read what is public, such as a key set, from ``file:PATH``.

    Raises:
        SettingsError: It cannot be read.
    """
    kind, _, name = reference.partition(":")
    if kind != "file" or not name:
        raise SettingsError(f"{quoted(reference)} does not name a file.", help="Write file:PATH.")
    return _read(folder / name, private=False)


def _read(path: Path, *, private: bool) -> str:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(CAP + 1).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"The file {quoted(path.name)} cannot be read: {type(error).__name__}.",
            help="Check its name, which is seen from the configuration's folder, and who may read it.",
        ) from error
    if len(text) > CAP:
        raise SettingsError(f"The file {quoted(path.name)} is larger than {CAP} octets.")
    if private and mode & 0o077:
        raise SettingsError(f"Others can read the secret in {quoted(path.name)}.", help="chmod 600 it.")
    return text
