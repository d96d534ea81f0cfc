"""The group-commit ledger: each write has its own verdict, and what works once works once."""

import pytest

from tests.storage.writing import NOW, assert_chain_holds, burn, intent, let_go, new_key, run, settle, settle_in
from undersign.audit.record import Entry, Write, commit
from undersign.cryptotoken.lifecycle import KeyUse, SetState
from undersign.errors import (
    ConflictError,
    PolicyError,
    ReplayedError,
    UnusableKeyError,
)
from undersign.replay import Burn
from undersign.storage.ledger.ledger import Ledger
from undersign.storage.ledger.lines import head_line, line_of_request
from undersign.storage.rows.burns import PRUNE_AFTER


def test_a_write_gives_its_committed_line(ledger, database, chain):
    """The future's line is the one that is stored, in its place in the chain."""
    line = ledger.submit(intent(7)).result().line

    assert line == line_of_request(database, "r7", outcome="intent")
    assert assert_chain_holds(database, chain)[-1] == line


def test_a_burn_works_once(ledger, database):
    """The second use of a one-time thing is a replay, and leaves no line."""
    ledger.submit(intent(1, burn())).result()

    with pytest.raises(ReplayedError):
        ledger.submit(intent(2, burn())).result()
    assert line_of_request(database, "r2", outcome="intent") is None


def test_consume_is_the_replay_store(ledger):
    """The ledger serves wherever a ReplayStore is wanted."""
    ledger.consume(burn())

    with pytest.raises(ReplayedError):
        ledger.consume(burn())


def test_one_lost_burn_leaves_its_neighbours_unharmed(database, chain, clock):
    """In a batch of sixteen with one replay, fifteen succeed and the right one fails."""
    assert settle(database, chain, clock, intent(0, burn("j5"))) == ["ok"]

    verdicts = settle(database, chain, clock, *(intent(n, burn(f"j{n}")) for n in range(16)))

    assert verdicts == ["ok"] * 5 + ["ReplayedError"] + ["ok"] * 10
    assert_chain_holds(database, chain)


def test_duplicates_inside_a_batch_are_settled_in_order(database, chain, clock):
    """Of two writes in one batch that need the same thing, the first gets it."""
    verdicts = settle(database, chain, clock, intent(1, burn()), intent(2, burn()), intent(3, burn("x")))

    assert verdicts == ["ok", "ReplayedError", "ok"]


def test_a_refused_write_uses_nothing_up(database, chain, clock):
    """What a refused write wanted is free for the next, in the same batch and later."""
    settle(database, chain, clock, intent(0, burn("used")))

    verdicts = settle(
        database, chain, clock, intent(1, burn("used"), burn("free")), intent(2, burn("free")),
        intent(3, burn("other"), KeyUse("nobody", 1)),
    )  # fmt: skip

    assert verdicts == ["ReplayedError", "ok", "UnusableKeyError"]
    assert settle(database, chain, clock, intent(4, burn("other"))) == ["ok"]


def test_issuer_and_purpose_are_part_of_a_burn(ledger):
    """The same jti of another issuer, or for another purpose, is another thing."""
    ledger.consume(Burn("client-auth", "https://a.example", "1", NOW + 60))
    ledger.consume(Burn("client-auth", "https://b.example", "1", NOW + 60))
    ledger.consume(Burn("sad", "https://a.example", "1", NOW + 60))


def test_an_entry_that_cannot_be_written_is_refused_before_it_is_handed_in(ledger):
    """Text that UTF-8 cannot spell, or an unknown event, is refused at submit and harms nobody."""
    with pytest.raises(PolicyError):
        ledger.submit(Write(Entry("sign", "intent", request_id="\ud800")))
    with pytest.raises(PolicyError):
        ledger.submit(Write(Entry("nonsense", "intent")))
    ledger.submit(intent()).result()


@pytest.mark.parametrize("expires_at", [float("inf"), float("nan"), -1, 2**41])
def test_a_burn_without_an_end_is_refused(ledger, expires_at):
    """A row that could never be forgotten is not made."""
    with pytest.raises(PolicyError):
        ledger.consume(burn(expires_at=expires_at))


# -- personal values --


