"""Files and functions stay small enough to be read at one sitting (DESIGN section 3)."""

from __future__ import annotations

from tests.architecture.reading import ROOT, code_lines, files, functions, name

FILE_LINES = 400
FUNCTION_LINES = 40


def test_no_file_is_longer_than_400_lines() -> None:
    """A file of the project, tests and examples too, has at most 400 lines."""
    everything = files(ROOT / "src", ROOT / "tests", ROOT / "examples", ROOT / "tools", ROOT / "benchmarks")
    lengths = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in everything}
    assert {path: length for path, length in lengths.items() if length > FILE_LINES} == {}


def test_no_function_is_longer_than_40_code_lines() -> None:
    """A function of the package or an example has at most 40 lines of code, its docstring and comments not counted."""
    long = {}
    for path in files(ROOT / "src", ROOT / "examples"):
        code = code_lines(path)
        for function in functions(path):
            count = len(code.intersection(range(function.lineno, (function.end_lineno or 0) + 1)))
            if count > FUNCTION_LINES:
                long[f"{name(path)}::{function.name}"] = count
    assert long == {}
