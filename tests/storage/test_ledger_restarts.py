"""Processes, restarts, clocks and disks: what works once works once whatever happens."""

import multiprocessing
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.storage.writing import NOW, assert_chain_holds, burn, intent, rows, settle
from undersign.errors import (
    ExpiredTokenError,
    ReplayedError,
    ReplayStoreError,
    StorageError,
)
from undersign.replay import Burn
from undersign.storage import writer as writer_module
from undersign.storage.audit import line_of_request
from undersign.storage.engine import Database
from undersign.storage.writer import Writer


def _consume_from_a_process(path, number, results):
    database = Database.open(f"sqlite:{path}", migrate=False)
    won = 0
    with Writer(database, node=f"p{number}", clock=lambda: NOW) as writer, ThreadPoolExecutor(16) as pool:
        futures = [
            pool.submit(lambda: writer.submit(intent(number, burns=(burn("same"),))).result()) for _ in range(16)
        ]
        for future in futures:
            try:
                future.result()
            except ReplayedError:
                continue
            won += 1
    database.dispose()
    results.put(won)


@pytest.mark.slow
def test_sixty_four_consumes_in_four_processes_give_one_success(database, chain, tmp_path):
    """However many ask at once, from however many processes, one gets it, and the chain is one chain."""
    spawn = multiprocessing.get_context("spawn")
    results = spawn.Queue()
    processes = [spawn.Process(target=_consume_from_a_process, args=(database.path, n, results)) for n in range(4)]
    for process in processes:
        process.start()
    won = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()

    assert sum(won) == 1
    assert_chain_holds(database, chain)


def test_a_burn_survives_a_restart(database, chain, clock):
    """What was used before the process ended is used after it started again."""
    with Writer(database, clock=clock) as first:
        first.consume(burn())

    with Writer(database, clock=clock) as second, pytest.raises(ReplayedError):
        second.consume(burn())


def test_a_clock_set_back_refuses_what_works_once(database, chain, clock):
    """With the clock behind the highest time seen no burn is taken, in a new process either; plain entries are."""
    with Writer(database, clock=clock) as writer:
        writer.submit(intent(1)).result()
    clock.now = NOW - 60
    with Writer(database, clock=clock) as writer:
        with pytest.raises(ReplayStoreError, match="set back"):
            writer.consume(burn())
        line = writer.submit(intent(2)).result()

    assert line.time == NOW


def test_forgetting_a_burn_never_lets_it_work_again(database, chain, clock):
    """A burn pruned one hour after its end stays refused: it is too old, and the clock cannot go back to its day."""
    assert settle(database, clock, intent(1, burns=(burn(expires_at=NOW + 10),))) == ["ok"]
    clock.now = NOW + 10 + 3600 + 60
    assert settle(database, clock, intent(2)) == ["ok"]
    assert rows(database, "SELECT count(*) FROM burns") == [(0,)]

    assert settle(database, clock, intent(3, burns=(burn(expires_at=NOW + 10),))) == ["ExpiredTokenError"]
    clock.now = NOW
    assert settle(database, clock, intent(4, burns=(burn(expires_at=NOW + 10),))) == ["ReplayStoreError"]


def test_a_burn_is_kept_for_an_hour_after_its_end(database, chain, clock):
    """Within the hour the row stays, so that a small step of the clock opens nothing."""
    settle(database, clock, intent(1, burns=(burn(expires_at=NOW + 10),)))
    clock.now = NOW + 3500
    settle(database, clock, intent(2))

    assert rows(database, "SELECT count(*) FROM burns") == [(1,)]


def test_what_expired_meanwhile_is_refused_at_the_reserve(writer, clock):
    """A token that ran out during the upload is not accepted late."""
    clock.now = NOW + 400

    with pytest.raises(ExpiredTokenError):
        writer.submit(intent(1, burns=(burn(),))).result()


