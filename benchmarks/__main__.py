"""How fast, in ratios that hold on a noisy machine: ``python -m benchmarks [--rounds N] [--json] [--strict]``.

First the library, then the servers as real processes (``--only servers``, ``--no-servers``).

Every candidate runs once in each round, in an order drawn anew, on thread CPU time; what is printed is the median over
the rounds of the ratio taken inside each round. The A/A control runs our own candidate twice: how far its ratio is
from 1.00 is how far any other can be trusted. Absolute times mean nothing here and are not printed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from random import Random

from benchmarks import candidates
from benchmarks.servers import table as servers

Round = Mapping[str, float]
SERVERS = "servers"


def main() -> int:
    """Run every table and print it; with --strict, exit code 1 if a bar of ours is not met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=41, help="interleaved rounds for each table (41)")
    parser.add_argument("--milliseconds", type=float, default=3, help="work of each candidate in each round (3)")
    parser.add_argument("--only", help="only the tables whose name has this in it; the last is called servers")
    parser.add_argument("--no-servers", action="store_true", help="not the table of the servers")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--strict", action="store_true", help="fail if a bar is missed; say how noisy the A/A control is first"
    )
    arguments = parser.parse_args()
    results: dict[str, dict[str, float]] = {}
    missed: list[str] = []
    absent: dict[str, str] = {}
    if arguments.only != SERVERS:
        results, missed = compare(arguments)
    if not arguments.no_servers and (arguments.only or "") in SERVERS:
        found = serve(arguments.rounds, quiet=arguments.json)
        results[SERVERS], absent = found.ratios, found.absent
        missed += [f"{SERVERS}: {' '.join(line.split())}" for line in found.missed]
    if arguments.json:
        told = {"python": sys.version.split()[0], "rounds": arguments.rounds, "ratios": results}
        print(json.dumps(told | {"missed": missed, "skipped": absent}))
    for line in missed if not arguments.json else ():
        print("MISSED", line)
    return 1 if missed and arguments.strict else 0


def compare(arguments: argparse.Namespace) -> tuple[dict[str, dict[str, float]], list[str]]:
    """Run the library's tables; give their ratios, and the bars that were missed."""
    results, missed = {}, []
    for table in candidates.tables():
        if arguments.only and arguments.only not in table.name:
            continue
        rounds = interleave(table.candidates, arguments.rounds, arguments.milliseconds / 1000)
        ratios = {name: median_ratio(rounds, *pair) for name, pair in table.ratios.items()}
        results[table.name] = ratios
        if table.bar is not None and ratios[table.bar_ratio] > table.bar:
            missed.append(
                f"{table.name}: {table.bar_ratio} is {ratios[table.bar_ratio]:.2f}, the bar is {table.bar:.2f}"
            )
        if not arguments.json:
            show(table, ratios)
    return results, missed


def serve(rounds: int, *, quiet: bool) -> servers.Results:
    """Measure the servers, in a quarter of the rounds, for each takes seconds; say first what takes so long."""
    turns = max(3, rounds // 4)
    if not quiet:
        print(
            f"\n{SERVERS}: real processes and databases, {turns} rounds; CPU time unless a row says otherwise",
            flush=True,
        )
    found = servers.run(turns)
    for line in found.lines if not quiet else ():
        print(line)
    return found


def interleave(calls: Mapping[str, Callable[[], object]], rounds: int, seconds: float) -> list[Round]:
    """Time each call once a round, in an order drawn anew for each; CPU seconds of one call."""
    names = list(calls)
    repeats = {name: _repeats(calls[name], seconds) for name in names}
    measured: list[Round] = []
    for turn in range(rounds):
        order = Random(turn).sample(names, len(names))  # noqa: S311 - who runs behind whom must not be fixed
        measured.append({name: _timed(calls[name], repeats[name]) for name in order})
    return measured


def _repeats(call: Callable[[], object], seconds: float) -> int:
    once = min(_timed(call, 3) for _ in range(3))
    return max(1, int(seconds / max(once, 1e-7)))


def _timed(call: Callable[[], object], repeats: int) -> float:
    start = time.thread_time()
    for _ in range(repeats):
        call()
    return (time.thread_time() - start) / repeats


def median_ratio(rounds: list[Round], over: str, under: str) -> float:
    """The median of the ratios taken inside each round."""
    return statistics.median(each[over] / each[under] for each in rounds)


def show(table: candidates.Table, ratios: Mapping[str, float]) -> None:
    """Print one table on one line."""
    bar = "" if table.bar is None else f"  (bar {table.bar_ratio} <= {table.bar:.2f})"
    print(f"{table.name:24} " + "  ".join(f"{name} {ratio:6.2f}" for name, ratio in ratios.items()) + bar, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
