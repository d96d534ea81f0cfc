"""docs/seeds.md says the truth: each capability has a test that exists, or the subject of the issue that brings it."""

from __future__ import annotations

import re

from tests.architecture.reading import ROOT, files, functions, name

PAGE = (ROOT / "docs" / "seeds.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (\d{3})\.(\d+) \| (.+?) \| (.+) \|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py::test_\w+)`")
SEEDS = {"000": 25, "001": 14, "002": 40, "003": 50, "004": 24}  # at least so many capabilities in each


def _existing() -> set[str]:
    return {f"{name(path)}::{function.name}" for path in files(ROOT / "tests") for function in functions(path)}


def test_every_named_test_exists() -> None:
    """No row points to a test that was renamed, removed or never written."""
    named = {test for row in ROW.finditer(PAGE) for test in TEST.findall(row[4])}
    assert sorted(named - _existing()) == []


def test_every_row_is_a_test_or_later() -> None:
    """A row names tests and nothing else, or one of the subjects at the top of the page."""
    listed = re.search(r"^Subjects: (.+)\.$", PAGE, re.MULTILINE)
    assert listed is not None
    subjects = listed[1].split("; ")
    for row in ROW.finditer(PAGE):
        later = row[4].removeprefix("later: ")
        assert later in subjects or not TEST.sub("", row[4]).strip(", "), row[0]


def test_every_seed_has_its_rows() -> None:
    """Each of the five documents has a section whose rows are numbered without a gap."""
    numbers: dict[str, list[int]] = {}
    for row in ROW.finditer(PAGE):
        numbers.setdefault(row[1], []).append(int(row[2]))
    assert list(numbers) == list(SEEDS)
    for seed, found in numbers.items():
        assert found == list(range(1, len(found) + 1)), seed
        assert len(found) >= SEEDS[seed], seed


def test_the_licence_is_apache_2() -> None:
    """The project is free under the Apache License 2.0, whole text included."""
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
