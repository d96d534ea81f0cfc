"""Refusals of callers that nobody knows: counted, bounded, chained."""

import json
import time

import pytest

from undersign.errors import StorageError
from undersign.storage.ledger.ledger import Ledger
from undersign.storage.ledger.lines import lines_after
from undersign.storage.ledger.refusals import block_of


def test_refusals_are_counted_and_chained_as_one_summary(database, chain, clock):
    """A thousand anonymous refusals from one block in one minute are one line of the chain."""
    with Ledger(database, chain.envelope, clock=clock) as ledger:
        for number in range(1000):
            ledger.count("invalid_signature", f"192.0.2.{number % 256}")
        ledger.count("invalid_signature", "198.51.100.9")

    summaries = [json.loads(line.body) for line in lines_after(database, 1)]
    assert [(s["reason"], s["detail"]["block"], s["detail"]["count"]) for s in summaries] == [
        ("invalid_signature", "192.0.2.0/24", 1000),
        ("invalid_signature", "198.51.100.0/24", 1),
    ]


def test_refusals_from_everywhere_stay_bounded(database, chain, clock):
    """Ten thousand address blocks in a minute are 65 lines, with no refusal uncounted."""
    with Ledger(database, chain.envelope, clock=clock) as ledger:
        for number in range(10_000):
            ledger.count("bad", f"10.{number >> 8}.{number & 255}.1")

    counts = [json.loads(line.body)["detail"]["count"] for line in lines_after(database, 1)]
    assert (len(counts), sum(counts)) == (65, 10_000)


def test_flush_returns_when_the_sums_are_committed(database, chain, clock):
    """A flush writes what was counted so far, once, while its window still runs."""
    with Ledger(database, chain.envelope, clock=clock) as ledger:
        ledger.count("bad", "192.0.2.1")
        ledger.flush()
        first = [json.loads(line.body)["detail"]["count"] for line in lines_after(database, 1)]
        ledger.flush()
        again = len(lines_after(database, 1))

    assert (first, again) == ([1], 1)


def test_a_flush_that_fails_keeps_its_counts(database, chain, clock):
    """What could not be committed is told, and is in the next summary."""
    ledger = Ledger(database, chain.envelope, clock=clock)
    ledger.count("bad", "192.0.2.1")
    with pytest.raises(StorageError):
        ledger.flush()
    with ledger:
        ledger.flush()

    assert [json.loads(line.body)["detail"]["count"] for line in lines_after(database, 1)] == [1]


def test_a_window_is_configurable(database, chain, clock):
    """A sum goes into the chain when its window is over, however long that is, without any other write."""
    with Ledger(database, chain.envelope, clock=clock, refusal_window=7) as ledger:
        start = int(clock.now // 7) * 7
        clock.now = start
        ledger.count("bad", "192.0.2.1")
        clock.now = start + 7
        for _ in range(100):
            if len(lines_after(database, 1)) == 1:
                break
            time.sleep(0.05)
        detail = json.loads(lines_after(database, 1)[0].body)["detail"]

    assert detail == {"block": "192.0.2.0/24", "since": start, "count": 1}


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
