"""Processes, restarts, clocks and disks: what works once works once whatever happens."""

import multiprocessing
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.storage.writing import MASTER, NOW, assert_chain_holds, burn, intent, members, run, settle
from undersign.errors import (
    ExpiredTokenError,
    ReplayedError,
    ReplayStoreError,
    StorageError,
)
from undersign.replay import Burn
from undersign.storage.engines import postgresql, sqlite
from undersign.storage.ledger import ledger as ledger_module
from undersign.storage.ledger.ledger import Ledger
from undersign.storage.ledger.lines import LOCK, line_of_request


def _consume_from_a_process(place, chain, number, results):
    database = place.open(migrate=False)
    won = 0
    envelope = MASTER.of(chain)
    with Ledger(database, envelope, node=f"p{number}", clock=lambda: NOW) as ledger, ThreadPoolExecutor(16) as pool:
        futures = [pool.submit(lambda: ledger.submit(intent(number, burn("same"))).result()) for _ in range(16)]
        for future in futures:
            try:
                future.result()
            except ReplayedError:
                continue
            won += 1
    database.dispose()
    results.put(won)


@pytest.mark.slow
def test_sixty_four_consumes_in_four_processes_give_one_success(database, where, chain):
    """However many ask at once, from however many processes, one gets it, and the chain is one chain."""
    spawn = multiprocessing.get_context("spawn")
    results = spawn.Queue()
    processes = [spawn.Process(target=_consume_from_a_process, args=(where, chain.id, n, results)) for n in range(4)]
    for process in processes:
        process.start()
    won = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()

    assert sum(won) == 1
    assert_chain_holds(database, chain)


def test_a_burn_survives_a_restart(database, chain, clock):
    """What was used before the process ended is used after it started again."""
    with Ledger(database, chain.envelope, clock=clock) as first:
        first.consume(burn())

    with Ledger(database, chain.envelope, clock=clock) as second, pytest.raises(ReplayedError):
        second.consume(burn())


def test_a_clock_set_back_refuses_what_works_once(database, chain, clock):
    """With the clock behind the highest time seen no burn is taken, in a new process either; plain entries are."""
    with Ledger(database, chain.envelope, clock=clock) as ledger:
        ledger.submit(intent(1)).result()
    clock.now = NOW - 60
    with Ledger(database, chain.envelope, clock=clock) as ledger:
        with pytest.raises(ReplayStoreError, match="set back"):
            ledger.consume(burn())
        line = ledger.submit(intent(2)).result().line

    assert line.time == NOW


def test_forgetting_a_burn_never_lets_it_work_again(database, chain, clock):
    """A burn pruned one hour after its end stays refused: it is too old, and the clock cannot go back to its day."""
    assert settle(database, chain, clock, intent(1, burn(expires_at=NOW + 10))) == ["ok"]
    clock.now = NOW + 10 + 3600 + 60
    assert settle(database, chain, clock, intent(2)) == ["ok"]
    assert run(database, "SELECT count(*) FROM burns") == [(0,)]

    assert settle(database, chain, clock, intent(3, burn(expires_at=NOW + 10))) == ["ExpiredTokenError"]
    clock.now = NOW
    assert settle(database, chain, clock, intent(4, burn(expires_at=NOW + 10))) == ["ReplayStoreError"]


def test_a_burn_is_kept_for_an_hour_after_its_end(database, chain, clock):
    """Within the hour the row stays, so that a small step of the clock opens nothing."""
    settle(database, chain, clock, intent(1, burn(expires_at=NOW + 10)))
    clock.now = NOW + 3500
    settle(database, chain, clock, intent(2))

    assert run(database, "SELECT count(*) FROM burns") == [(1,)]


def test_what_expired_meanwhile_is_refused_at_the_reserve(ledger, clock):
    """A token that ran out during the upload is not accepted late."""
    clock.now = NOW + 400

    with pytest.raises(ExpiredTokenError):
        ledger.submit(intent(1, burn())).result()


class _Flaky:
    """A connection whose commit reaches the disk and then reports a failure."""

    def __init__(self, inner, error):
        self.inner, self.error = inner, error

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def finish(self, executions):
        self.inner.finish(executions)
        raise self.error


def test_a_commit_of_unknown_outcome_counts_as_used(database, chain, clock, monkeypatch):
    """When the commit fails after the fact nothing is released, nothing is retried, and the burn is gone."""
    ledger = Ledger(database, chain.envelope, clock=clock)
    error = database.engine.outages[0]("disk I/O error")
    connect = database.connect
    monkeypatch.setattr(database, "connect", lambda: _Flaky(connect(), error))
    with ledger:
        with pytest.raises(StorageError):
            ledger.submit(intent(1, burn())).result()
        monkeypatch.undo()
        ledger.submit(intent(3)).result()  # and goes on from what is there

    assert settle(database, chain, clock, intent(2, burn())) == ["ReplayedError"]
    assert_chain_holds(database, chain)


