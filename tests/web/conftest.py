"""A server for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.web.desk import Desk, open_desk


@pytest.fixture
def desk(tmp_path) -> Iterator[Desk]:
    """A server with a fresh database."""
    with open_desk(tmp_path) as opened:
        yield opened
