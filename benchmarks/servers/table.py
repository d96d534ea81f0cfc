"""The servers' table: all of them run at once, each is asked once a round, in an order drawn anew.

CPU seconds are those of a server's process and all below it, user and system, for each answered request; the load's
own are not in them. Ratios are taken inside each round, and the median over the rounds is what counts. Three rows are
of wall time, since nothing else can show what a second process or another engine gives, and they say so.
"""

from __future__ import annotations

import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from . import houses
from .houses import House
from .load import UnexpectedError, send
from .log import lengthen
from .process import spent

WARM = {"oidc-provider": 4}  # times the requests of a round; its engine goes on compiling for some seconds
LONG_LOG = 1_000_000
Value = Callable[[Mapping[str, "Measured"]], float]


@dataclass(frozen=True, slots=True)
class Measured:
    """One server in one round: CPU seconds for an answer, answers a second, and the seconds that 99 percent took."""

    cpu: float
    rate: float = 0.0
    p99: float = 0.0


@dataclass(frozen=True, slots=True)
class Row:
    """A ratio, which servers it needs, and the bar that it must meet: at most that, or at least."""

    name: str
    needs: tuple[str, ...]
    value: Value
    bar: float | None = None
    aim: float | None = None
    least: bool = False

    def is_met(self, found: float) -> bool:
        """Whether a value meets the bar."""
        return self.bar is None or (found >= self.bar if self.least else found <= self.bar)

    def told(self, found: float) -> str:
        """The row, as it is printed."""
        sign = ">=" if self.least else "<="
        bar = "" if self.bar is None else f"bar {sign} {self.bar:.2f}"
        aim = "" if self.aim is None else f", aim {self.aim:.2f}"
        return f"{self.name:76} {found:6.2f}" + (f"  ({bar}{aim})" if bar else "")


ROWS = (
    Row(
        "A/A: a token / the same, again: how far any other can be trusted",
        ("token",),
        lambda at: at["token again"].cpu / at["token"].cpu,
    ),
    Row(
        "tokens a CPU second / oidc-provider's, in memory, opaque; 32 clients",
        ("token", "oidc-provider"),
        lambda at: at["oidc-provider"].cpu / at["token"].cpu,
        *(1.2, 1.6, True),
    ),
    Row(
        "a signature / its bare parts, cryptography and HTTP; 2 kB, 16 clients",
        ("signature", "bare", "echo"),
        lambda at: at["signature"].cpu / (at["bare"].cpu + at["echo"].cpu),
        *(3.0, 2.0),
    ),
    Row(
        'a signature where the issuer is local: jwks = "local" / keys by file',
        ("signature, local", "signature"),
        lambda at: at["signature, local"].cpu / at["signature"].cpu,
        *(1.15, 1.05),
    ),
    Row(
        "a token with 1,000,000 lines of log / with some thousands",
        ("token, long log", "token"),
        lambda at: at["token, long log"].cpu / at["token"].cpu,
        *(1.1, 1.0),
    ),
    Row(
        "tokens a second, wall time: two processes on one SQLite / one; 32 clients",
        ("token, two processes", "token"),
        lambda at: at["token, two processes"].rate / at["token"].rate,
        *(1.3, 1.7, True),
    ),
    Row(
        "p99 of a token, wall time: two processes on one SQLite / one",
        ("token, two processes", "token"),
        lambda at: at["token, two processes"].p99 / at["token"].p99,
        2.0,
    ),
    Row(
        "tokens a second, wall time: PostgreSQL on this machine / SQLite; 32 clients",
        ("token, PostgreSQL", "token"),
        lambda at: at["token, PostgreSQL"].rate / at["token"].rate,
        *(0.7, None, True),
    ),
)


@dataclass(slots=True)
class Results:
    """What one run found: lines to print, ratios by name, bars that were missed, and what could not run."""

    lines: list[str] = field(default_factory=list)
    ratios: dict[str, float] = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)


