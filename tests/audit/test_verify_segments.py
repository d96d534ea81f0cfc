"""Segments, checkpoints, times that were taken back: what the verifier takes, and what it finds out."""

import copy
import json
import pickle

import pytest

from tests.audit.writing import FINGERPRINT, NOW, RECEIPT_KEYS, ROOT, Chain, verify
from undersign import jwk, jws
from undersign.audit.chain import CHECKPOINT_TYP, HEAD_TYP, Epoch, Head, link
from undersign.audit.checkpoint import Checkpoint, verify_checkpoint
from undersign.audit.record import Entry
from undersign.audit.segment import CloseSegment, closing
from undersign.audit.verify import verify_file, verify_lines
from undersign.encoding import dump_json
from undersign.errors import ChainError

HASH = "f" * 64


def checkpoint(chain, seq, *, epoch=None, time=NOW, hash_=None, root=ROOT, line_time=NOW):
    """The checkpoint of a chain's lines up to one."""
    end = Head(chain.id, seq, hash_ or link(chain.id, chain.lines[seq - 1]), time)
    return (epoch or chain.epoch).checkpoint(end, line_time=line_time, root=root)


def closed(chain, last, **changes):
    """Write the line that closes a segment."""
    segment = CloseSegment(1, last, link(chain.id, chain.lines[last - 1]))._replace(**changes)
    chain.add(closing(segment, sha256=HASH, epoch=chain.epoch.name).entry)


def split(chain, seq):
    """Take the first lines out, as one segment."""
    segment, chain.lines = chain.lines[:seq], chain.lines[seq:]
    return segment


# -- segments --


def test_several_files_are_one_chain(chain, tmp_path):
    """The files of a chain's segments, in order, verify as the one chain that they are."""
    head = chain.head()
    paths = [tmp_path / name for name in "abc"]
    for path, lines in zip(paths, (chain.lines[:3], chain.lines[3:4], chain.lines[4:]), strict=True):
        path.write_bytes(b"".join(line + b"\n" for line in lines))

    report = verify_file(*paths, root=FINGERPRINT, heads=[head])

    assert (report.first, report.lines, report.witnessed) == (1, 10, 10)


@pytest.mark.parametrize("order", ["ac", "acb", "bac", "aab", "abcc", "c"])
def test_files_that_are_not_the_chain_in_order_are_refused(chain, tmp_path, order):
    """A segment that is missing, repeated or out of its place breaks the chain."""
    for name, lines in zip("abc", (chain.lines[:3], chain.lines[3:5], chain.lines[5:]), strict=True):
        (tmp_path / name).write_bytes(b"".join(line + b"\n" for line in lines))

    with pytest.raises(ChainError):
        verify_file(*(tmp_path / name for name in order), root=FINGERPRINT)


def test_the_line_that_closed_a_segment_is_held_against_it(chain):
    """A closing line that names another hash, or lines that are not before it, contradicts the chain."""
    closed(chain, 4)
    assert verify(chain).lines == 11

    for change in ({"hash": HASH}, {"through": 12}, {"through": 0}):
        other = Chain()
        other.sign(1)
        closed(other, 4, **change)
        with pytest.raises(ChainError, match="segment"):
            verify(other)


def test_the_line_that_closed_a_segment_is_held_against_the_checkpoint(chain):
    """Where the segment is elsewhere, the checkpoint stands for the hash that the closing line must name."""
    closed(chain, 4, hash=HASH)
    point = checkpoint(chain, 4)
    split(chain, 4)

    with pytest.raises(ChainError, match="segment"):
        verify(chain, checkpoint=point)


# -- beginning at a checkpoint --


@pytest.mark.parametrize("seq", range(1, 10))
def test_a_chain_may_begin_behind_a_checkpoint(chain, seq):
    """The report says from which line on, and that the lines before are not what was verified."""
    point, head, receipt = checkpoint(chain, seq), chain.head(), chain.receipt(10)
    split(chain, seq)

    report = verify(chain, checkpoint=point, heads=[head], receipts=[receipt], receipt_keys=RECEIPT_KEYS)

    assert (report.first, report.lines, report.witnessed, report.receipts) == (seq + 1, 10, 10, 1)
    assert report.cannot_exclude[0].startswith(f"anything about the lines before {seq + 1}")


def test_without_a_checkpoint_a_chain_begins_at_line_1(chain):
    """A later part of a chain is refused, and the message says what is missing."""
    split(chain, 4)

    with pytest.raises(ChainError, match="checkpoint"):
        verify(chain)


