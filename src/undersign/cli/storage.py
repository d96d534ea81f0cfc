"""``undersign storage``: copy a database between engines, bring its schema to this release, take back its time."""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..assemble import address_of, master_reference, open_database
from ..errors import SettingsError
from ..settings import load, secret
from ..storage.database import Database
from ..storage.engines import engine_of
from ..storage.envelope import Envelope, master_key
from ..storage.ledger.lines import read_head
from ..storage.ledger.opening import taken_back
from ..storage.transfer import check_new, copy_database
from .source import escaped

__all__ = ["configure", "run"]

_ADDRESS = "sqlite:PATH, postgresql://USER@HOST/DATABASE, or a configuration file (*.toml)"


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of a copy."""

    url: str
    password: str
    migrate: bool
    master: str | None


def configure(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    verbs = parser.add_subparsers(title="what to do", metavar="VERB", dest="verb", required=True)
    copy = verbs.add_parser("copy", help="copy a whole database, verified; while no server runs on it")
    copy.add_argument("source", metavar="FROM", help=_ADDRESS)
    copy.add_argument("target", metavar="TO", help="the same; it must be empty")
    copy.add_argument("--master-key", metavar="REF", help="env:NAME or file:PATH, where no configuration file says it")
    copy.add_argument("--password-from", metavar="REF", help="env:NAME or file:PATH: the password for FROM")
    copy.add_argument("--password-to", metavar="REF", help="env:NAME or file:PATH: the password for TO")
    migrate = verbs.add_parser("migrate", help="bring the schema to this release")
    migrate.add_argument("file", type=Path, metavar="FILE", help="a configuration whose role may change the schema")
    clock = verbs.add_parser("clock", help="how far the database's time is ahead of this machine's clock")
    clock.add_argument("file", type=Path, metavar="FILE", help="the server's configuration file")
    clock.add_argument("--take-back", action="store_true", help="take it back to this machine's clock, and record it")


def run(options: argparse.Namespace) -> int:
    """Do it."""
    if options.verb == "copy":
        _copy(options)
    elif options.verb == "migrate":
        database = open_database(load(options.file), migrate=True)
        database.dispose()
        print(f"{escaped(database.engine.shown)}: the schema is this release's ({Database.release()})")
    else:
        _clock(options.file, take_back=options.take_back)
    return 0


def _copy(options: argparse.Namespace) -> None:
    source, target = _side(options.source, options.password_from), _side(options.target, options.password_to)
    references = [options.master_key, source.master, target.master]
    masters = [Envelope(master_key(reference)) for reference in dict.fromkeys(filter(None, references))]
    if not masters:
        raise SettingsError("The master key is needed to verify what is copied.", help="Say --master-key file:PATH.")
    from_ = Database.open(source.url, password=source.password, migrate=False)
    try:
        check_new(engine_of(target.url, password=target.password))
        to = Database.open(target.url, password=target.password, migrate=target.migrate)
        try:
            done = copy_database(from_, to, masters)
        finally:
            to.dispose()
    finally:
        from_.dispose()
    print(f"copied: {escaped(from_.engine.shown)} -> {escaped(to.engine.shown)}")
    for table, rows in done.rows:
        print(f"  {table}: {rows}")
    print(f"  chain {done.chain}: lines {done.first} to {done.seq}, verified; root {done.root}")
    print("  the rows that decide trust verify under the master key; each table's digest is equal on both sides")
    print("Serve the copy only: two servers on two copies would both accept what works once.")


def _side(given: str, password: str | None) -> _Side:
    if given.endswith(".toml"):
        settings = load(Path(given))
        url, found = address_of(settings)
        found = secret(password, folder=Path()) if password else found
        return _Side(url, found, settings.storage.migrate, master_reference(settings))
    return _Side(given, secret(password, folder=Path()) if password else "", True, None)


def _clock(file: Path, *, take_back: bool) -> None:
    settings, now = load(file), time.time()
    database = open_database(settings, migrate=False)
    try:
        seen = read_head(database).time
        print(f"highest time seen: {_shown(seen)}; this machine's clock: {_shown(now)}")
        if seen <= int(now):
            print("the database's time is not ahead; there is nothing to take back")
        elif not take_back:
            print(f"the database's time is {seen - int(now)} seconds ahead: until then, what works once is refused")
            print("taking it back (--take-back) is recorded in the log, and costs this: whatever works once and was")
            print("issued before now is refused from then on; assertions and once-tokens must be got anew.")
            print("Correct this machine's clock first, if it is the one that is wrong.")
        else:
            master = Envelope(master_key(master_reference(settings)))
            done = taken_back(database, master, now=now, node=settings.server.node)
            if done is not None:
                print(f"taken back from {_shown(done[0])} to {_shown(done[1])}, and recorded in the log")
                print("what works once and was issued before now is refused: get assertions and once-tokens anew")
    finally:
        database.dispose()


def _shown(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return f"{int(seconds)} seconds after 1970"