def run(rounds: int, number: int = 1500, long_log: int = LONG_LOG) -> Results:
    """Start every server, measure them in so many rounds of so many requests each, and judge the rows.

    Raises:
        UnexpectedError: A server of ours answers otherwise than it must.
    """
    results = Results()
    with _started(results.absent, long_log) as running:
        for name, house in running.items():
            send(house.port, house.requests(number * WARM.get(name, 1)), house.clients)
        sizes = {name: _octets(running[name]) for name in ("token", "signature")}
        measured = [_round(running, turn, number) for turn in range(rounds)]
        for name, before in sizes.items():
            times = 2 if name == "token" else 1  # it is also the control
            grown = (_octets(running[name]) - before) / number / rounds / times
            results.ratios[f"octets of SQLite for each {name}"] = grown
    for row in ROWS:
        missing = [name for name in row.needs if name in results.absent]
        if missing:
            results.lines.append(f"{row.name:76} SKIPPED: {results.absent[missing[0]]}")
            continue
        found = statistics.median(row.value(each) for each in measured)
        results.ratios[row.name] = found
        results.lines.append(row.told(found))
        if not row.is_met(found):
            results.missed.append(row.told(found))
    results.lines += [f"{name:76} {found:6.0f}" for name, found in results.ratios.items() if name.startswith("octets")]
    return results


@contextmanager
def _started(absent: dict[str, str], long_log: int) -> Iterator[dict[str, House]]:
    with TemporaryDirectory(prefix="undersign-bench-") as name, ExitStack() as opened:
        folder = Path(name)
        running = {
            "token": houses.token_house(opened, folder / "token"),
            "token, two processes": houses.token_house(opened, folder / "two", workers=2),
            "token, long log": _long_house(opened, folder / "long", long_log),
            "signature": houses.sign_house(opened, folder / "signature", local=False),
            "signature, local": houses.sign_house(opened, folder / "local", local=True),
            "echo": houses.echo_house(opened, folder / "echo"),
        }
        for kind, start in (("oidc-provider", houses.node_house), ("token, PostgreSQL", postgresql_house)):
            try:
                running[kind] = start(opened, folder / kind.rpartition(" ")[2])
            except UnexpectedError as error:
                absent[kind] = str(error)
        yield running


def _long_house(opened: ExitStack, folder: Path, lines: int) -> House:
    """Serve once, so that there is a line to copy; lengthen the log; serve again."""
    with ExitStack() as first:
        house = houses.token_house(first, folder)
        send(house.port, house.requests(1), 1)
    lengthen(house.folder / "undersign.db", lines, master=house.folder / "master.key")
    return houses.token_house(opened, house.folder)


def postgresql_house(opened: ExitStack, folder: Path) -> House:
    """Start an authorization server on a PostgreSQL of this run's own.

    Raises:
        UnexpectedError: PostgreSQL or its driver is not here.
    """
    if find_spec("psycopg") is None:
        raise UnexpectedError("psycopg is not here: pip install -r requirements/postgres.txt")
    from tests.postgres import MISSING, binaries, cluster

    programs = binaries()
    if programs is None:
        raise UnexpectedError(MISSING)
    address = opened.enter_context(cluster(programs)).create()
    folder.mkdir()
    return houses.token_house(opened, folder, storage=address.storage(folder))


def _round(running: Mapping[str, House], turn: int, number: int) -> dict[str, Measured]:
    """Ask each once, in an order of this round's own."""
    measured = {"bare": Measured(_bare())}
    subjects = [*running.items(), ("token again", running["token"])]
    Random(turn).shuffle(subjects)  # noqa: S311 - who runs behind whom must not be fixed
    for name, house in subjects:
        requests = house.requests(number)
        before = spent(house.pid)
        answered = send(house.port, requests, house.clients)
        time.sleep(0.05)  # what it does after the last answer is its too
        measured[name] = Measured((spent(house.pid) - before) / number, answered.rate, answered.percentile(99))
    return measured


def _bare(repeats: int = 500) -> float:
    """CPU seconds of what one signature cannot be without: verify a token, sign a document, sign a receipt."""
    document, token, receipt = b"d" * 2700, b"t" * 400, b"r" * 800
    es256, ed = ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()
    signature, public, scheme = ed.sign(token), ed.public_key(), ec.ECDSA(hashes.SHA256())
    start = time.thread_time()
    for _ in range(repeats):
        public.verify(signature, token)
        es256.sign(document, scheme)
        ed.sign(receipt)
    return (time.thread_time() - start) / repeats


def _octets(house: House) -> int:
    """How large its database is, with what is in its write-ahead log and without what is free."""
    with closing(sqlite3.connect(house.folder / "undersign.db")) as database:
        numbers = [database.execute(f"PRAGMA {n}").fetchone()[0] for n in ("page_size", "page_count", "freelist_count")]
    return int(numbers[0] * (numbers[1] - numbers[2]))
