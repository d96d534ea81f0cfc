"""The conformance kit asks what it says, of us and of others."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from undersign.conformance.adapters import ADAPTERS, Undersign, ask, chosen
from undersign.conformance.cases import Case, cases
from undersign.errors import UndersignError

CASES = cases()
PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"


def test_names_are_unique_and_both_verdicts_occur() -> None:
    """Each case has a name of its own, and a library that refused or accepted everything would fail."""
    assert len({case.name for case in CASES}) == len(CASES)
    assert {True, False} == {case.accept for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_undersign_is_right(case: Case) -> None:
    """This library gives the right answer to each case."""
    assert ask(Undersign(), case) == "right"


@pytest.mark.peer
@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_the_page_says_what_each_library_does(name: str) -> None:
    """The numbers in docs/conformance.md are those of the versions that the requirements pin."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        adapter = ADAPTERS[name]()
        count = Counter(ask(adapter, case) for case in CASES)
    row = re.search(rf"^\| {name} [^|]*\| (\d+) \| (\d+) \| (\d+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert row is not None
    assert [count["right"], count["wrong"], count["foreign"]] == [int(number) for number in row.groups()]


class Yes:
    """An adapter of somebody's who accepts everything."""

    name = "yes"
    errors = (UndersignError,)

    def verify_jws(self, *_: Any) -> bytes:
        return b""

    def verify_jwt(self, *_: Any) -> object:
        return {}


class Breaks(Yes):
    """An adapter whose library breaks on everything."""

    name = "breaks"

    def verify_jwt(self, *_: Any) -> object:
        raise RecursionError


def test_a_library_that_accepts_everything_is_wrong() -> None:
    """The kit tells a library that checks nothing from one that works, and a crash from a refusal."""
    hostile = [case for case in CASES if not case.accept]
    assert {ask(Yes(), case) for case in hostile} == {"wrong"}
    assert {ask(Breaks(), case) for case in hostile} == {"foreign"}


def test_an_adapter_of_yours_is_named_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """module:Class finds an adapter that this package does not know."""
    monkeypatch.setitem(sys.modules, "theirs", sys.modules[__name__])
    monkeypatch.setenv("UNDERSIGN_CONFORMANCE", "theirs:Yes")
    with warnings.catch_warnings():
        assert chosen().name == "yes"


@pytest.mark.slow
def test_the_kit_runs_by_its_name() -> None:
    """``pytest --pyargs undersign.conformance`` runs every case."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--pyargs", "undersign.conformance"]
    ran = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd="/", env={**os.environ, "UNDERSIGN_CONFORMANCE": ""}
    )
    assert ran.returncode != 0  # an adapter without a name is nobody's
    environment = {name: value for name, value in os.environ.items() if name != "UNDERSIGN_CONFORMANCE"}
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/", env=environment)
    assert f"{len(CASES)} passed" in ran.stdout
