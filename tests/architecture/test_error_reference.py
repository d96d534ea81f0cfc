"""The reference of error codes is whole: each code of the tree, once, with what it means and what helps."""

from __future__ import annotations

import re

import pytest

from tests.architecture.reading import ROOT
from undersign import errors
from undersign.errors import OAuthError, UndersignError

PAGE = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `([a-z0-9_]+)` \| `(\w+)` \| (.*) \| (.*) \|$", re.MULTILINE)
TABLE = {row[1]: row for row in ROW.finditer(PAGE)}


def _tree(kind: type[UndersignError] = UndersignError) -> list[type[UndersignError]]:
    below = [found for child in kind.__subclasses__() for found in _tree(child)]
    return [kind, *(found for found in below if found.__module__.startswith(f"{errors.__name__}."))]


@pytest.mark.parametrize("kind", _tree(), ids=lambda kind: kind.code)
def test_a_code_is_in_the_reference_with_what_helps(kind: type[UndersignError]) -> None:
    """Each code has a row with its class, a sentence on what happened, and what helps.

    The OAuth errors are excepted from the last: their code is RFC 6749's own word to another program, and what helps
    depends on the parameter, which the message names.
    """
    row = TABLE[kind.code]
    assert row[2] == kind.__name__
    assert row[3].strip().endswith((".", "``."))
    if not issubclass(kind, OAuthError):
        assert row[4].strip().endswith(".")


def test_the_table_has_no_other_rows() -> None:
    """What is not in the tree is not in the table, and nothing is there twice."""
    listed = [row[1] for row in ROW.finditer(PAGE)]
    assert sorted(listed) == sorted(kind.code for kind in _tree())


@pytest.mark.parametrize("kind", _tree(), ids=lambda kind: kind.code)
def test_a_raised_error_ends_with_what_helps(kind: type[UndersignError]) -> None:
    """The help of the table is the end of the message that a person reads."""
    if kind.__init__ is not UndersignError.__init__ and "message" not in kind.__init__.__code__.co_varnames[1:2]:
        error = kind("sub", "Something happened.")  # type: ignore[call-arg]
    else:
        error = kind("Something happened.")
    assert str(error) == f"Something happened. {TABLE[kind.code][4].strip()}".strip()
    assert error.help == TABLE[kind.code][4].strip()
