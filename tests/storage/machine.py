"""A server's database and mark over restarts and restores; for the tests of both."""

from tests.storage.writing import copied, intent, members, put_back, start_chain
from undersign.audit.record import Entry, Write
from undersign.errors import AccessError, ReplayedError, UnusableKeyError
from undersign.storage.ledger.ledger import Ledger
from undersign.storage.ledger.mark import Mark
from undersign.storage.rows import metadata

TABLES = tuple(metadata.tables)


class Machine:
    """A server's database and mark, as they are over restarts."""

    def __init__(self, database, path, clock):
        self.database, self.path, self.clock = database, path, clock

    def start(self, *, marked=True):
        """Start as a server does; gives its ledger, which is open."""
        mark = Mark(self.path) if marked else None
        chain = start_chain(self.database, now=self.clock.now, mark=mark)
        self.chain = chain
        ledger = Ledger(self.database, chain.envelope, clock=self.clock, mark=mark).start()
        ledger.submit(Write(Entry("start", "ok"))).result()
        return ledger

    def backup(self):
        return copied(self.database, *TABLES)

    def restore(self, tables):
        put_back(self.database, tables)


def events(machine):
    return [line["event"] for line in members(machine.database)]


def verdict(ledger, *changes):
    try:
        ledger.submit(intent(1, *changes)).result()
    except (ReplayedError, AccessError, UnusableKeyError) as error:
        return type(error).__name__
    return "ok"
