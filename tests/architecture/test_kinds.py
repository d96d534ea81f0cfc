"""A kind is one file and one line in the table beside it (DESIGN section 3)."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import ModuleType

import pytest

from tests.architecture.reading import SOURCE

# room: (its table, the files that are not kinds but what the kinds share)
ROOMS = {
    "cryptotoken": ("KINDS", {"token", "lifecycle"}),
    "oauth.client_auth": ("METHODS", {"audience", "evidence"}),
    "oauth.grants": ("GRANTS", {"granted"}),
    "signing.authorizers": ("KINDS", set()),
    "signing.workers": ("KINDS", {"made"}),
    "storage.engines": ("ENGINES", {"engine"}),
    "storage.rows": ("KINDS", {"row", "chain"}),
}


def _module(kind: object) -> str:
    """The name of the file that a line of the table leads to; an engine's line has that name itself."""
    if isinstance(kind, str):
        return kind
    full = kind.__name__ if isinstance(kind, ModuleType) else getattr(kind, "__module__", type(kind).__module__)
    return full.rsplit(".", 1)[-1]


@pytest.mark.parametrize("room", ROOMS)
def test_the_files_of_a_room_equal_the_table_beside_them(room: str) -> None:
    """Each file of a folder of kinds has a line in the folder's table, and each line has a file."""
    table, shared = ROOMS[room]
    folder = SOURCE.joinpath(*room.split("."))
    present = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    kinds = getattr(importlib.import_module(f"undersign.{room}"), table)
    lines = kinds.values() if isinstance(kinds, Mapping) else kinds
    assert {_module(kind) for kind in lines} == present - shared - {"__init__"}
