"""The reference pages say what the code says."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_spec = importlib.util.spec_from_file_location("reference", ROOT / "tools" / "reference.py")
assert _spec is not None
assert _spec.loader is not None
reference = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(reference)


@pytest.mark.parametrize("name", sorted(reference.PAGES))
def test_page_is_current(name: str) -> None:
    """A reference page is what tools/reference.py writes today."""
    written = (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")
    assert reference.PAGES[name]() == written, "run python tools/reference.py"
