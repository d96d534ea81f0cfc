"""What the corpus said, by file and verdict, at the end of the run."""

from __future__ import annotations

from collections import Counter

import pytest

COUNTS: Counter[tuple[str, str, str]] = Counter()
"""File, what the corpus expects and what the library said, with the number of cases."""


@pytest.fixture(scope="session")
def counts() -> Counter[tuple[str, str, str]]:
    """Where the tests of the corpus put their counts."""
    return COUNTS


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the counts by file and verdict."""
    if not COUNTS:
        return
    terminalreporter.section("The corpus of real cases, by file and verdict")
    for (file, expected, word), count in sorted(COUNTS.items()):
        terminalreporter.line(f"{file:20} {expected:10} -> {word:10} {count:5}")
    terminalreporter.line(f"{'total':20} {'':10}    {'':10} {sum(COUNTS.values()):5}")
