"""Fixtures: a fresh, empty place for a database on each engine that storage has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from undersign.storage.database import Database

ENGINES = ("sqlite", pytest.param("postgresql", marks=pytest.mark.slow))


@dataclass(frozen=True, slots=True)
class Where:
    """An address, as the configuration file has it, and the password that stands beside it."""

    url: str
    password: str = ""
    name: str = ""

    def open(self, *, migrate: bool = True) -> Database:
        """Open what is there."""
        return Database.open(self.url, password=self.password, migrate=migrate)

    def storage(self, folder: Path) -> str:
        """What stands under [storage] in a configuration of this folder."""
        if not self.password:
            return f'url = "{self.url}"\n'
        path = folder / "database.password"
        path.touch(mode=0o600)
        path.write_text(self.password)
        return f'url = "{self.url}"\npassword = "file:database.password"\n'


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """The name of one engine."""
    return request.param


@pytest.fixture(scope="session")
def postgres_template(request: pytest.FixtureRequest) -> str:
    """A database with the schema of today, to be copied."""
    cluster = request.getfixturevalue("postgres")
    made = cluster.create()
    Database.open(made.url, password=made.password).dispose()
    return made.name


@pytest.fixture
def nowhere(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> Where:
    """A place with nothing in it, not even a schema."""
    if engine == "sqlite":
        return Where(f"sqlite:{tmp_path}/undersign.db", name=f"{tmp_path}/undersign.db")
    address = request.getfixturevalue("postgres_database")
    return Where(address.url, address.password, address.name)


@pytest.fixture
def where(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Where]:
    """A place for a database; where that takes long, the schema is there already."""
    if engine == "sqlite":
        yield Where(f"sqlite:{tmp_path}/undersign.db", name=f"{tmp_path}/undersign.db")
        return
    template = request.getfixturevalue("postgres_template")
    cluster = request.getfixturevalue("postgres")
    made = cluster.create(template)
    yield Where(made.url, made.password, made.name)
    cluster.drop(made)
