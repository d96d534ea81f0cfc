"""Where a command's input comes from: a file, standard input, the environment; as an argument only with a warning."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from .. import jwk, jwks
from ..errors import FetchError, KeyMaterialError, LimitError, PolicyError
from ..jwk import Key
from ..limits import DEFAULT

__all__ = [
    "Progress",
    "escaped",
    "is_large",
    "key_of",
    "keys_of",
    "new_file",
    "password_of",
    "read",
    "read_text",
    "token_argument",
    "token_of",
    "write",
]

_LARGEST: Final = 64 * 1024 * 1024
_NAME: Final = 1024
TOKEN_VARIABLE: Final = "UNDERSIGN_TOKEN"  # noqa: S105 - a name, not a secret
PASSWORD_VARIABLE: Final = "UNDERSIGN_KEY_PASSWORD"  # noqa: S105 - a name, not a secret


def read(name: str) -> bytes:
    """Read a file, or standard input for ``-``.

    Raises:
        FetchError: It cannot be read.
        LimitError: It is larger than 64 MiB.
    """
    try:
        octets = sys.stdin.buffer.read(_LARGEST + 1) if name == "-" else _file(Path(name))
    except OSError as error:
        raise FetchError(f"{escaped(name)} cannot be read: {error.strerror}.", help="Check the file's name.") from None
    if len(octets) > _LARGEST:
        raise LimitError(f"{escaped(name)} is larger than 64 MiB.", help="Sign a digest, or a smaller file.")
    return octets


def _file(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_LARGEST + 1)


def read_text(name: str) -> str:
    """Read a file as ASCII-compatible text without the line break at its end."""
    return read(name).decode("utf-8", "surrogateescape").strip()


def token_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument TOKEN, which names a file, ``-``, or, with a warning, is the token itself."""
    parser.add_argument(
        "token",
        nargs="?",
        default="-",
        help=f"a file with the token, - for standard input (the default); ${TOKEN_VARIABLE} is read if this is 'env'",
    )


def token_of(given: str) -> str:
    """Find the token: in a file, on standard input, in the environment, or, with a warning, in the argument."""
    if given == "env":
        if TOKEN_VARIABLE not in os.environ:
            raise PolicyError(f"The environment has no {TOKEN_VARIABLE}.", help="Set it, or name a file.")
        return os.environ[TOKEN_VARIABLE].strip()
    if given.count(".") >= 2 and given.startswith("eyJ") and not Path(given[:255]).exists():  # noqa: PLR2004
        print(
            "undersign: warning: a token on the command line is seen by every user of this machine and kept in the "
            "shell's history; prefer a file or standard input.",
            file=sys.stderr,
        )
        return given
    return read_text(given)


def password_of(options: argparse.Namespace) -> bytes | None:
    """Find the password of an encrypted key: in the file of --password-file, or in the environment."""
    name = getattr(options, "password_file", None)
    if name:
        return read(name).rstrip(b"\r\n")
    text = os.environ.get(PASSWORD_VARIABLE)
    return None if text is None else text.encode()


def key_of(name: str, *, alg: str | None = None, password: bytes | None = None) -> Key:
    """Read one key from a file: JWK, PEM, DER, OpenSSH or X.509."""
    return jwk.load(read(name), alg=alg, password=password)


def keys_of(name: str, alg: str | None = None) -> Key | jwks.KeySet:
    """Read what to verify with from a file: one key, of which the public half is taken, or a JWK Set."""
    octets = read(name)
    try:
        key = jwk.load(octets, alg=alg)
    except KeyMaterialError as error:
        if b'"keys"' not in octets:
            raise
        found = jwks.KeySet.load(octets)
        if not len(found):
            raise error from None
        return jwks.KeySet(key.public() if key.is_private and key.kty != "oct" else key for key in found)
    return key.public() if key.is_private and key.kty != "oct" else key


def write(name: str | None, octets: bytes, *, private: bool = False) -> None:
    """Write to a new file, readable by its owner alone if it is private, or to standard output."""
    if name is None or name == "-":
        sys.stdout.buffer.write(octets)
        sys.stdout.flush()
        return
    try:
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o644)
        with os.fdopen(descriptor, "wb") as file:
            file.write(octets)
    except FileExistsError:
        raise PolicyError(f"{escaped(name)} exists already.", help="Choose another name, or remove it first.") from None
    except OSError as error:
        raise FetchError(f"{escaped(name)} cannot be written: {error.strerror}.", help="Check the folder.") from None


def is_large(name: str) -> bool:
    """Tell whether a file is one to read in pieces: a file by name, longer than what is signed in one piece."""
    try:
        return name != "-" and Path(name[:_NAME]).is_file() and Path(name).stat().st_size > DEFAULT.token // 2
    except (OSError, ValueError):
        return False


def new_file(name: str | None) -> Path:
    """Name a file that is written as a stream, and that must not be there yet."""
    if name is None or name == "-":
        raise PolicyError("A file this large is written to a file.", help="Say -o FILE, or sign it --detached.")
    if Path(name).exists():
        raise PolicyError(f"{escaped(name)} exists already.", help="Choose another name, or remove it first.")
    return Path(name)


class Progress:
    """Says on a terminal how far a long file has come; elsewhere it says nothing."""

    def __init__(self, what: str, name: str) -> None:
        self._what = what
        self._size = max(1, Path(name).stat().st_size)
        self._shown = sys.stderr.isatty()
        self._percent = -1

    def __enter__(self) -> Callable[[int], object]:
        return self._tell

    def __exit__(self, *_: object) -> None:
        if self._shown and self._percent >= 0:
            print(file=sys.stderr)

    def _tell(self, octets: int) -> None:
        percent = min(100, 100 * octets // self._size)
        if self._shown and percent != self._percent:
            self._percent = percent
            print(f"\r{self._what} {octets // 2**20} MiB, {percent} %", end="", file=sys.stderr, flush=True)


def escaped(text: object) -> str:
    """Make text from outside safe on a terminal: C0, C1 and bidirectional controls are written out."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in str(text)
    )
