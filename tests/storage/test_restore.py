"""A database that was restored has forgotten what was used up since; the mark beside the master key has not (R24)."""

import json

import pytest

from tests.storage.machine import events, verdict
from tests.storage.writing import (
    NOW,
    Shelf,
    assert_chain_holds,
    burn,
    intent,
    new_key,
    settle,
)
from undersign.access.one_time import mint
from undersign.access.standing import Enabled, set_enabled
from undersign.audit.record import Entry, Write
from undersign.cryptotoken.lifecycle import KeyUse, SetState
from undersign.cryptotoken.software import SoftwareToken
from undersign.errors import ReplayedError, StorageError
from undersign.replay import LEEWAY


def test_what_was_used_after_the_backup_stays_used(machine, clock):
    """After a restore nothing issued before it works, whether it says since when or not; what is issued later does."""
    with machine.start() as ledger:
        backup = machine.backup()
        for name in ("dated", "undated"):
            issued = NOW - 1 if name == "dated" else None
            assert verdict(ledger, burn(name, issued_at=issued)) == "ok"
    clock.now += 10
    machine.restore(backup)
    with machine.start() as ledger:
        found = [verdict(ledger, burn(name, issued_at=at)) for name, at in (("dated", NOW - 1), ("undated", None))]
        assert found == ["ReplayedError", "ReplayedError"]
        clock.now += 2
        assert verdict(ledger, burn("never used", issued_at=NOW + 5)) == "ReplayedError"
        assert verdict(ledger, burn("by a clock that is ahead", issued_at=NOW + 10 + LEEWAY)) == "ReplayedError"
        clock.now += LEEWAY
        assert verdict(ledger, burn("later", issued_at=NOW + 12 + LEEWAY)) == "ok"

    assert events(machine).count("restored") == 1
    assert_chain_holds(machine.database, machine.chain)


def test_what_was_used_stays_used_as_long_as_it_could_be_used(machine, clock):
    """A token that lives for a month and was used before the restore is refused on each of its days."""
    end = NOW + 30 * 86400
    with machine.start() as ledger:
        backup = machine.backup()
        assert verdict(ledger, burn("long", issued_at=NOW - 1, expires_at=end)) == "ok"
    machine.restore(backup)
    with machine.start() as ledger:
        for day in (0, 1, 2, 29):
            clock.now = NOW + day * 86400 + 3
            assert verdict(ledger, burn("long", issued_at=NOW - 1, expires_at=end)) == "ReplayedError"


def test_a_restart_without_a_restore_refuses_nothing(machine, clock):
    """A database that reaches its mark is believed: no line says otherwise, and no one-time thing is refused."""
    with machine.start() as ledger:
        assert verdict(ledger, burn("a", issued_at=NOW)) == "ok"
    clock.now += 100
    with machine.start() as ledger:
        assert verdict(ledger, burn("b", issued_at=NOW + 50)) == "ok"
        assert verdict(ledger, burn("c")) == "ok"
        assert verdict(ledger, burn("a", issued_at=NOW)) == "ReplayedError"

    assert "restored" not in events(machine)


def test_two_restores_are_two(machine, clock):
    """Each restore is recorded once and refuses anew what came before it."""
    for number in (1, 2):
        with machine.start() as ledger:
            backup = machine.backup()
            assert verdict(ledger, burn("x", issued_at=int(clock.now))) == "ok"
        issued = int(clock.now)
        clock.now += 10
        machine.restore(backup)
        machine.start().close()
        clock.now += 10
        with machine.start() as ledger:
            assert verdict(ledger, burn("x", issued_at=issued)) == "ReplayedError"
        assert events(machine).count("restored") == number
        clock.now += LEEWAY


def test_the_first_start_without_a_mark_doubts_the_time_in_between(machine, clock):
    """On a machine without a mark nothing counts that was issued between the last line and the start."""
    machine.start(marked=False).close()
    clock.now += 100
    with machine.start() as ledger:
        assert verdict(ledger, burn("between", issued_at=NOW + 50)) == "ReplayedError"
        assert verdict(ledger, burn("undated")) == "ReplayedError"
        clock.now += LEEWAY + 2
        assert verdict(ledger, burn("after", issued_at=NOW + 102 + LEEWAY)) == "ok"

    assert "restored" not in events(machine)
    assert machine.path.stat().st_mode & 0o777 == 0o600


def test_a_new_database_doubts_nothing(machine):
    """The start that makes the chain refuses no one-time thing."""
    with machine.start() as ledger:
        assert verdict(ledger, burn("undated")) == "ok"


@pytest.mark.parametrize(
    "octets",
    [b"{", b"[]", b'{"seen": [1e999, NaN]}', b"[" * 100_000, b"null", b'{"seq": 1}', b"\xff" * 300, b"x" * 10_000],
)
@pytest.mark.parametrize("part", ["", ".states"])
def test_a_mark_that_cannot_be_read_stops_the_start(machine, octets, part):
    """A spoiled mark is not taken for none: what was noted is not known, and whoever serves all the same says so."""
    machine.start().close()
    path = machine.path.with_name(machine.path.name + part)
    path.write_bytes(octets)
    with pytest.raises(StorageError, match="cannot be read") as caught:
        machine.start()
    assert machine.path.name in caught.value.help
    assert path.read_bytes() == octets


def test_a_mark_that_cannot_be_written_stops_nobody(machine, tmp_path):
    """Where the mark's place is no folder, the server serves all the same."""
    (tmp_path / "file").write_text("x")
    machine.path = tmp_path / "file" / "mark"
    with machine.start() as ledger:
        assert verdict(ledger, burn("a")) == "ok"