@pytest.mark.parametrize("seq", [3, 5])
def test_a_checkpoint_of_another_line_is_refused(chain, seq):
    """The first line must be the very next after the checkpoint's."""
    point = checkpoint(chain, seq)
    split(chain, 4)

    with pytest.raises(ChainError):
        verify(chain, checkpoint=point)


def test_a_checkpoint_with_another_hash_is_refused(chain):
    """The first line must name the checkpoint's hash as the one before it."""
    point = checkpoint(chain, 4, hash_=HASH)
    split(chain, 4)

    with pytest.raises(ChainError, match="does not follow"):
        verify(chain, checkpoint=point)


def test_nothing_behind_a_checkpoint_is_no_chain(chain):
    """A checkpoint alone verifies nothing."""
    with pytest.raises(ChainError, match="no line"):
        verify_lines([], root=FINGERPRINT, checkpoint=checkpoint(chain, 4))


def test_time_does_not_go_back_behind_a_checkpoint(chain):
    """The checkpoint says when its line was written, and what follows is no earlier."""
    point = checkpoint(chain, 4, line_time=NOW + 1)
    split(chain, 4)

    with pytest.raises(ChainError, match="earlier"):
        verify(chain, checkpoint=point)


# -- heads behind a checkpoint --


def test_a_head_by_the_epoch_of_the_checkpoint_counts(chain):
    """The epoch whose certificate is inside the checkpoint may sign heads of the lines that follow."""
    point, head = checkpoint(chain, 4), chain.head()
    split(chain, 4)

    assert verify(chain, checkpoint=point, heads=[head]).witnessed == 10


def test_a_head_by_an_earlier_epoch_does_not_count(chain):
    """An epoch whose line is before the checkpoint, and which did not sign it, is known to nobody here."""
    first, head = chain.epoch, chain.head()
    chain.epoch = Epoch.open(chain.id, ROOT, now=NOW)
    point = checkpoint(chain, 4)
    assert verify(chain, heads=[head]).witnessed == 10
    split(chain, 4)

    with pytest.raises(ChainError, match="no epoch"):
        verify(chain, checkpoint=point, heads=[chain_head(first, chain, 10)])


def chain_head(epoch, chain, seq):
    """A head over the last line by this epoch."""
    return epoch.sign(Head(chain.id, seq, link(chain.id, chain.lines[-1]), NOW))


def test_a_head_or_receipt_of_a_line_before_the_checkpoint_is_refused(chain):
    """What covers a line that was not brought is not counted as found."""
    point, receipt, head = checkpoint(chain, 6), chain.receipt(4), chain.head(seq=3, hash=HASH)
    split(chain, 6)

    with pytest.raises(ChainError, match="before the first line"):
        verify(chain, checkpoint=point, heads=[head])
    with pytest.raises(ChainError, match="before the first line"):
        verify(chain, checkpoint=point, receipts=[receipt], receipt_keys=RECEIPT_KEYS)


def test_a_checkpoint_is_never_a_head_nor_a_head_a_checkpoint(chain):
    """They are of different types, and neither is taken for the other."""
    point, head = checkpoint(chain, 10), chain.head()

    with pytest.raises(ChainError, match="of the type"):
        verify(chain, heads=[point])
    with pytest.raises(ChainError):
        verify_checkpoint(head, root=FINGERPRINT)


def test_a_checkpoint_typed_as_a_head_is_neither(chain):
    """The type alone decides, whatever else is in the claims."""
    claims = json.loads(jws.verify(checkpoint(chain, 10), chain.epoch._key.public()).payload)
    made = jws.sign(dump_json(claims), chain.epoch._key, header={"typ": HEAD_TYP})

    with pytest.raises(ChainError, match="of the type"):
        verify_checkpoint(made, root=FINGERPRINT)


# -- a checkpoint that is not what it should be --


def test_a_checkpoint_says_what_it_stands_for(chain):
    """Chain, line, hash, times, root and the epoch's window are read from it, and only by its verifier."""
    found = verify_checkpoint(checkpoint(chain, 4, time=NOW + 9), root=FINGERPRINT)

    assert (found.chain, found.seq, found.hash) == ("c1", 4, link("c1", chain.lines[3]))
    assert (found.time, found.line_time, found.root.thumbprint()) == (NOW + 9, NOW, FINGERPRINT)
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            attempt(found)
    with pytest.raises(TypeError):
        Checkpoint()
    with pytest.raises(AttributeError):
        found.seq = 9


