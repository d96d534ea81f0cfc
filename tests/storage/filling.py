"""A database with a row of every kind, and processes that are killed at a point of their work."""

from __future__ import annotations

import subprocess
import sys

from tests.storage.writing import NOW, burn, intent, new_key
from undersign.access.one_time import mint
from undersign.access.standing import SetEnabled
from undersign.audit.record import Entry, Write, commit
from undersign.cryptotoken.lifecycle import KeyUse
from undersign.storage.ledger.ledger import Ledger

# What a process does first: it dies, by SIGKILL, before or after the nth call of a function.
DYING = """
import os, signal, sys
from undersign.storage.database import Database
from undersign.storage.envelope import Envelope
from undersign.storage.ledger.ledger import Ledger

MASTER = Envelope(b"m" * 32)

def dying(owner, name, nth, *, after):
    work, calls = getattr(owner, name), [0]
    def instead(*given, **named):
        calls[0] += 1
        if calls[0] == nth and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        found = work(*given, **named)
        if calls[0] == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return found
    setattr(owner, name, instead)
"""


def fill(database, chain, shelf, token, clock, *, burns=30, lines=30):
    """Write rows of all kinds; give the secret of a stored value that was not used."""
    with Ledger(database, chain.envelope, clock=clock) as ledger:
        ledger.submit(new_key(token, shelf)).result()
        secret, keep = mint("code", {"sub": "ana"}, expires_at=NOW + 600)
        _, spent = mint("code", {"sub": "ben"}, expires_at=NOW + 600)
        _, personal = commit("log.subject", "Ana \u00c5ngstr\u00f6m")
        version = shelf.active("k").version
        writes = [intent(n, burn(f"j{n}")) for n in range(burns)]
        writes += [intent(n) for n in range(lines)]
        writes.append(intent(1000, keep, spent, personal, KeyUse("k", version, 3)))
        writes.append(Write(Entry("subject_state", "ok"), SetEnabled("client", "reports", enabled=False)))
        for waiting in [ledger.submit(write) for write in writes]:
            waiting.result()
        used = ledger.reading
        assert used.find("code", secret, NOW).bound == {"sub": "ana"}
    return secret


def killed(program, *arguments):
    """Run a program that must end by SIGKILL."""
    done = subprocess.run(
        [sys.executable, "-c", DYING + program, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == -9, done.stderr