def renamed(machine):
    """The mark, as if it were of another chain."""
    return machine.path.read_bytes().replace(machine.chain.id.encode(), b"0" * len(machine.chain.id))


@pytest.mark.parametrize("spoiled", [renamed, lambda _: b'{"chain": 1}'])
def test_a_mark_of_another_chain_stops_the_start(machine, clock, spoiled):
    """A mark that another database left says that this one is not it; without the mark it is a machine's first."""
    machine.start().close()
    machine.path.write_bytes(spoiled(machine))
    before = events(machine)
    clock.now += 100
    with pytest.raises(StorageError, match="mark is of another") as caught:
        machine.start()
    assert machine.path.name in caught.value.help
    assert events(machine) == before

    machine.path.unlink()
    with machine.start() as ledger:
        assert verdict(ledger, burn("between", issued_at=NOW + 50)) == "ReplayedError"
    assert "restored" not in events(machine)


def test_a_mark_that_is_ahead_or_of_another_history_shows_a_restore(machine, clock):
    """A database that was restored and has grown past its mark since is recognised by the hash of the line."""
    with machine.start() as ledger:
        backup = machine.backup()
        verdict(ledger, burn("x", issued_at=NOW))
    machine.restore(backup)
    settle(machine.database, machine.chain, clock, *(intent(n) for n in range(20)))  # by who keeps no mark
    clock.now += 2
    with machine.start() as ledger:
        assert verdict(ledger, burn("x", issued_at=NOW)) == "ReplayedError"

    assert events(machine).count("restored") == 1


def test_a_database_that_is_restored_under_a_running_server_takes_nothing(machine, clock):
    """Who has seen more lines than are there writes no further, and what it had made is not released."""
    with machine.start() as ledger:
        backup = machine.backup()
        verdict(ledger, burn("x"))
        machine.restore(backup)
        for _ in range(2):
            with pytest.raises(StorageError, match="gone back"):
                ledger.submit(intent(1, burn("x"))).result()
        with pytest.raises(StorageError, match="gone back"):
            ledger.reading.now()

    assert events(machine) == ["chain_opened", "start"]


def test_what_was_disabled_or_destroyed_after_the_backup_is_so_again(machine, clock):
    """Disabled, revoked and destroyed outrank backups: keys and subjects come back as the mark knows them."""
    with machine.start() as ledger:
        shelf = Shelf(machine.database, machine.chain.envelope)
        token = SoftwareToken("soft", shelf.vault)
        for name in ("kept", "off", "gone"):
            ledger.submit(new_key(token, shelf, name, "Ed25519")).result()
        backup = machine.backup()
        for name, after in (("off", "disabled"), ("gone", "destroyed")):
            ledger.submit(Write(Entry("key_state", "ok"), SetState(name, 1, "active", after))).result()
        ledger.submit(set_enabled("client", "reports", enabled=False)).result()
    clock.now += 10
    machine.restore(backup)
    with machine.start() as ledger:
        shelf = Shelf(machine.database, machine.chain.envelope)
        assert [shelf.states(name)[0][1] for name in ("kept", "off", "gone")] == ["active", "disabled", "destroyed"]
        assert verdict(ledger, Enabled("client", "reports")) == "AccessError"
        assert verdict(ledger, KeyUse("off", 1)) == "UnusableKeyError"
        assert verdict(ledger, KeyUse("kept", 1)) == "ok"
        with pytest.raises(StorageError):
            shelf.vault.unseal(shelf.records("gone")[0])
    machine.start().close()  # and the next start finds it in order

    assert_chain_holds(machine.database, machine.chain)


def test_a_mark_that_somebody_else_wrote_disables_nobody(machine, clock):
    """States in the mark carry a MAC: who writes the file without the master key cannot have a key disabled."""
    with machine.start() as ledger:
        shelf = Shelf(machine.database, machine.chain.envelope)
        ledger.submit(new_key(SoftwareToken("soft", shelf.vault), shelf, "kept", "Ed25519")).result()
        backup = machine.backup()
        ledger.submit(intent(1)).result()
    path = machine.path.with_name(machine.path.name + ".states")
    noted = json.loads(path.read_bytes())
    path.write_text(json.dumps({**noted, "seen": [noted["seen"][0], [["kept", 1, "disabled"]], []]}))
    machine.restore(backup)
    with pytest.raises(StorageError, match="cannot be read"):
        machine.start()
    path.write_text(json.dumps(noted))
    machine.start().close()

    assert Shelf(machine.database, machine.chain.envelope).states("kept") == [(1, "active")]


def test_stored_values_of_before_a_restore_are_spent_and_later_ones_are_not(machine, clock):
    """A stored value that was used after the backup does not work again; one minted after the restore works once."""
    secret, keep = mint("code", {"a": 1}, expires_at=NOW + 900)
    with machine.start() as ledger:
        ledger.submit(intent(1, keep)).result()
        backup = machine.backup()
        ledger.submit(intent(2, ledger.reading.find("code", secret, NOW).use_up())).result()
    clock.now += 10
    machine.restore(backup)
    with machine.start() as ledger:
        with pytest.raises(ReplayedError):
            ledger.submit(intent(3, ledger.reading.find("code", secret, clock.now).use_up())).result()
        fresh, keep = mint("code", {"a": 2}, expires_at=NOW + 900)
        ledger.submit(intent(4, keep)).result()
        use = ledger.reading.find("code", fresh, clock.now).use_up()
        ledger.submit(intent(5, use)).result()
        with pytest.raises(ReplayedError):
            ledger.submit(intent(6, use)).result()
