"""Imports point down the floors of DESIGN section 3, as pyproject.toml spells them for import-linter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.architecture.reading import ROOT


def test_every_import_contract_is_kept() -> None:
    """The floors, the readers of unverified tokens, and who may know a driver are as pyproject.toml says."""
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
