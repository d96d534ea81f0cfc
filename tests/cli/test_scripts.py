"""Runs the readable scripts beside this file: what a person types, and what must come back.

A script is lines: ``$ command`` runs it in a shell in a folder of its own, with ``undersign`` on the path; what stands
below is its output, standard error included, where ``...`` stands for any text; ``[exit 1]`` is its exit code, 0 unless
said. Lines that begin with ``#`` tell what is shown.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = sorted(Path(__file__).parent.glob("*.txt"))


def _steps(text: str) -> list[tuple[str, str, int]]:
    steps = []
    for block in re.split(r"(?m)^\$ ", text)[1:]:
        command, _, rest = block.partition("\n")
        lines = [line for line in rest.splitlines() if not line.startswith("#")]
        code = next((int(line[6:-1]) for line in lines if line.startswith("[exit ")), 0)
        expected = "\n".join(line for line in lines if not line.startswith("[exit ")).strip()
        steps.append((command, expected, code))
    return steps


def _pattern(expected: str) -> str:
    return ".*?".join(re.escape(part) for part in expected.split("..."))


@pytest.mark.parametrize("script", SCRIPTS, ids=[path.stem for path in SCRIPTS])
def test_script(script: Path, tmp_path: Path) -> None:
    """Each command of a script prints what the script says and ends with the code that it says."""
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "LC_ALL": "C.UTF-8",
    }
    for command, expected, code in _steps(script.read_text()):
        ran = subprocess.run(  # noqa: S602 - the scripts are ours
            command,
            shell=True,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            timeout=60,
            check=False,
        )
        output = (ran.stdout + ran.stderr).decode(errors="backslashreplace").strip()

        assert (code, True) == (ran.returncode, bool(re.fullmatch(_pattern(expected), output, re.DOTALL))), (
            f"$ {command}\n{output}"
        )


def test_there_are_scripts() -> None:
    """The folder has a script for each noun of the base install."""
    assert {"inspect", "jwk", "jws", "jwt"} <= {path.stem for path in SCRIPTS}
