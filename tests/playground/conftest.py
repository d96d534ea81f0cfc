"""The playground in this process, with a clock of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from starlette.testclient import TestClient

from undersign.playground.app import create
from undersign.playground.site import Site

PAGE = {"Accept": "text/html,application/xhtml+xml", "Sec-Fetch-Site": "none"}


@dataclass
class Clock:
    """A clock that moves when told."""

    now: float = field(default=1_800_000_000.0)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The time by which form tokens are made and judged."""
    return Clock()


@pytest.fixture
def terminal(clock) -> Iterator[TestClient]:
    """A program on this machine that keeps no cookie."""
    with TestClient(create(Site("http://localhost:8080"), clock=clock), base_url="http://localhost:8080") as client:
        client.headers["Accept"] = "*/*"
        yield client


@pytest.fixture
def browser(terminal) -> TestClient:
    """A browser on the same playground."""
    client = TestClient(terminal.app, base_url="http://localhost:8080", headers=PAGE)
    assert client.get("/").status_code == 200
    return client