CHANGES = {
    "chain": "c2",
    "seq": [0, -1, "4", True, None, 4.0],
    "hash": ["", "abc", None],
    "time": [NOW - 1, NOW + 4000, None, "1"],
    "line_time": [None, "1"],
    "root": [None, {}, jwk.generate("Ed25519").public().to_jwk(), jwk.generate("ES256").public().to_jwk()],
    "certificate": [None, "", "a.b.c"],
}
CASES = [(name, value) for name, found in CHANGES.items() for value in (found if isinstance(found, list) else [found])]


@pytest.mark.parametrize("name,value", CASES)
def test_a_checkpoint_with_another_member_is_refused(chain, name, value):
    """Each member that somebody with the epoch's key changed, or left out, is found out by its own rule."""
    claims = json.loads(jws.verify(checkpoint(chain, 4), chain.epoch._key.public()).payload)
    for changed in (claims | {name: value}, {n: v for n, v in claims.items() if n != name}):
        made = jws.sign(dump_json(changed), chain.epoch._key, header={"typ": CHECKPOINT_TYP})
        with pytest.raises(ChainError):
            verify_checkpoint(str(made), root=FINGERPRINT)


def test_a_checkpoint_of_another_root_is_refused(chain):
    """A chain of somebody else's making brings its own root, which is not the one that the auditor holds."""
    other = Chain(jwk.generate("Ed25519"))
    other.sign(1)

    with pytest.raises(ChainError, match="root"):
        verify_checkpoint(checkpoint(other, 4, root=other.root), root=FINGERPRINT)
    with pytest.raises(ChainError):  # naming the true root does not help: it did not certify that epoch
        verify_checkpoint(checkpoint(other, 4, root=ROOT), root=FINGERPRINT)


def test_a_checkpoint_by_an_epoch_of_another_chain_is_refused(chain):
    """The same root may certify epochs of two chains, and neither speaks for the other."""
    with pytest.raises(ChainError, match="another chain"):
        verify_checkpoint(checkpoint(chain, 4, epoch=Epoch.open("c2", ROOT, now=NOW)), root=FINGERPRINT)


def test_a_checkpoint_signed_by_another_key_is_refused(chain):
    """The signature must be that of the epoch whose certificate is inside."""
    payload = jws.verify(checkpoint(chain, 4), chain.epoch._key.public()).payload
    made = jws.sign(payload, jwk.generate("Ed25519"), header={"typ": CHECKPOINT_TYP})

    with pytest.raises(ChainError, match="does not verify"):
        verify_checkpoint(str(made), root=FINGERPRINT)


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c.d", "\ud800.b.c", "e30.e30.", "x" * 100_000, "a.W10.c"])
def test_what_is_no_checkpoint_is_refused(token):
    """Whatever stands in the file, the answer is a ChainError."""
    with pytest.raises(ChainError):
        verify_checkpoint(token, root=FINGERPRINT)


# -- times that were taken back --


def taken_back(chain, before, after, *, event="clock_taken_back", said=()):
    """Write the line of an operator who takes the time back."""
    chain.now = after
    found = {"before": before, "after": after} | dict(said)
    chain.add(Entry(event, "ok", detail=tuple(found.items())))


@pytest.mark.parametrize("before", [NOW, NOW + 500])
def test_time_goes_back_where_an_operator_took_it_back(chain, before):
    """At the line that says so rightly the time may go back, and from there on it goes forward again."""
    taken_back(chain, before, NOW - 1000)
    chain.epoch = Epoch.open(chain.id, ROOT, now=chain.now)
    chain.add(chain.epoch.entry())
    chain.sign(9)

    report = verify(chain, heads=[chain.head()])

    assert (report.time, report.witnessed) == (NOW - 1000, 14)


@pytest.mark.parametrize(
    "before,detail",
    [
        (NOW - 1, {}),
        (NOW, {"after": NOW - 999}),
        (NOW, {"after": NOW}),
        (NOW, {"before": NOW - 1000}),
        (NOW, {"before": "x"}),
        (NOW, {"after": "x"}),
    ],
)
def test_a_line_that_takes_the_time_back_otherwise_than_it_says_is_found(chain, before, detail):
    """It must name a time before that no line exceeds, and its own time as the one after, which is less."""
    taken_back(chain, before, NOW - 1000, said=detail)

    with pytest.raises(ChainError, match="takes the time back"):
        verify(chain)


def test_time_goes_back_at_no_other_line(chain):
    """Another event with the same words takes nothing back, nor does the line after the one that did."""
    other = Chain()
    taken_back(other, NOW, NOW - 1000, event="stop")
    with pytest.raises(ChainError, match="earlier"):
        verify(other)
    taken_back(chain, NOW, NOW - 1000)
    chain.now -= 1
    chain.sign(9)
    with pytest.raises(ChainError, match="earlier"):
        verify(chain)
