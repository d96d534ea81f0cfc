"""Attacks on the comparison with the mark, and what must lock no operator out."""

import json

import pytest

from tests.storage.machine import events, verdict
from tests.storage.writing import NOW, burn, copied, intent, members, put_back, run
from undersign.access.standing import Enabled, set_enabled
from undersign.errors import StorageError
from undersign.replay import LEEWAY
from undersign.storage.ledger.ledger import Ledger
from undersign.storage.ledger.mark import Mark


def used_after_a_backup(machine):
    """A machine on which something was used after the backup that is given."""
    with machine.start() as ledger:
        backup = machine.backup()
        for number in range(3):
            assert verdict(ledger, burn(f"used {number}", issued_at=NOW - 1)) == "ok"
    return backup


def test_a_row_put_where_the_mark_points_is_no_chain_that_reaches_it(machine, clock):
    """An older database to which a row with the mark's number and hash was added is one that was restored."""
    backup = used_after_a_backup(machine)
    seq, hash_, _ = json.loads(machine.path.read_bytes())["seen"]
    machine.restore(backup)
    row = {**copied(machine.database, "audit_lines")["audit_lines"][-1], "seq": seq, "hash": hash_, "line": b"{}"}
    names = ", ".join(row)
    run(machine.database, f"INSERT INTO audit_lines ({names}) VALUES (:{', :'.join(row)})", **row)  # noqa: S608
    clock.now += 10
    with machine.start() as ledger:
        assert verdict(ledger, burn("used 0", issued_at=NOW - 1)) == "ReplayedError"
    assert "restored" in [json.loads(bytes(r["line"])).get("event") for r in machine.backup()["audit_lines"]]


def test_an_older_head_over_the_newer_lines_is_a_restore(machine, clock):
    """The head alone put back, with the mark's line left in place, is told from a database that reaches its mark."""
    backup = used_after_a_backup(machine)
    last = members(machine.database)[-1]["seq"]
    put_back(machine.database, {"chain": backup["chain"]})
    run(machine.database, "DELETE FROM audit_lines WHERE seq > 2 AND seq < :last", last=last)
    clock.now += 10
    with machine.start() as ledger:
        assert verdict(ledger, burn("fresh", issued_at=NOW - 1)) == "ReplayedError"
    assert "restored" in events(machine)


def test_lines_of_another_history_do_not_lead_from_the_mark_to_the_head(machine, clock):
    """A line that was changed between the mark's and the head's is noticed at the start."""
    used_after_a_backup(machine)
    noted = machine.path.read_bytes()
    with machine.start() as ledger:
        for number in range(3):
            verdict(ledger, burn(f"later {number}", issued_at=NOW - 1))
    machine.path.write_bytes(noted)
    seq = json.loads(noted)["seen"][0]
    run(machine.database, "UPDATE audit_lines SET hash = 'x' WHERE seq = :seq", seq=seq + 2)
    clock.now += 10
    machine.start().close()
    assert "restored" in events(machine)


def test_a_rollback_under_two_processes_is_refused_by_the_one_that_was_idle(machine, clock):
    """What one process of a machine has seen committed, the other knows by the mark that they share."""
    with machine.start() as busy:
        mark = Mark(machine.path)
        with Ledger(machine.database, machine.chain.envelope, clock=clock, mark=mark) as idle:
            backup = machine.backup()
            assert verdict(busy, burn("x", issued_at=NOW)) == "ok"
            noted = machine.path.read_bytes()
            machine.restore(backup)
            with pytest.raises(StorageError, match="gone back"):
                idle.submit(intent(1, burn("x", issued_at=NOW))).result()
            assert machine.path.read_bytes() == noted


def test_a_note_that_comes_late_takes_nothing_back(machine, clock):
    """A process that stalls between its commit and its note moves no mark back, and forgets nobody who was disabled."""
    with machine.start() as ledger:
        backup = machine.backup()
        late = ledger.reading.refresh(), ledger.reading.known
        ledger.submit(set_enabled("client", "eve", enabled=False)).result()
        noted = machine.path.read_bytes()
        Mark(machine.path).note(*late, machine.chain.envelope)
        assert machine.path.read_bytes() == noted
    clock.now += 10
    machine.restore(backup)
    with machine.start() as ledger:
        assert verdict(ledger, Enabled("client", "eve")) == "AccessError"


def test_states_of_before_do_not_go_with_the_mark_of_now(machine):
    """Who puts the older file of states beside the newer mark enables nobody: the start is refused."""
    states = machine.path.with_name(machine.path.name + ".states")
    with machine.start() as ledger:
        backup, before = machine.backup(), states.read_bytes()
        ledger.submit(set_enabled("client", "eve", enabled=False)).result()
    machine.restore(backup)
    states.write_bytes(before)
    with pytest.raises(StorageError, match="cannot be read"):
        machine.start()


def test_a_first_note_that_was_cut_off_locks_nobody_out(machine, clock):
    """An empty mark, as a kill or a full disk at the first note leaves it, is none."""
    machine.path.parent.mkdir()
    machine.path.touch()
    machine.start().close()
    machine.path.write_bytes(b"")
    clock.now += 100
    with machine.start() as ledger:
        assert verdict(ledger, burn("between", issued_at=NOW + 50)) == "ReplayedError"
        assert verdict(ledger, burn("after", issued_at=NOW + 101)) == "ok"


def test_a_start_without_a_mark_does_not_shorten_a_doubt(machine, clock):
    """What a restore refuses for a minute is refused as long after a start whose mark is gone."""
    backup = used_after_a_backup(machine)
    machine.restore(backup)
    clock.now += 10
    machine.start().close()
    machine.path.unlink()
    clock.now += 2
    with machine.start() as ledger:
        assert verdict(ledger, burn("by a clock that is ahead", issued_at=NOW + LEEWAY)) == "ReplayedError"


def test_a_mark_of_another_user_is_said_to_be_one(machine, monkeypatch):
    """A mark that this user may not open is not called another database's, and removing it is not the advice."""
    machine.start().close()

    def refused(*_, **__):
        raise PermissionError

    monkeypatch.setattr("undersign.storage.ledger.mark.os.open", refused)
    with pytest.raises(StorageError, match="PermissionError") as caught:
        Mark(machine.path).read(machine.chain.envelope)
    assert "remove" not in caught.value.help
