"""The group-commit writer: each write has its own verdict, and what works once works once."""

import json
import multiprocessing
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from undersign.audit.chain import GENESIS, link
from undersign.audit.record import Entry, commit
from undersign.cryptotoken.lifecycle import SetState, Wanted, create, rotate
from undersign.errors import (
    AccessError,
    ConflictError,
    ExpiredTokenError,
    PolicyError,
    ReplayedError,
    ReplayStoreError,
    StorageError,
    UnusableKeyError,
)
from undersign.replay import Burn
from undersign.storage import batch as batch_module
from undersign.storage import writer as writer_module
from undersign.storage.audit import head_line, line_of_request, lines_after
from undersign.storage.engine import Database
from undersign.storage.keys import write_of
from undersign.storage.refusals import block_of
from undersign.storage.subjects import disabled, set_subject
from undersign.storage.write import Job
from undersign.storage.writer import KeyUse, Subject, Write, Writer

NOW = 1_800_000_000


def burn(name="jti-1", *, expires_at=NOW + 300):
    return Burn("client-auth", "https://as.example", name, expires_at)


def intent(number=0, **members):
    return Write(Entry("sign", "intent", request_id=f"r{number}"), **members)


def settle(database, clock, *writes):
    """Commit these writes as one batch, without a thread, and give their verdicts."""
    jobs = [Job.of(write) for write in writes]
    Writer(database, clock=clock)._commit(jobs)
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


# -- verdicts --


def test_a_write_gives_its_committed_line(writer, database, chain):
    """The future's line is the one that is stored, in its place in the chain."""
    line = writer.submit(intent(7)).result()

    assert line == line_of_request(database, "r7", outcome="intent")
    assert assert_chain_holds(database, chain)[-1] == line


def test_a_burn_works_once(writer, database):
    """The second use of a one-time thing is a replay, and leaves no line."""
    writer.submit(intent(1, burns=(burn(),))).result()

    with pytest.raises(ReplayedError):
        writer.submit(intent(2, burns=(burn(),))).result()
    assert line_of_request(database, "r2", outcome="intent") is None


def test_consume_is_the_replay_store(writer):
    """The writer serves wherever a ReplayStore is wanted."""
    writer.consume(burn())

    with pytest.raises(ReplayedError):
        writer.consume(burn())


def test_one_lost_burn_leaves_its_neighbours_unharmed(database, chain, clock):
    """In a batch of sixteen with one replay, fifteen succeed and the right one fails."""
    assert settle(database, clock, intent(0, burns=(burn("j5"),))) == ["ok"]

    verdicts = settle(database, clock, *(intent(n, burns=(burn(f"j{n}"),)) for n in range(16)))

    assert verdicts == ["ok"] * 5 + ["ReplayedError"] + ["ok"] * 10
    assert_chain_holds(database, chain)


def test_duplicates_inside_a_batch_are_settled_in_order(database, chain, clock):
    """Of two writes in one batch that need the same thing, the first gets it."""
    verdicts = settle(
        database, clock, intent(1, burns=(burn(),)), intent(2, burns=(burn(),)), intent(3, burns=(burn("x"),))
    )

    assert verdicts == ["ok", "ReplayedError", "ok"]


def test_a_refused_write_uses_nothing_up(database, chain, clock):
    """What a refused write wanted is free for the next, in the same batch and later."""
    settle(database, clock, intent(0, burns=(burn("used"),)))

    verdicts = settle(
        database, clock, intent(1, burns=(burn("used"), burn("free"))), intent(2, burns=(burn("free"),)),
        intent(3, burns=(burn("other"),), uses=(KeyUse("nobody", 1),)),
    )  # fmt: skip

    assert verdicts == ["ReplayedError", "ok", "UnusableKeyError"]
    assert settle(database, clock, intent(4, burns=(burn("other"),))) == ["ok"]


def test_issuer_and_purpose_are_part_of_a_burn(writer):
    """The same jti of another issuer, or for another purpose, is another thing."""
    writer.consume(Burn("client-auth", "https://a.example", "1", NOW + 60))
    writer.consume(Burn("client-auth", "https://b.example", "1", NOW + 60))
    writer.consume(Burn("sad", "https://a.example", "1", NOW + 60))


def test_an_entry_that_cannot_be_written_is_refused_before_it_is_handed_in(writer):
    """Text that UTF-8 cannot spell, or an unknown event, is refused at submit and harms nobody."""
    with pytest.raises(PolicyError):
        writer.submit(Write(Entry("sign", "intent", request_id="\ud800")))
    with pytest.raises(PolicyError):
        writer.submit(Write(Entry("nonsense", "intent")))
    writer.submit(intent()).result()


@pytest.mark.parametrize("expires_at", [float("inf"), float("nan"), -1, 2**41])
def test_a_burn_without_an_end_is_refused(writer, expires_at):
    """A row that could never be forgotten is not made."""
    with pytest.raises(PolicyError):
        writer.consume(burn(expires_at=expires_at))


# -- keys and subjects --


def test_key_state_and_limit_are_checked_in_the_reserve(writer, store, token, clock):
    """A key is used while active and below its limit, and each use is counted."""
    writer.submit(write_of(create(token, store.records(), Wanted("k", "jws", "ES256"), now=NOW))).result()
    for number in range(3):
        writer.submit(intent(number, uses=(KeyUse("k", 1, limit=3),))).result()

    with pytest.raises(UnusableKeyError, match="limit of 3"):
        writer.submit(intent(4, uses=(KeyUse("k", 1, limit=3),))).result()
    assert store.active("k").uses == 3


