"""From TOML to frozen values: every name known, every value of its type, and all mistakes told at once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, get_type_hints

from undersign.encoding import dump_json
from undersign.errors import PolicyError, SettingsError, quoted

from .tables import (
    Authority,
    Client,
    ClientKey,
    Document,
    Fetch,
    Issuer,
    Key,
    MapEntry,
    Reference,
    Rule,
    Seconds,
    Server,
    Settings,
    Storage,
    Token,
    User,
    Worker,
)

__all__ = ["Problem", "load", "parse"]

FILE_CAP: Final = 1024 * 1024
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_DURATION: Final = re.compile(r"([1-9][0-9]{0,8})(s|m|h|d)")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where in the file, what, and what would help."""

    where: str
    what: str
    help: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what} {self.help}".rstrip()


def load(path: Path) -> Settings:
    """Read a configuration file.

    Raises:
        SettingsError: It cannot be read, or holds what the tables do not have; ``problems`` lists all.
    """
    try:
        with path.open("rb") as file:
            octets = file.read(FILE_CAP + 1)
        text = octets.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        missing = isinstance(error, FileNotFoundError)  # init writes over nothing that is there
        raise SettingsError(
            f"The file {quoted(path.name)} cannot be read: {type(error).__name__}.",
            help="Make one: `undersign init FILE`." if missing else "It must be UTF-8 text that you may read.",
        ) from error
    if len(octets) > FILE_CAP:
        raise SettingsError(f"The file {quoted(path.name)} is larger than {FILE_CAP} octets.")
    return parse(text, folder=path.resolve().parent)


def parse(text: str, *, folder: Path) -> Settings:
    """Parse a configuration; relative ``file:`` references start from the folder.

    Raises:
        SettingsError: It is not TOML, or holds what the tables do not have; ``problems`` lists all.
    """
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(f"The file is not TOML: {str(error)[:200]}") from None
    reader = _Reader()
    tables = reader.document(document)
    if reader.problems:
        lines = tuple(map(str, reader.problems))
        raise SettingsError(f"The configuration has {len(lines)} mistake(s): {lines[0]}", problems=lines)
    return Settings(folder=folder, fingerprint=sha256(text.encode()).hexdigest(), **tables)


class _Bad(Exception):  # noqa: N818 - never leaves this module
    """A value that does not fit its field."""


class _Reader:
    """Reads tables and collects what is wrong with them."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def document(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Read every table of the file."""
        self._known("", document, [*_SINGLE, *_NAMED, "rules"])
        tables: dict[str, Any] = {}
        for name, kind in _SINGLE.items():
            if name in document:
                tables[name] = self._table(name, kind, document[name])
        for name, named in _NAMED.items():
            if name in document:
                tables[name] = tuple(self._entries(name, named, document[name]))
        if "rules" in document:
            tables["rules"] = tuple(self._rules(document["rules"]))
        return tables

    def _entries(self, table: str, kind: type, value: object) -> Iterator[object]:
        for name, entry in self._named(table, value):
            members = dict(entry) if isinstance(entry, Mapping) else entry
            if kind in {Client, User} and isinstance(members, dict):
                if "title" in members:
                    self._unknown(f"{table}.{name}.title", "title", [])
                members = {"title" if key == "name" else key: member for key, member in members.items()}
            if kind is Worker and isinstance(members, dict) and members.get("allow") == "anyone":
                del members["allow"]
                yield self._table(f"{table}.{name}", kind, members, name=name, anyone=True)
            else:
                yield self._table(f"{table}.{name}", kind, members, name=name)

    def _rules(self, value: object) -> Iterator[Rule]:
        for name, text in self._named("rules", value):
            if isinstance(text, str):
                yield Rule(name, text)
            else:
                self.problems.append(Problem(f"rules.{name}", "must be text.", "Write: name = \"scope has 'sign'\""))

    def _named(self, table: str, value: object) -> Iterator[tuple[str, Any]]:
        if not isinstance(value, Mapping):
            self.problems.append(Problem(table, "must be a table of named entries."))
            return
        for name, entry in value.items():
            if _NAME.fullmatch(name):
                yield name, entry
            else:
                self.problems.append(
                    Problem(f"{table}.{quoted(name)}", "a name has letters, digits, '-', '_', '.' only.")
                )

    def _table(self, where: str, kind: type, value: object, **given: object) -> object:
        if not isinstance(value, Mapping):
            self.problems.append(Problem(where, "must be a table."))
            return None
        hints = get_type_hints(kind)
        wanted = {
            field.name: field
            for field in fields(kind)
            if not field.metadata.get("computed") and field.name not in given
        }
        self._known(where, value, [_spelled(kind, name) for name in wanted])
        members = dict(given)
        for name, field in wanted.items():
            if name in value:
                members[name] = self._value(f"{where}.{name}", hints[name], value[name])
            elif _required(field):
                self.problems.append(Problem(f"{where}.{name}", "is missing."))
        return kind(**members) if all(name in members for name, field in wanted.items() if _required(field)) else None

    def _value(self, where: str, hint: object, value: object) -> object:
        if hint == tuple[ClientKey, ...]:
            entries = value if isinstance(value, list) else [value]
            return tuple(self._table(f"{where}[{n}]", ClientKey, entry) for n, entry in enumerate(entries))
        read = _READERS.get(str(hint))
        try:
            return None if read is None else read(value)
        except _Bad as error:
            self.problems.append(Problem(where, str(error)))
            return None

    def _known(self, where: str, value: Mapping[str, Any], known: list[str]) -> None:
        for name in value:
            if name not in known and not (name == "title" and "name" in known):
                self._unknown(f"{where}.{name}".lstrip("."), name, known)

    def _unknown(self, where: str, name: str, known: list[str]) -> None:
        near = get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known here: {', '.join(known)}." if known else ""
        self.problems.append(Problem(quoted(where).strip("'"), "is not known.", hint))


