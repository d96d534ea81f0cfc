"""No two modules of the package need one another, wherever in a file they say so (DESIGN section 3)."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from tests.architecture.reading import SOURCE, files, tree

Imports = Mapping[str, Iterable[str]]


def _module(path: Path, root: Path) -> str:
    """A file as Python names it."""
    return ".".join((root.name, *path.relative_to(root).with_suffix("").parts)).removesuffix(".__init__")


def _statements(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Every import of a file that runs: in functions too, and not below ``if TYPE_CHECKING``."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            for otherwise in child.orelse:
                yield from _statements(ast.Module([otherwise], []))
        else:
            yield from _statements(child)


def _named(
    statement: ast.Import | ast.ImportFrom, module: str, *, is_package: bool, modules: Collection[str]
) -> set[str]:
    """What an import statement of a module needs."""
    if isinstance(statement, ast.Import):
        return {alias.name for alias in statement.names}
    parts = module.split(".")
    above = parts[: len(parts) - statement.level + is_package] if statement.level else []
    room = ".".join([*above, *([statement.module] if statement.module else [])])
    names = [f"{room}.{alias.name}" for alias in statement.names]
    return {name if name in modules else room for name in names}


def imports(root: Path) -> dict[str, set[str]]:
    """Which modules of a package each of its modules imports.

    ``from room import name`` needs the module ``room.name`` where there is one, and else the room's own ``__init__``:
    Python itself finds a submodule while the room is still being read.
    """
    paths = {_module(path, root): path for path in files(root)}
    found: dict[str, set[str]] = {}
    for module, path in paths.items():
        names = {
            name
            for statement in _statements(tree(path))
            for name in _named(statement, module, is_package=path.name == "__init__.py", modules=paths.keys())
        }
        found[module] = (names & paths.keys()) - {module}
    return found


def _reached(graph: Imports, module: str) -> set[str]:
    """The modules that one needs, directly or by another; itself only where it is in a circle."""
    found: set[str] = set()
    left = [*graph.get(module, ())]
    while left:
        other = left.pop()
        if other not in found:
            found.add(other)
            left += graph.get(other, ())
    return found


def circles(graph: Imports) -> list[list[str]]:
    """The groups of modules that reach one another, each sorted."""
    reached = {module: _reached(graph, module) for module in graph}
    groups = {
        tuple(sorted(other for other in reached[module] if module in reached.get(other, ())))
        for module in graph
        if module in reached[module]
    }
    return [list(group) for group in sorted(groups)]


def test_no_modules_import_one_another() -> None:
    """Imports make no circle, those inside functions included, so that each file can be read after what it needs."""
    assert circles(imports(SOURCE)) == []


def test_a_circle_is_found_wherever_it_is_written(tmp_path: Path) -> None:
    """Imports in functions and of packages count, of the package itself too; those for types only do not."""
    root = tmp_path / "house"
    (root / "room").mkdir(parents=True)
    written = {
        "__init__": "",
        "above": "from .room import word\n",
        "below": "def late():\n    from house.above import late\n",
        "apart": "if TYPE_CHECKING:\n    from . import above\nelse:\n    import house.room\n",
        "room/__init__": "from . import word\n",
        "room/word": "from ..below import late\n",
        "room/own": "from . import own_name\nfrom .last import name\n",
        "room/last": "import house.room.own\n",
    }
    for name, text in written.items():
        (root / f"{name}.py").write_text(text)
    graph = imports(root)
    assert graph["house.apart"] == {"house.room"}
    assert graph["house.room.own"] == {"house.room", "house.room.last"}
    circle = ["house.above", "house.below", "house.room.word"]
    assert circles(graph) == [circle, ["house.room.last", "house.room.own"]]