def test_a_limit_holds_inside_one_batch(database, chain, clock, store, token):
    """Sixty-four writes of one batch share a limit of ten."""
    settle(database, clock, write_of(create(token, store.records(), Wanted("k", "jws", "ES256"), now=NOW)))

    verdicts = settle(database, clock, *(intent(n, uses=(KeyUse("k", 1, limit=10),)) for n in range(64)))

    assert verdicts == ["ok"] * 10 + ["UnusableKeyError"] * 54
    assert store.active("k").uses == 10


def test_a_disabled_key_signs_no_more_in_the_same_batch(database, chain, clock, store, token):
    """The state is read at each use: a use right behind the disabling is refused."""
    settle(database, clock, write_of(create(token, store.records(), Wanted("k", "jws", "ES256"), now=NOW)))
    disable = Write(Entry("key_state", "ok"), changes=(SetState("k", 1, "active", "disabled"),))

    verdicts = settle(database, clock, intent(1, uses=(KeyUse("k", 1),)), disable, intent(2, uses=(KeyUse("k", 1),)))

    assert verdicts == ["ok", "ok", "UnusableKeyError"]


def test_two_rotations_of_one_state_leave_one_new_version(database, chain, clock, store, token):
    """Two processes that planned the same rotation: one wins, the other is told so."""
    settle(database, clock, write_of(create(token, store.records(), Wanted("k", "jws", "ES256"), now=NOW)))
    records = store.records()
    plans = [rotate(token, records, name="k", now=NOW) for _ in range(2)]

    assert settle(database, clock, *map(write_of, plans)) == ["ok", "ConflictError"]
    assert [(r.version, r.state) for r in store.records("k")] == [(1, "window"), (2, "active")]
    assert_chain_holds(database, chain)


def test_a_lost_change_leaves_nothing_half_done(writer, store, token):
    """When the second of two changes of one write loses, the first is undone too."""
    writer.submit(write_of(create(token, store.records(), Wanted("k", "jws", "ES256"), now=NOW))).result()
    both = (SetState("k", 1, "active", "disabled"), SetState("k", 1, "active", "window"))

    with pytest.raises(ConflictError):
        writer.submit(Write(Entry("key_state", "ok"), changes=both)).result()
    assert store.active("k").state == "active"


def test_destroying_a_key_takes_its_private_half(writer, store, token, database):
    """A destroyed key's sealed half is gone from the table."""
    writer.submit(write_of(create(token, store.records(), Wanted("k", "jws", "ES256"), now=NOW))).result()
    writer.submit(Write(Entry("key_state", "ok"), changes=(SetState("k", 1, "active", "destroyed"),))).result()

    with pytest.raises(StorageError):
        store.unseal(store.records("k")[0])


def test_a_disabled_subject_is_refused_in_the_reserve(writer, database):
    """A client that was disabled is refused by the very next write that names it."""
    named = (Subject("client", "reports"),)
    writer.submit(intent(1, enabled=named)).result()
    writer.submit(set_subject("client", "reports", disabled=True)).result()

    with pytest.raises(AccessError):
        writer.submit(intent(2, enabled=named)).result()
    assert disabled(database, "client") == {"reports"}
    writer.submit(set_subject("client", "reports", disabled=False)).result()
    writer.submit(intent(3, enabled=named)).result()


# -- processes, restarts, clocks --


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


# -- refusals --


def test_refusals_are_counted_and_chained_as_one_summary(database, chain, clock):
    """A thousand anonymous refusals from one block in one minute are one line of the chain."""
    with Writer(database, clock=clock) as writer:
        for number in range(1000):
            writer.count("invalid_signature", f"192.0.2.{number % 256}")
        writer.count("invalid_signature", "198.51.100.9")

    summaries = [json.loads(line.body) for line in lines_after(database, 1)]
    assert [(s["reason"], s["detail"]["block"], s["detail"]["count"]) for s in summaries] == [
        ("invalid_signature", "192.0.2.0/24", 1000),
        ("invalid_signature", "198.51.100.0/24", 1),
    ]


def test_refusals_from_everywhere_stay_bounded(database, chain, clock):
    """Ten thousand address blocks in a minute are 65 lines, with no refusal uncounted."""
    with Writer(database, clock=clock) as writer:
        for number in range(10_000):
            writer.count("bad", f"10.{number >> 8}.{number & 255}.1")

    counts = [json.loads(line.body)["detail"]["count"] for line in lines_after(database, 1)]
    assert (len(counts), sum(counts)) == (65, 10_000)


@pytest.mark.parametrize(
    "address,block",
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("fe80::1%eth0", "fe80::/48"),
        ("", "unknown"),
        ("<script>", "unknown"),
    ],
)
def test_blocks(address, block):
    """Addresses are counted by /24 and /48, and what is no address never reaches the chain."""
    assert block_of(address) == block


# -- personal values --


def test_personal_values_stay_beside_the_chain(writer, database, chain):
    """A mapped value is in the table and not in the line; erasing it leaves the chain whole."""
    mapped, personal = commit("jws.header.name", "Ana Example")
    line = writer.submit(Write(Entry("sign", "intent", mapped=(mapped,)), personal=(personal,))).result()

    assert b"Ana" not in line.body
    assert rows(database, "SELECT value FROM personal") == [("Ana Example",)]
    connection = database.connect()
    connection.execute("DELETE FROM personal")
    connection.close()
    assert_chain_holds(database, chain)


def test_head_row_moves_with_the_lines(writer, database):
    """A rolled back batch moves neither lines nor head."""
    before = head_line(database)
    with pytest.raises(UnusableKeyError):
        writer.submit(intent(1, uses=(KeyUse("nobody", 1),))).result()

    assert head_line(database) == before
    assert batch_module.PRUNE_AFTER == 3600
