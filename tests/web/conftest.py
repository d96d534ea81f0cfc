"""A server for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engines import engine, postgres_template, where  # noqa: F401 - fixtures
from tests.web.desk import TOML, Desk, open_desk


@pytest.fixture
def desk(tmp_path) -> Iterator[Desk]:
    """A server with a fresh database."""
    with open_desk(tmp_path) as opened:
        yield opened


@pytest.fixture
def house(tmp_path, where):  # noqa: F811
    """What opens a server of one folder, again and again, on each engine in turn."""
    text = f"{TOML}\n[storage]\n{where.storage(tmp_path)}"
    return lambda: open_desk(tmp_path, text)
