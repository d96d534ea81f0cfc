"""A database with an open chain and software keys, on each engine, in a place of its own."""

import pytest

from tests.engines import engine, nowhere, postgres_template, where  # noqa: F401 - fixtures
from tests.storage.machine import Machine
from tests.storage.writing import Clock, Shelf, start_chain
from undersign.cryptotoken.software import SoftwareToken
from undersign.storage.ledger.ledger import Ledger


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def database(where):  # noqa: F811
    opened = where.open()
    yield opened
    opened.dispose()


@pytest.fixture
def chain(database):
    return start_chain(database)


@pytest.fixture
def shelf(database, chain):
    return Shelf(database, chain.envelope)


@pytest.fixture
def token(shelf):
    return SoftwareToken("soft", shelf.vault)


@pytest.fixture
def ledger(database, chain, clock):
    with Ledger(database, chain.envelope, node="n1", clock=clock) as running:
        yield running


@pytest.fixture
def machine(database, tmp_path, clock):
    return Machine(database, tmp_path / "beside" / "mark", clock)