class _Failing(_Flaky):
    """A connection whose commit never reaches the disk."""

    def finish(self, _):
        raise self.error


def test_a_commit_that_fails_leaves_nothing(database, chain, clock, monkeypatch):
    """When the database takes nothing, no line and no burn is there, and the counts are in the next summary."""
    ledger = Ledger(database, chain.envelope, clock=clock)
    error = database.engine.outages[0]("no space left")
    connect = database.connect
    monkeypatch.setattr(database, "connect", lambda: _Failing(connect(), error))
    with ledger:
        ledger.count("x", "192.0.2.1")
        with pytest.raises(StorageError):
            ledger.flush()
        with pytest.raises(StorageError):
            ledger.submit(intent(1, burn())).result()
        monkeypatch.undo()
        ledger.submit(intent(2, burn())).result()
        ledger.flush()

    assert [line["event"] for line in members(database, 1)] == ["sign", "refusals"]


def test_a_locked_database_refuses_in_time(where, database, chain, clock, monkeypatch):
    """A ledger that cannot get the lock gives StorageError, and works again when the lock is free."""
    begin = sqlite.begin_immediate
    monkeypatch.setattr(sqlite, "begin_immediate", lambda connection: begin(connection, deadline=0.05))
    monkeypatch.setitem(postgresql._OPTIONS, "lock_timeout", "100ms")
    hasty = where.open()
    holder = database.connect()
    holder.begin((LOCK, {}))
    with Ledger(hasty, chain.envelope, clock=clock) as ledger:
        with pytest.raises(StorageError):
            ledger.submit(intent(1)).result(20)
        holder.close()
        ledger.submit(intent(2)).result(20)
    hasty.dispose()


def test_a_closed_ledger_refuses(database, chain, clock):
    """After close nothing is taken, and what was handed in before is committed."""
    ledger = Ledger(database, chain.envelope, clock=clock).start()
    futures = [ledger.submit(intent(number)) for number in range(500)]
    ledger.close()

    assert [future.result().line.seq for future in futures] == list(range(2, 502))
    with pytest.raises(StorageError):
        ledger.submit(intent(1)).result()


def test_a_full_queue_refuses(database, chain, clock, monkeypatch):
    """More waiting writes than the cap are refused, not piled up."""
    monkeypatch.setattr(ledger_module, "QUEUE_CAP", 0)
    with Ledger(database, chain.envelope, clock=clock) as ledger, pytest.raises(ReplayStoreError):
        ledger.consume(burn())


def test_a_ledger_without_a_chain_does_not_start(database, clock):
    """Without a chain there is nowhere to record, so nothing is served."""
    with pytest.raises(StorageError):
        Ledger(database, MASTER.of("0" * 32), clock=clock).start()


KILLED = """
import sys
from tests.engines import Where
from tests.storage.writing import MASTER, intent
from undersign.replay import Burn
from undersign.storage.ledger.ledger import Ledger

database = Where(sys.argv[1], sys.stdin.readline().strip()).open(migrate=False)
ledger = Ledger(database, MASTER.of(sys.argv[3]), clock=lambda: 1_800_000_000).start()
for number in range(100_000):
    name = f"{sys.argv[2]}-{number}"
    ledger.submit(intent(name, Burn("p", "i", name, 1_800_000_300))).result()
    print(number, flush=True)
"""


@pytest.mark.slow
def test_kill_9_leaves_a_chain_that_holds(root, database, where, chain, clock):
    """A process killed while it writes leaves every acknowledged line and burn, and a chain without a gap."""
    for attempt in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, where.url, str(attempt), chain.id],
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        process.stdin.write(where.password + "\n")
        process.stdin.close()
        acknowledged = [process.stdout.readline() for _ in range(20 + 7 * attempt)]
        process.kill()
        acknowledged += process.stdout.readlines()
        process.stdout.close()
        process.wait()
        complete = [int(line) for line in acknowledged if line.endswith("\n")]

        assert_chain_holds(database, chain)
        for number in complete:
            assert line_of_request(database, f"r{attempt}-{number}", outcome="intent") is not None
        replay = intent(0, Burn("p", "i", f"{attempt}-{complete[-1]}", NOW + 300))
        assert settle(database, chain, clock, replay) == ["ReplayedError"]
