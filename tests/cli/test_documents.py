"""The shell sessions that documents print: each page's ``console`` blocks run like the scripts beside this file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli import test_scripts as scripts

ROOT = Path(__file__).parents[2]
SESSION = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = [
    page
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if SESSION.search(page.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_a_session_is_true(page: Path, tmp_path: Path) -> None:
    """Each command of a page, typed as it stands, prints what the page says and ends with the code that it says."""
    script = tmp_path / "session.txt"
    script.write_text("".join(SESSION.findall(page.read_text(encoding="utf-8"))))
    scripts.test_script(script, tmp_path)


def test_there_are_sessions() -> None:
    """The tutorial and the README have one."""
    assert {"first-token", "README"} <= {page.stem for page in PAGES}
