"""Key states, limits, changes and disabled subjects, decided in the same transaction as the write."""

import pytest

from tests.storage.writing import NOW, assert_chain_holds, intent, let_go, new_key, settle, settle_in
from undersign.access.standing import Enabled, SetEnabled, set_enabled
from undersign.audit.record import Entry, Write
from undersign.cryptotoken.lifecycle import KeyUse, Published, SetState, rotate
from undersign.errors import (
    AccessError,
    ConflictError,
    StorageError,
    UnusableKeyError,
)
from undersign.storage.keys import disabled, write_of
from undersign.storage.ledger.ledger import Ledger


def test_key_state_and_limit_are_checked_in_the_reserve(ledger, shelf, token, clock):
    """A key is used while active and below its limit, and each use is counted."""
    ledger.submit(new_key(token, shelf)).result()
    for number in range(3):
        ledger.submit(intent(number, KeyUse("k", 1, limit=3))).result()

    with pytest.raises(UnusableKeyError, match="limit of 3"):
        ledger.submit(intent(4, KeyUse("k", 1, limit=3))).result()
    assert shelf.active("k").uses == 3


def test_a_limit_holds_inside_one_batch(database, chain, clock, shelf, token):
    """Sixty-four writes of one batch share a limit of ten."""
    settle(database, chain, clock, new_key(token, shelf))

    verdicts = settle(database, chain, clock, *(intent(n, KeyUse("k", 1, limit=10)) for n in range(64)))

    assert verdicts == ["ok"] * 10 + ["UnusableKeyError"] * 54
    assert shelf.active("k").uses == 10


def test_a_disabled_key_signs_no_more_in_the_same_batch(database, chain, clock, shelf, token):
    """The state is read at each use: a use right behind the disabling is refused."""
    settle(database, chain, clock, new_key(token, shelf))
    disable = Write(Entry("key_state", "ok"), SetState("k", 1, "active", "disabled"))

    verdicts = settle(database, chain, clock, intent(1, KeyUse("k", 1)), disable, intent(2, KeyUse("k", 1)))

    assert verdicts == ["ok", "ok", "UnusableKeyError"]


def test_two_rotations_of_one_state_leave_one_new_version(database, chain, clock, shelf, token):
    """Two processes that planned the same rotation: one wins, the other is told so."""
    settle(database, chain, clock, new_key(token, shelf))
    records = shelf.records()
    plans = [rotate(token, records, name="k", now=NOW) for _ in range(2)]

    assert settle(database, chain, clock, *map(write_of, plans)) == ["ok", "ConflictError"]
    assert shelf.states("k") == [(1, "window"), (2, "active")]
    assert_chain_holds(database, chain)


def test_a_lost_change_leaves_nothing_half_done(ledger, shelf, token):
    """When the second of two changes of one write loses, the first is undone too."""
    ledger.submit(new_key(token, shelf)).result()
    lost = SetState("k", 1, "window", "disabled")
    for changes in ((SetState("audit-root", 1, "active", "disabled"), lost), (SetEnabled("client", "x", False), lost)):
        with pytest.raises(ConflictError):
            ledger.submit(Write(Entry("key_state", "ok"), *changes)).result()
    assert shelf.active("k").state == shelf.active("audit-root").state == "active"
    assert disabled(shelf.reading.now(), "client") == frozenset()


def test_destroying_a_key_takes_its_private_half(ledger, shelf, token, database):
    """A destroyed key's sealed half is gone from the table."""
    ledger.submit(new_key(token, shelf)).result()
    ledger.submit(Write(Entry("key_state", "ok"), SetState("k", 1, "active", "destroyed"))).result()

    with pytest.raises(StorageError):
        shelf.vault.unseal(shelf.records("k")[0])


def test_a_disabled_subject_is_refused_at_the_commit(ledger, shelf):
    """A client that was disabled is refused by the very next write that names it."""
    named = Enabled("client", "reports")
    ledger.submit(intent(1, named)).result()
    ledger.submit(set_enabled("client", "reports", enabled=False)).result()

    with pytest.raises(AccessError):
        ledger.submit(intent(2, named)).result()
    assert disabled(shelf.reading.now(), "client") == {"reports"}
    ledger.submit(set_enabled("client", "reports", enabled=True)).result()
    ledger.submit(intent(3, named)).result()


def test_a_disabled_subject_is_refused_in_the_same_batch(database, chain, clock):
    """A write right behind the disabling is refused, one of another kind with the same name is not."""
    verdicts = settle(
        database,
        chain,
        clock,
        intent(1, Enabled("client", "x")),
        set_enabled("client", "x", enabled=False),
        intent(2, Enabled("client", "x")),
        intent(3, Enabled("worker", "x")),
    )

    assert verdicts == ["ok", "ok", "AccessError", "ok"]


def test_a_key_that_is_no_longer_published_is_refused_at_the_commit(ledger, shelf, token):
    """What was verified with a key of ours counts while the key is active or in its window, and no longer."""
    ledger.submit(new_key(token, shelf)).result()
    wanted = Published("k", shelf.active("k").kid)
    ledger.submit(intent(1, wanted)).result()
    ledger.submit(Write(Entry("key_state", "ok"), SetState("k", 1, "active", "window"))).result()
    ledger.submit(intent(2, wanted)).result()
    ledger.submit(Write(Entry("key_state", "ok"), SetState("k", 1, "window", "disabled"))).result()

    for refused in (wanted, Published("k", "another"), Published("other", wanted.kid)):
        with pytest.raises(UnusableKeyError):
            ledger.submit(intent(3, refused)).result()
        with pytest.raises(UnusableKeyError):
            shelf.reading.check([refused])


def test_a_change_by_another_process_is_seen_under_the_lock(database, where, chain, clock, shelf, token):
    """A process that has read the keys before sees at its next commit what another one changed meanwhile."""
    settle(database, chain, clock, new_key(token, shelf))
    other = where.open()
    one, two = (Ledger(each, chain.envelope, clock=clock) for each in (database, other))
    change = Write(Entry("key_state", "ok"), SetState("k", 1, "active", "disabled"))
    found = [
        settle_in(one, intent(1, KeyUse("k", 1))),
        settle_in(two, change),
        settle_in(one, intent(2, KeyUse("k", 1)), intent(3)),
    ]
    for ledger in (one, two):
        let_go(ledger)
    other.dispose()

    assert found == [["ok"], ["ok"], ["UnusableKeyError", "ok"]]
