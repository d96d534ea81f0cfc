"""Runs the kit: ``pytest --pyargs undersign.conformance``, against the library that $UNDERSIGN_CONFORMANCE names."""

from __future__ import annotations

import pytest

from .adapters import Adapter, ask, chosen
from .cases import Case, cases


@pytest.fixture(scope="module")
def adapter() -> Adapter:
    """The library that is asked."""
    return chosen()


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_case(adapter: Adapter, case: Case) -> None:
    """A library accepts what the RFCs print and refuses, with an error of its own, what attackers send."""
    assert ask(adapter, case) == "right"  # noqa: S101 - a test
