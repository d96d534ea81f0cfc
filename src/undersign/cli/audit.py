"""``undersign audit``: verify a log without the server that wrote it, export it, name its root."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..assemble import open_database
from ..audit.verify import ChainReport, verify_file
from ..errors import ChainError
from ..jwks import KeySet
from ..settings import load
from ..storage.database import Database
from ..storage.ledger.lines import lines_after

__all__ = ["configure", "run", "run_verb"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    verbs = parser.add_subparsers(title="what to do", metavar="VERB", dest="verb", required=True)
    verify = verbs.add_parser("verify", help="does the log hold together, and up to where?")
    verify.add_argument("file", type=Path, metavar="LOG", help="one line of the chain per line, as exported")
    verify.add_argument(
        "--root",
        required=True,
        metavar="FINGERPRINT",
        help="of the chain's root key, kept elsewhere (--root=FINGERPRINT)",
    )
    verify.add_argument(
        "--head", action="append", default=[], type=Path, metavar="FILE", help="a signed head, kept elsewhere"
    )
    verify.add_argument("--receipt", action="append", default=[], type=Path, metavar="FILE", help="a receipt")
    verify.add_argument("--receipt-keys", type=Path, metavar="FILE", help="the JWK Set that receipts verify with")
    verify.add_argument("--json", action="store_true", help="write JSON")
    export = verbs.add_parser("export", help="write the log of a server's database, one line each")
    export.add_argument("file", type=Path, metavar="FILE", help="the server's configuration file")
    export.add_argument("--after", type=int, default=0, metavar="N", help="only what follows line N")
    root = verbs.add_parser("root", help="print the fingerprint of the chain's root key")
    root.add_argument("file", type=Path, metavar="FILE", help="the server's configuration file")


def run(options: argparse.Namespace) -> int:
    """Do it; 3 if the chain holds together and nothing witnesses it."""
    if options.verb == "export":
        for line in _lines(options.file, options.after):
            print(line.decode("utf-8"))
        return 0
    if options.verb == "root":
        print(_root(options.file))
        return 0
    report = verify_file(
        options.file,
        root=options.root,
        heads=[path.read_text("ascii").strip() for path in options.head],
        receipts=[path.read_text("ascii").strip() for path in options.receipt],
        receipt_keys=KeySet.load(options.receipt_keys.read_bytes()) if options.receipt_keys else None,
    )
    _print(report, as_json=options.json)
    return 0 if report.witnessed else 3


def run_verb(words: Sequence[str]) -> int:
    """Run as from a shell, without one; the demonstration does."""
    parser = argparse.ArgumentParser(prog="undersign audit")
    configure(parser)
    return run(parser.parse_args(words))


def _lines(file: Path, after: int) -> Iterator[bytes]:
    database = _database(file)
    try:
        while found := lines_after(database, after):
            yield from (line.body for line in found)
            after = found[-1].seq
    finally:
        database.dispose()


def _root(file: Path) -> str:
    first = next(_lines(file, 0), None)
    if first is None:
        raise ChainError("The database has no chain yet.", help="Serve the file once.")
    detail = json.loads(first).get("detail", {})
    return str(detail.get("root", ""))


def _database(file: Path) -> Database:
    return open_database(load(file), migrate=False)


def _print(report: ChainReport, *, as_json: bool) -> None:
    made = {
        "chain": report.chain,
        "root": report.root,
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
    print(f"holds together: complete up to line {report.lines}; {witness}; {report.receipts} receipts found in it")
    for line in report.cannot_exclude:
        print(f"  cannot exclude: {line}")
