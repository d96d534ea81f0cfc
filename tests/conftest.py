"""What every test shares: the corpus of real cases, Hypothesis profiles, and a loud end about what was not run."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from tests.postgres import Address, Cluster

ROOT = Path(__file__).resolve().parent.parent
REQUIRED = os.environ.get("UNDERSIGN_REQUIRE", "") == "all"
# The corpus is not part of the project and nothing installs it: where it is not, even CI can but say so.
NO_CORPUS = "the corpus of real cases is not beside the project: set UNDERSIGN_VECTORS to its folder"

hypothesis.settings.register_profile("dev", deadline=None, max_examples=100)
hypothesis.settings.register_profile(
    "ci", deadline=None, max_examples=200, derandomize=True, database=None, print_blob=True
)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the project."""
    return ROOT


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The folder of real cases that none of us wrote; see its README."""
    named = os.environ.get("UNDERSIGN_VECTORS")
    folder = Path(named or ROOT.parent / "shared" / "vectors")
    if not (folder / "README.md").exists():
        pytest.skip(f"no corpus in {named}, which UNDERSIGN_VECTORS names" if named else NO_CORPUS)
    return folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A PostgreSQL of this session's own."""
    if find_spec("psycopg") is None:
        pytest.skip("psycopg is not here: pip install -r requirements/postgres.txt")
    from tests.postgres import MISSING, binaries, cluster  # noqa: PLC0415 - it imports psycopg

    programs = binaries()
    if programs is None:
        pytest.skip(MISSING)
    with cluster(programs) as running:
        yield running


@pytest.fixture
def postgres_database(postgres: Cluster) -> Iterator[Address]:
    """A fresh, empty database, in a PostgreSQL that runs even where the test before ended it."""
    postgres.start()
    made = postgres.create()
    yield made
    postgres.start()
    postgres.drop(made)


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    return str(report.longrepr)


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if REQUIRED and report.skipped and not hasattr(report, "wasxfail") and _reason(report) != NO_CORPUS:
        report.longrepr = f"skipped, but UNDERSIGN_REQUIRE=all: {_reason(report)}"
        report.outcome = "failed"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let no test be skipped where everything is required."""
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Let no file be skipped where everything is required."""
    report = yield
    _refuse_skip(report)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """End with what this machine could not run and why."""
    skipped = terminalreporter.stats.get("skipped", [])
    if not skipped:
        terminalreporter.section("Nothing was skipped", green=True)
        return
    terminalreporter.section("NOT RUN on this machine, and why", yellow=True, bold=True)
    for reason, count in sorted(Counter(_reason(report) for report in skipped).items()):
        terminalreporter.line(f"{count:5} x  {reason}", yellow=True)
