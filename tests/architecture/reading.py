"""How the architecture tests read the source: files, syntax trees, code lines."""

from __future__ import annotations

import ast
import functools
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCE = ROOT / "src" / "undersign"
Function = ast.FunctionDef | ast.AsyncFunctionDef
_SILENT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def files(*folders: Path) -> list[Path]:
    """Every Python file of the folders, or of the package."""
    found = [path for folder in folders or (SOURCE,) for path in sorted(folder.rglob("*.py"))]
    return [path for path in found if "node_modules" not in path.parts]


def name(path: Path) -> str:
    """The path as people say it."""
    return path.relative_to(ROOT).as_posix()


@functools.cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of one file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def functions(path: Path) -> Iterator[Function]:
    """Every function and method of one file."""
    return (node for node in ast.walk(tree(path)) if isinstance(node, Function))


def docstring_nodes(path: Path) -> set[int]:
    """The identities of the constants that are docstrings."""
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Module | ast.ClassDef | Function) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                found.add(id(first.value))
    return found


def code_lines(path: Path) -> set[int]:
    """The numbers of the lines that hold code: no blank line, no comment, no docstring."""
    lines: set[int] = set()
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type not in _SILENT and token.type != tokenize.ENCODING:
                lines.update(range(token.start[0], token.end[0] + 1))
    documented = docstring_nodes(path)
    for node in ast.walk(tree(path)):
        if id(node) in documented and isinstance(node, ast.Constant):
            lines.difference_update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines
