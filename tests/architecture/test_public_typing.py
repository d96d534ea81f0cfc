"""The public API as a type checker sees it: typing_tests/ passes mypy strict, wrong uses included."""

from __future__ import annotations

from mypy import api

from tests.architecture.reading import ROOT


def test_the_public_types_are_what_typing_tests_say() -> None:
    """Every assert_type in typing_tests/ holds, and every use marked wrong there is an error to mypy."""
    output, errors, status = api.run(["--config-file", str(ROOT / "pyproject.toml"), str(ROOT / "typing_tests")])
    assert status == 0, output + errors
