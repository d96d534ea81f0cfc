"""A newcomer finds three doors (DESIGN section 3)."""

from __future__ import annotations

import ast

from tests.architecture.reading import SOURCE, files, tree

DOORS = ["jwt/verify.py", "oauth/token_endpoint.py", "signing/process.py"]


def test_exactly_three_files_open_with_start_here() -> None:
    """The docstring of the three files where reading should start, and of no other, begins with START HERE."""
    found = [
        path.relative_to(SOURCE).as_posix()
        for path in files()
        if (ast.get_docstring(tree(path)) or "").startswith("START HERE")
    ]
    assert found == DOORS
