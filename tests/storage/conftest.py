"""A database with an open chain and software keys, in a folder of its own."""

import pytest

from undersign.cryptotoken.lifecycle import Wanted, create
from undersign.cryptotoken.software import SoftwareToken
from undersign.storage.audit import open_chain
from undersign.storage.engine import Database
from undersign.storage.envelope import Envelope
from undersign.storage.keys import KeyStore
from undersign.storage.writer import Writer

NOW = 1_800_000_000


class Clock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self, now=NOW):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def database(tmp_path):
    opened = Database.open(f"sqlite:{tmp_path}/undersign.db")
    yield opened
    opened.dispose()


@pytest.fixture
def store(database):
    return KeyStore(database, Envelope(b"m" * 32))


@pytest.fixture
def token(store):
    return SoftwareToken("soft", store)


@pytest.fixture
def chain(database, token):
    return open_chain(
        database, lambda: create(token, (), Wanted("audit-root", "audit_root", "Ed25519"), now=NOW), now=NOW
    )


@pytest.fixture
def writer(database, chain, clock):
    with Writer(database, node="n1", clock=clock) as running:
        yield running
