"""Words for tests of the writer."""

import json

from undersign.audit.chain import GENESIS, link
from undersign.audit.record import Entry
from undersign.replay import Burn
from undersign.storage.audit import head_line, lines_after
from undersign.storage.write import Job
from undersign.storage.writer import Write, Writer

NOW = 1_800_000_000


def burn(name="jti-1", *, expires_at=NOW + 300):
    return Burn("client-auth", "https://as.example", name, expires_at)


def intent(number=0, **members):
    return Write(Entry("sign", "intent", request_id=f"r{number}"), **members)


def settle(database, clock, *writes):
    """Commit these writes as one batch, without a thread, and give their verdicts."""
    jobs = [Job.of(write) for write in writes]
    writer = Writer(database, clock=clock)
    writer._commit(jobs)
    writer._disconnect()
    return [type(job.future.exception()).__name__ if job.future.exception() else "ok" for job in jobs]


def rows(database, sql):
    connection = database.connect()
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def assert_chain_holds(database, chain):
    lines = lines_after(database, 0, limit=100_000)
    previous = GENESIS
    for number, line in enumerate(lines, start=1):
        members = json.loads(line.body)
        assert (members["seq"], members["prev"], members["chain"]) == (number, previous, chain.id)
        previous = line.hash
        assert link(chain.id, line.body) == line.hash
    assert head_line(database) == lines[-1]
    return lines
