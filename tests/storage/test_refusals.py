"""Refusals of callers that nobody knows: counted, bounded, chained."""

import json

import pytest

from undersign.storage.audit import lines_after
from undersign.storage.refusals import block_of
from undersign.storage.writer import Writer


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
