"""The group-commit writer: each write has its own verdict, and what works once works once."""

import pytest

from tests.storage.writing import NOW, assert_chain_holds, burn, intent, rows, settle
from undersign.audit.record import Entry, commit
from undersign.errors import (
    PolicyError,
    ReplayedError,
    UnusableKeyError,
)
from undersign.replay import Burn
from undersign.storage import batch as batch_module
from undersign.storage.audit import head_line, line_of_request
from undersign.storage.writer import KeyUse, Write


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