def _required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _spelled(kind: type, name: str) -> str:
    return "name" if kind in {Client, User} and name == "title" else name


def _text(value: object) -> str:
    if not isinstance(value, str) or any(character < " " for character in value):
        raise _Bad("must be text, without control characters.")
    return value


def _document(value: object) -> Document:
    if isinstance(value, Mapping):
        try:
            return Document(dump_json(dict(value)).decode())
        except PolicyError:
            raise _Bad("must hold JSON values only.") from None
    if not isinstance(value, str) or any(character < " " and character not in "\r\n\t" for character in value):
        raise _Bad("must be text, or a table for a JWK.")
    return Document(value)


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
        raise _Bad("must be a whole number, not negative.")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise _Bad("must be true or false.")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise _Bad("must be a list of texts.")
    return tuple(map(_text, value))


def _seconds(value: object) -> Seconds:
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise _Bad('must be a duration with a unit, such as "90s", "15m", "24h" or "90d".')
    return Seconds(int(found[1]) * _UNITS[found[2]])


def _reference(value: object) -> Reference:
    text = _text(value)
    kind, _, name = text.partition(":")
    if kind not in {"env", "file"} or not name:
        raise _Bad("must say where the secret is, env:NAME or file:PATH; secrets do not stand in this file.")
    return Reference(text)


def _allow(value: object) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if not isinstance(value, Mapping):
        raise _Bad('must be a table of issuers: allow.NAME = ["host", "10.0.0.0/8"].')
    return tuple((name, _texts(entries)) for name, entries in value.items())


def _map(value: object) -> tuple[MapEntry, ...]:
    if not isinstance(value, Mapping):
        raise _Bad('must be a table: "jws.header.name" = "token.name".')
    return tuple(MapEntry(_text(target), _text(source)) for target, source in value.items())


_READERS: Final[Mapping[str, Callable[[object], object]]] = {
    str(hint): read
    for hint, read in (
        (str, _text),
        (int, _number),
        (int | None, _number),
        (bool, _flag),
        (tuple[str, ...], _texts),
        (Document, _document),
        (Seconds, _seconds),
        (Seconds | None, _seconds),
        (Reference, _reference),
        (Reference | None, _reference),
        (tuple[tuple[str, tuple[str, ...]], ...], _allow),
        (tuple[MapEntry, ...], _map),
    )
}
_SINGLE: Final[Mapping[str, type]] = {"server": Server, "storage": Storage, "fetch": Fetch}
_NAMED: Final[Mapping[str, type]] = {
    "issuers": Issuer,
    "tokens": Token,
    "keys": Key,
    "workers": Worker,
    "ca": Authority,
    "clients": Client,
    "users": User,
}