def test_personal_values_stay_beside_the_chain(ledger, database, chain):
    """A mapped value is in the table and not in the line; erasing it leaves the chain whole."""
    mapped, personal = commit("jws.header.name", "Ana Example")
    line = ledger.submit(Write(Entry("sign", "intent", mapped=(mapped,)), personal)).result().line

    assert b"Ana" not in line.body
    assert run(database, "SELECT value FROM personal") == [("Ana Example",)]
    run(database, "DELETE FROM personal")
    assert_chain_holds(database, chain)


def test_head_row_moves_with_the_lines(ledger, database):
    """A rolled back batch moves neither lines nor head."""
    before = head_line(database)
    with pytest.raises(UnusableKeyError):
        ledger.submit(intent(1, KeyUse("nobody", 1))).result()

    assert head_line(database) == before
    assert PRUNE_AFTER == 3600


def test_what_the_ledger_takes_as_a_replay_store_opens_no_seal(ledger):
    """A use that no line records gives evidence of no line."""
    ledger.consume(burn())
    write = intent(1)
    committed = ledger.submit(write).result()

    assert committed.holds(write.fragment)
    assert not committed.holds(intent(2).fragment)
    assert not committed.holds(write.fragment[1:])
    assert not committed.holds(b"")


@pytest.mark.parametrize("again", [burn(), SetState("k", 1, "active", "window")])
def test_a_change_of_no_kind_or_given_twice_harms_nobody(ledger, shelf, token, again):
    """A write with a change that no row takes, or with one twice, is refused by itself; the ledger serves on."""
    ledger.submit(new_key(token, shelf)).result()
    with pytest.raises((PolicyError, ConflictError, ReplayedError)):
        ledger.submit(intent(1, again, again)).result(10)
    with pytest.raises(PolicyError):
        ledger.submit(intent(2, object())).result(10)
    ledger.submit(intent(3)).result(10)
    assert shelf.active("k").version == 1


@pytest.mark.slow
def test_forgetting_keeps_up_with_using_up(database, chain, clock):
    """Of burns that come at any rate, no more are kept than those of an hour and of the last seconds."""
    ledger = Ledger(database, chain.envelope, clock=clock)
    for number in range(40):
        writes = [
            intent(0, *(burn(f"{number}-{n}-{m}", expires_at=clock.now + 1) for m in range(8))) for n in range(50)
        ]
        assert set(settle_in(ledger, *writes)) == {"ok"}
        clock.now += 1
    clock.now += 3700
    for _ in range(20):
        settle_in(ledger, intent(1, burn(f"late-{clock.now}")))
        clock.now += 1
    let_go(ledger)
    ((left,),) = run(database, "SELECT count(*) FROM burns WHERE expires_at < :old", old=clock.now - 3700)

    assert left == 0


def test_forgetting_in_a_rush_keeps_up(database, chain, clock):
    """While more burns come each second than are forgotten at rest, as many go as come."""
    ledger = Ledger(database, chain.envelope, clock=clock)
    old = [(f"old-{n}", "p", NOW - 7200) for n in range(9000)]
    for start in range(0, len(old), 3000):
        part = ", ".join(f"('{key}', '{purpose}', {end})" for key, purpose, end in old[start : start + 3000])
        run(database, f"INSERT INTO burns (key, purpose, expires_at) VALUES {part}")  # noqa: S608 - our own
    come = 0
    for _ in range(3):
        writes = [intent(0, *(burn(f"{clock.now}-{n}-{m}") for m in range(10))) for n in range(200)]
        assert set(settle_in(ledger, *writes)) == {"ok"}
        come += 2000
        clock.now += 1
    let_go(ledger)
    ((left,),) = run(database, "SELECT count(*) FROM burns WHERE expires_at < :now", now=NOW - 3600)

    assert 9000 - left >= come


def test_duplicates_across_processes_are_settled(database, where, chain, clock):
    """Two processes that were started on one database never both get one thing, in either order."""
    other = where.open()
    one, two = (Ledger(each, chain.envelope, clock=clock) for each in (database, other))
    found = [
        settle_in(one, intent(1, burn("x"))),
        settle_in(two, intent(2, burn("x")), intent(3, burn("y"))),
        settle_in(one, intent(4, burn("y")), intent(5, burn("z"))),
    ]
    for ledger in (one, two):
        let_go(ledger)
    other.dispose()

    assert found == [["ok"], ["ReplayedError", "ok"], ["ReplayedError", "ok"]]
    assert_chain_holds(database, chain)