class _Flaky(sqlite3.Connection):
    """A connection whose COMMIT reaches the disk and then reports a failure."""

    def execute(self, sql, *parameters):
        answer = super().execute(sql, *parameters)
        if sql == "COMMIT":
            raise sqlite3.OperationalError("disk I/O error")
        return answer


def test_a_commit_of_unknown_outcome_counts_as_used(database, chain, clock, monkeypatch):
    """When COMMIT fails after the fact nothing is released, nothing is retried, and the burn is gone."""

    def connect():
        return sqlite3.connect(database.path, isolation_level=None, factory=_Flaky, check_same_thread=False)

    writer = Writer(database, clock=clock)
    monkeypatch.setattr(writer, "_connect", connect)
    with writer, pytest.raises(StorageError):
        writer.submit(intent(1, burns=(burn(),))).result()

    assert settle(database, clock, intent(2, burns=(burn(),))) == ["ReplayedError"]


def test_a_locked_database_refuses_in_time(database, chain, clock, monkeypatch):
    """A writer that cannot get the lock gives StorageError, and works again when the lock is free."""
    monkeypatch.setattr(writer_module, "begin_immediate", lambda c: writer_module_begin(c, deadline=0.05))
    holder = database.connect()
    holder.execute("BEGIN IMMEDIATE")
    with Writer(database, clock=clock) as writer:
        with pytest.raises(StorageError):
            writer.submit(intent(1)).result()
        holder.execute("ROLLBACK")
        holder.close()
        writer.submit(intent(2)).result()


writer_module_begin = writer_module.begin_immediate


def test_a_closed_writer_refuses(database, chain, clock):
    """After close nothing is taken, and what was handed in before is committed."""
    writer = Writer(database, clock=clock).start()
    futures = [writer.submit(intent(number)) for number in range(500)]
    writer.close()

    assert [future.result().seq for future in futures] == list(range(2, 502))
    with pytest.raises(StorageError):
        writer.submit(intent(1)).result()


def test_a_full_queue_refuses(database, chain, clock, monkeypatch):
    """More waiting writes than the cap are refused, not piled up."""
    monkeypatch.setattr(writer_module, "QUEUE_CAP", 0)
    with Writer(database, clock=clock) as writer, pytest.raises(ReplayStoreError):
        writer.consume(burn())


def test_a_writer_without_a_chain_does_not_start(database, clock):
    """Without a chain there is nowhere to record, so nothing is served."""
    with pytest.raises(StorageError):
        Writer(database, clock=clock).start()


KILLED = """
import sys
from undersign.audit.record import Entry
from undersign.replay import Burn
from undersign.storage.engine import Database
from undersign.storage.writer import Write, Writer

writer = Writer(Database.open("sqlite:" + sys.argv[1], migrate=False), clock=lambda: 1_800_000_000).start()
for number in range(100_000):
    burn = Burn("p", "i", f"{sys.argv[2]}-{number}", 1_800_000_300)
    futures = [writer.submit(Write(Entry("sign", "intent", request_id=f"{sys.argv[2]}-{number}"), burns=(burn,)))]
    futures[0].result()
    print(number, flush=True)
"""


@pytest.mark.slow
def test_kill_9_leaves_a_chain_that_holds(database, chain, clock, tmp_path):
    """A process killed while it writes leaves every acknowledged line and burn, and a chain without a gap."""
    for attempt in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(database.path), str(attempt)], stdout=subprocess.PIPE, text=True
        )
        acknowledged = [process.stdout.readline() for _ in range(20 + 7 * attempt)]
        process.kill()
        acknowledged += process.stdout.readlines()
        process.stdout.close()
        process.wait()
        complete = [int(line) for line in acknowledged if line.endswith("\n")]

        assert_chain_holds(database, chain)
        for number in complete:
            assert line_of_request(database, f"{attempt}-{number}", outcome="intent") is not None
        replay = intent(0, burns=(Burn("p", "i", f"{attempt}-{complete[-1]}", NOW + 300),))
        assert settle(database, clock, replay) == ["ReplayedError"]
