"""``undersign audit``: verify a log without the server that wrote it, export it, close its segments, name its root."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from ..assemble import master_reference, open_database, opened_log
from ..audit.verify import ChainReport, verify_file
from ..errors import PolicyError
from ..jwks import KeySet
from ..settings import load
from ..storage.closing import Files, close_segment
from ..storage.database import Database
from ..storage.envelope import Envelope, master_key
from ..storage.heads import HeadSigner
from ..storage.ledger.lines import believed, lines_after, read_head
from .source import read, read_text

__all__ = ["configure", "run", "run_verb"]

_KEPT: Final = 1000


def configure(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    verbs = parser.add_subparsers(title="what to do", metavar="VERB", dest="verb", required=True)
    verify = verbs.add_parser("verify", help="does the log hold together, and up to where?")
    verify.add_argument(
        "files",
        type=Path,
        nargs="+",
        metavar="LOG",
        help="one line of the chain per line, as exported; segments in order",
    )
    verify.add_argument(
        "--root",
        required=True,
        metavar="FINGERPRINT",
        help="of the chain's root key, kept elsewhere (--root=FINGERPRINT)",
    )
    verify.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="begin behind the segment that this checkpoint closed"
    )
    verify.add_argument(
        "--head", action="append", default=[], type=Path, metavar="FILE", help="a signed head, kept elsewhere"
    )
    verify.add_argument("--receipt", action="append", default=[], type=Path, metavar="FILE", help="a receipt")
    verify.add_argument("--receipt-keys", type=Path, metavar="FILE", help="the JWK Set that receipts verify with")
    verify.add_argument("--json", action="store_true", help="write JSON")
    export = verbs.add_parser("export", help="write the log of a server's database, one line each")
    export.add_argument("file", type=Path, metavar="FILE", help="the server's configuration file")
    export.add_argument("--after", type=int, metavar="N", help="only what follows line N (default: all that is there)")
    _configure_close(verbs.add_parser("close", help="export older lines, sign what they came to, and remove them"))
    root = verbs.add_parser("root", help="print the fingerprint of the chain's root key")
    root.add_argument("file", type=Path, metavar="FILE", help="the server's configuration file")


def _configure_close(close: argparse.ArgumentParser) -> None:
    close.add_argument("file", type=Path, metavar="FILE", help="the server's configuration file")
    close.add_argument("--to", required=True, type=Path, metavar="SEGMENT", help="the new file for the lines")
    close.add_argument("--checkpoint", required=True, type=Path, metavar="CHECKPOINT", help="the new file for the JWS")
    which = close.add_mutually_exclusive_group()
    which.add_argument("--keep", type=int, default=_KEPT, metavar="N", help=f"keep the last N lines (default: {_KEPT})")
    which.add_argument("--through", type=int, metavar="SEQ", help="close up to this line")


def run(options: argparse.Namespace) -> int:
    """Do it; 3 if the chain holds together and nothing witnesses it."""
    if options.verb == "export":
        for line in _lines(options.file, options.after):
            print(line.decode("utf-8"))
        return 0
    if options.verb == "root":
        print(_root(options.file))
        return 0
    if options.verb == "close":
        _close(options)
        return 0
    report = verify_file(
        *options.files,
        root=options.root,
        checkpoint=read_text(str(options.checkpoint)) if options.checkpoint else None,
        heads=[read_text(str(path)) for path in options.head],
        receipts=[read_text(str(path)) for path in options.receipt],
        receipt_keys=KeySet.load(read(str(options.receipt_keys))) if options.receipt_keys else None,
    )
    _print(report, as_json=options.json)
    return 0 if report.witnessed else 3


def run_verb(words: Sequence[str]) -> int:
    """Run as from a shell, without one; the demonstration does."""
    parser = argparse.ArgumentParser(prog="undersign audit")
    configure(parser)
    return run(parser.parse_args(words))


def _lines(file: Path, after: int | None) -> Iterator[bytes]:
    database = _database(file)
    try:
        last = read_head(database).closed if after is None else after
        while found := lines_after(database, last):
            yield from (line.body for line in found)
            last = found[-1].seq
    finally:
        database.dispose()


def _root(file: Path) -> str:
    settings = load(file)
    database = open_database(settings, migrate=False)
    try:
        head = read_head(database)
        master = Envelope(master_key(master_reference(settings)))
        return believed(head, master.of(head.chain)).root
    finally:
        database.dispose()


def _close(options: argparse.Namespace) -> None:
    files = Files(options.to, options.checkpoint)
    if options.keep < 0:  # it would close everything, for ever
        raise PolicyError("--keep takes how many lines stay, 0 or more.", help="See `undersign audit close --help`.")
    with opened_log(load(options.file)) as (database, log):
        through = read_head(database).seq - options.keep if options.through is None else options.through
        heads = HeadSigner(log.ledger, chain=log.chain, root=log.root)
        done = close_segment(database, log.ledger, heads, root=log.root.public(), through=through, files=files)
    print(f"closed: lines {done.first} to {done.through} are in {options.to}, and no longer in the database")
    print(f"  sha256 {done.sha256}, recorded in line {done.line}")
    print(f"  keep it, and {options.checkpoint}, with the root's fingerprint: {log.root.public().thumbprint()}")


def _database(file: Path) -> Database:
    return open_database(load(file), migrate=False)


def _print(report: ChainReport, *, as_json: bool) -> None:
    made = {
        "chain": report.chain,
        "root": report.root,
        "first": report.first,
        "lines": report.lines,
        "time": report.time,
        "witnessed": report.witnessed,
        "epochs": report.epochs,
        "receipts": report.receipts,
        "cannot_exclude": list(report.cannot_exclude),
    }
    if as_json:
        print(json.dumps(made))
        return
    witness = f"witnessed up to line {report.witnessed}" if report.witnessed else "no witness"
    reach = f"from line {report.first} on, " if report.first > 1 else ""
    print(
        f"holds together: complete {reach}up to line {report.lines}; {witness}; {report.receipts} receipts found in it"
    )
    if report.first > 1:
        print("  before that: the checkpoint")
    for line in report.cannot_exclude:
        print(f"  cannot exclude: {line}")
