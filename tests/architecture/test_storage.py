"""Storage knows its engines in one folder, its rows in one table, and its schema from its migrations (DESIGN 3, 4)."""

from __future__ import annotations

import ast
import re

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from tests.architecture.reading import SOURCE, docstring_nodes, files, tree
from tests.engines import Where, engine, nowhere  # noqa: F401 - fixtures
from undersign.storage.engines import ENGINES
from undersign.storage.ledger.lines import audit_lines, chain
from undersign.storage.rows import KINDS, TRUSTED, metadata

DRIVERS = ("sqlite3", "psycopg", "sqlalchemy.dialects")
# Elsewhere an engine's name stands where a configuration has its default, and in what is written for people.
DEFAULTS = {"settings/tables.py", "settings/check.py", "cli/init.py", "cli/story/files.py", "cli/storage.py"}


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def test_no_driver_is_imported_outside_of_the_engines() -> None:
    """SQLite's and PostgreSQL's drivers and dialects are imported by the file of their engine, each by its own."""
    found: dict[str, set[str]] = {}
    for path in files():
        for node in ast.walk(tree(path)):
            for name in _imported(node):
                for driver in DRIVERS:
                    if f"{name}.".startswith(f"{driver}."):
                        found.setdefault(path.relative_to(SOURCE).as_posix(), set()).add(name.split(".")[0])
    assert {place: sorted(names - {"sqlalchemy"}) for place, names in found.items()} == {
        "storage/engines/sqlite.py": ["sqlite3"],
        "storage/engines/postgresql.py": ["psycopg"],
    }


def test_no_engine_is_named_outside_of_the_engines() -> None:
    """No string names an engine but in its folder, in a setting's default and in texts for people."""
    names = re.compile("|".join(ENGINES))
    wrong = []
    for path in files():
        place = path.relative_to(SOURCE).as_posix()
        if place.startswith("storage/engines/") or place in DEFAULTS:
            continue
        documented = docstring_nodes(path)
        wrong += [
            f"{place}:{node.lineno}"
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in documented
            and names.search(node.value)
        ]
    assert wrong == []


def test_every_row_kind_has_its_table_in_the_metadata() -> None:
    """The tables are those of the kinds of row, of the chain and of its lines, each once."""
    tables = [kind.TABLE for kind in KINDS]

    assert len(set(tables)) == len(KINDS)
    assert {*tables, chain, audit_lines} == set(metadata.tables.values())
    assert all(table is metadata.tables[table.name] for table in tables)


def test_every_trusted_row_carries_a_mac() -> None:
    """A kind whose rows decide trust has a column for the MAC, and reads all its rows; keys and subjects are of it."""
    assert {kind.TABLE.name for kind in TRUSTED} == {"keys", "subjects"}
    assert all("mac" in kind.TABLE.c for kind in TRUSTED)
    assert {kind.TABLE.name for kind in KINDS if "mac" in kind.TABLE.c} == {kind.TABLE.name for kind in TRUSTED}


def test_each_change_belongs_to_one_kind() -> None:
    """No class of changes is judged by two kinds of row, and each kind judges at least one."""
    judged = [change for kind in KINDS for change in kind().judges()]

    assert len(judged) == len(set(judged))
    assert all(kind().judges() for kind in KINDS)


def test_the_models_are_what_the_migrations_make(nowhere: Where) -> None:  # noqa: F811
    """On each engine, what Alembic makes of an empty database is what the code reads: tables, types, keys, indexes."""
    database = nowhere.open()
    with database.engine.migrating() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        found = compare_metadata(context, metadata)
    database.dispose()
    assert found == []


@pytest.mark.parametrize("name", ["sqlite", "postgresql"])
def test_both_engines_are_there(name: str) -> None:
    """The table names both engines, and each file makes one."""
    assert (SOURCE / "storage" / "engines" / f"{ENGINES[name]}.py").exists()
