"""Words for tests of the ledger, the same on every engine."""

import json
from concurrent.futures import Future

from sqlalchemy import text

from undersign.audit.chain import GENESIS, link
from undersign.audit.record import Entry, Write
from undersign.cryptotoken.lifecycle import Wanted, active, create
from undersign.cryptotoken.software import SoftwareToken
from undersign.replay import Burn
from undersign.storage.envelope import Envelope
from undersign.storage.keys import KeyVault, records, write_of
from undersign.storage.ledger.job import Job
from undersign.storage.ledger.ledger import Ledger
from undersign.storage.ledger.lines import MOVE, head_line, lines_after, moved, read_head
from undersign.storage.ledger.opening import open_chain, writing
from undersign.storage.ledger.reading import Reading

NOW = 1_800_000_000
MASTER = Envelope(b"m" * 32)
ROOT = Wanted("audit-root", "audit_root", "Ed25519")


class Clock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self, now=NOW):
        self.now = now

    def __call__(self):
        return self.now


class Shelf:
    """The keys of a database, as a process that has just started reads them."""

    def __init__(self, database, envelope):
        self.reading = Reading(database, envelope)
        self.vault = KeyVault(database, envelope)

    def records(self, name=None):
        return records(self.reading.now(), name)

    def active(self, name):
        return active(self.records(), name)

    def states(self, name):
        return [(record.version, record.state) for record in self.records(name)]


def start_chain(database, *, now=NOW, mark=None, master=MASTER):
    """Open the chain, with a root in software where there is none."""
    return open_chain(
        database,
        master,
        lambda envelope: create(SoftwareToken("soft", KeyVault(database, envelope)), (), ROOT, now=NOW),
        now=now,
        mark=mark,
    )


def burn(name="jti-1", *, expires_at=NOW + 300, issued_at=None):
    return Burn("client-auth", "https://as.example", name, expires_at, issued_at)


def intent(number=0, *changes):
    return Write(Entry("sign", "intent", request_id=f"r{number}"), *changes)


def new_key(token, shelf, name="k", alg="ES256"):
    return write_of(create(token, shelf.records(), Wanted(name, "jws", alg), now=NOW))


def settle(database, chain, clock, *writes):
    """Commit these writes as one batch, without a thread, and give their verdicts."""
    ledger = Ledger(database, chain.envelope, clock=clock)
    verdicts = settle_in(ledger, *writes)
    let_go(ledger)
    return verdicts


def settle_in(ledger, *writes):
    """Commit these writes as one batch of this ledger, whose thread was not started."""
    jobs = [Job(Future(), write, write.changes) for write in writes]
    ledger._writer.commit(jobs)
    found = [job.waiting.exception() for job in jobs]
    return ["ok" if error is None else type(error).__name__ for error in found]


def let_go(ledger):
    """Close the connection of a ledger whose thread was not started."""
    ledger._writer.disconnect()


def run(database, sql, **parameters):
    """Run SQL past everything that is ours, as somebody who can write to the database does; give what it answers."""
    with database.engine.migrating() as connection:
        found = connection.execute(text(sql), parameters)
        return [tuple(row) for row in found] if found.returns_rows else []


def set_head(database, envelope, **columns):
    """Write another head as whoever has the master key would: with its MAC."""
    head = read_head(database)._replace(**columns)
    with writing(database) as connection:
        connection.begin()
        connection.finish([(MOVE, moved(head, envelope))])


def copied(database, *tables):
    """Every row of these tables, to be put back later."""
    return {table: [dict(row) for row in _mappings(database, table)] for table in tables}


def put_back(database, tables):
    """Put the rows back as they were."""
    with database.engine.migrating() as connection:
        for table, rows in tables.items():
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - a test's own names
            for row in rows:
                names = ", ".join(row)
                places = ", ".join(f":{name}" for name in row)
                connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({places})"), row)  # noqa: S608


def _mappings(database, table):
    with database.engine.migrating() as connection:
        return list(connection.execute(text(f"SELECT * FROM {table}")).mappings())  # noqa: S608


def members(database, after=0):
    """The lines after one, as JSON."""
    return [json.loads(line.body) for line in lines_after(database, after, limit=100_000)]


def assert_chain_holds(database, chain):
    lines = lines_after(database, 0, limit=100_000)
    previous = GENESIS
    for number, line in enumerate(lines, start=1):
        found = json.loads(line.body)
        assert (found["seq"], found["prev"], found["chain"]) == (number, previous, chain.id)
        previous = line.hash
        assert link(chain.id, line.body) == line.hash
    assert head_line(database) == lines[-1]
    return lines
