"""Claims to places in the output: a closed set of typed targets, each value one checked string (DESIGN section 3).

1. A target is ``log.<name>`` or ``jws.header.<name>``. Header names that RFC 7515, 7516, 7797 or 8555 give a meaning
   are closed: what a caller's token says never becomes an alg, a kid, a crit or a key.
2. A source is ``token.<path>``, ``request.<name>`` or ``const:<text>``: three name spaces that cannot shadow another.
3. A value that is absent, no string, empty, too long, or holds a character that could forge a line, reorder one or
   hide in one is refused, and the request with it. Values are placed whole; nothing is built from pieces.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from undersign.errors import PolicyError, RuleDeniedError, quoted

__all__ = ["HEADER", "MapEntry", "Placed", "parse", "place"]

HEADER: Final = "jws.header."
"""The room of targets that stand in the protected header."""
_MAX_VALUE: Final = 256
_MAX_NAME: Final = 64
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*\Z", re.ASCII)
_CLOSED: Final = frozenset(
    (
        *("alg", "jku", "jwk", "kid", "x5u", "x5c", "x5t", "x5t#s256", "typ", "cty", "crit"),  # RFC 7515
        *("enc", "zip", "epk", "apu", "apv", "iv", "tag", "p2s", "p2c"),  # RFC 7516 and 7518
        *("b64", "url", "nonce", "ppt", "svt", "trust_chain", "ihessid"),  # the registry
        *("iss", "sub", "aud", "exp", "nbf", "iat", "jti"),  # RFC 7519 section 5.3: claims repeated in the header
        *("sigt", "sigx5ts", "srcms", "srats", "sigpl", "sigpid", "sigd", "adoo", "etsiu", "x5t#o", "sigd"),  # JAdES
    )
)
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class MapEntry:
    """One line of a worker's mapping, parsed: where to, and where from."""

    target: str
    room: str
    name: str
    source: str


@dataclass(frozen=True, slots=True)
class Placed:
    """The values that a request put into their places.

    Attributes:
        header: Members for the protected header.
        log: Values for the log, by name.
        targets: All of them, by target.
    """

    header: tuple[tuple[str, str], ...]
    log: tuple[tuple[str, str], ...]
    targets: tuple[tuple[str, str], ...]


def parse(target: str, source: str) -> MapEntry:
    """Read one line of a mapping.

    Raises:
        PolicyError: The target or the source is not one of the closed set.
    """
    room = next((room for room in _ROOMS if target.startswith(room)), None)
    if room is None:
        raise PolicyError(
            f"{quoted(target)} is not a target of a mapping.", help="Targets are log.<name> and jws.header.<name>."
        )
    name = target.removeprefix(room)
    if len(name) > _MAX_NAME or not _NAME.match(name):
        raise PolicyError(f"{quoted(target)} does not end in a name of letters, digits, '_', '-' and '.'.")
    if room == HEADER and name.lower() in _CLOSED:
        raise PolicyError(
            f"The header parameter {quoted(name)} has a meaning of its own.",
            help="Choose a name that no standard uses.",
        )
    kind, _, rest = source.partition(":" if source.startswith("const:") else ".")
    if kind not in {"token", "request", "const"} or not rest:
        raise PolicyError(
            f"{quoted(source)} is not a source.", help="Sources are token.<claim>, request.<name> and const:<text>."
        )
    if kind == "const":
        _check(target, rest)
    return MapEntry(target, room, name, source)


def place(entries: tuple[MapEntry, ...], claims: Mapping[str, object], request: Mapping[str, object]) -> Placed:
    """Take each value from its source and check it.

    Raises:
        RuleDeniedError: A value is absent or not one that can be placed; ``failed`` names the line.
    """
    header: list[tuple[str, str]] = []
    log: list[tuple[str, str]] = []
    for entry in entries:
        value = _check(entry.target, _value(entry, claims, request))
        (header if entry.room == HEADER else log).append((entry.name, value))
    logged = [(f"log.{name}", value) for name, value in log]
    return Placed(tuple(header), tuple(log), (*logged, *[(HEADER + name, value) for name, value in header]))


_ROOMS: Final = (HEADER, "log.")


def _value(entry: MapEntry, claims: Mapping[str, object], request: Mapping[str, object]) -> object:
    if entry.source.startswith("const:"):
        return entry.source.removeprefix("const:")
    kind, _, path = entry.source.partition(".")
    found: object = claims if kind == "token" else request
    for step in path.split("."):
        if not isinstance(found, Mapping) or step not in found:
            raise _denied(entry.target, f"{entry.source} is not there")
        found = found[step]
    return found


def _check(target: str, value: object) -> str:
    if not isinstance(value, str):
        raise _denied(target, "the value is not a string")
    if not value or len(value) > _MAX_VALUE or value != value.strip():
        raise _denied(target, f"the value is not 1 to {_MAX_VALUE} characters without space around them")
    if not (value.isascii() and value.isprintable()) and _hides(value):
        raise _denied(target, "the value holds a control, format or unassigned character")
    return value


def _hides(value: str) -> bool:
    return any(unicodedata.category(character) in _HIDDEN for character in value)


def _denied(target: str, why: str) -> RuleDeniedError:
    return RuleDeniedError(f"The mapping to {quoted(target)} was refused: {why}.", failed=((f"map {target}", (why,)),))
