"""Key states, limits, changes and disabled subjects, decided in the same transaction as the write."""

import pytest

from tests.storage.writing import NOW, assert_chain_holds, intent, settle
from undersign.audit.record import Entry
from undersign.cryptotoken.lifecycle import SetState, Wanted, create, rotate
from undersign.errors import (
    AccessError,
    ConflictError,
    StorageError,
    UnusableKeyError,
)
from undersign.storage.keys import write_of
from undersign.storage.subjects import disabled, set_subject
from undersign.storage.writer import KeyUse, Subject, Write


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
