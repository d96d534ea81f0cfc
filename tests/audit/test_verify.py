"""Verifying a chain offline: what holds, and every way to tamper with its lines."""

import pytest

from tests.audit.writing import FINGERPRINT, NOW, RECEIPT_KEYS, ROOT, Chain, edited, verify
from undersign import jwk
from undersign.audit.chain import Epoch
from undersign.audit.verify import verify_file, verify_lines
from undersign.errors import ChainError, FetchError, PolicyError
from undersign.jwks import KeySet

# -- what holds --


def test_a_chain_with_a_head_is_complete_up_to_it(chain, tmp_path):
    """The report names the last line, its time, what a head covers, and what stays open."""
    head = chain.head()
    chain.sign(9)
    path = tmp_path / "audit.ndjson"
    path.write_bytes(b"\n".join(chain.lines) + b"\n")
    report = verify_file(path, root=FINGERPRINT, heads=[head], receipts=[chain.receipt(4)], receipt_keys=RECEIPT_KEYS)

    assert (report.chain, report.root, report.lines, report.time) == ("c1", FINGERPRINT, 12, NOW)
    assert (report.witnessed, report.epochs, report.receipts) == (10, 1, 1)
    assert report.cannot_exclude == (
        "records after line 12",
        "other lines in place of 11 to 12: no head that was brought covers them",
    )


def test_without_a_head_the_report_says_so(chain):
    """A chain that holds together without a witness is not called more than that."""
    report = verify(chain)

    assert report.witnessed == 0
    assert "no head was brought" in report.cannot_exclude[1]


def test_several_epochs_and_heads(chain):
    """An old head verifies by its own epoch after later ones were opened."""
    first = chain.head()
    chain.now += 4000
    chain.epoch = Epoch.open(chain.id, ROOT, now=chain.now)
    chain.add(chain.epoch.entry())

    assert verify(chain, heads=[first, chain.head()]).witnessed == len(chain.lines)


# -- what was done to the lines --


def test_an_edited_line_is_found(chain):
    """A changed name shows at the line after it."""
    edited(chain, 5, b'"sub":"ana"', b'"sub":"bob"')

    with pytest.raises(ChainError) as caught:
        verify(chain)
    assert caught.value.seq == 6


def test_an_edited_last_line_is_found_by_its_head(chain):
    """The last line has nothing behind it but the head."""
    head = chain.head()
    edited(chain, 10, b'"sig_hash":"53"', b'"sig_hash":"00"')

    assert verify(chain).witnessed == 0
    with pytest.raises(ChainError) as caught:
        verify(chain, heads=[head])
    assert caught.value.seq == 10


@pytest.mark.parametrize("seq", range(1, 10))
def test_a_removed_line_is_found(chain, seq):
    """Taking any line out breaks the numbers and the hashes."""
    del chain.lines[seq - 1]

    with pytest.raises(ChainError):
        verify(chain)


def test_reordered_lines_are_found(chain):
    """Two lines that changed places do not follow one another."""
    chain.lines[4], chain.lines[5] = chain.lines[5], chain.lines[4]

    with pytest.raises(ChainError) as caught:
        verify(chain)
    assert caught.value.seq == 5


def test_a_chain_cut_off_below_a_head_is_found(chain):
    """A head covers a line that is no longer there."""
    head = chain.head()
    del chain.lines[-2:]

    with pytest.raises(ChainError, match="cut off"):
        verify(chain, heads=[head])


def test_a_chain_cut_off_below_a_receipt_is_found(chain):
    """So does a receipt."""
    receipt = chain.receipt(10)
    del chain.lines[-2:]

    with pytest.raises(ChainError, match="cut off"):
        verify(chain, receipts=[receipt], receipt_keys=RECEIPT_KEYS)


def test_an_inserted_and_relinked_tail_is_found_by_the_head(chain):
    """Writing the tail anew, with right links, does not give the line that the head signed."""
    head = chain.head()
    del chain.lines[4:]
    for number in range(7, 10):
        chain.sign(number)

    assert verify(chain).lines == 10
    with pytest.raises(ChainError, match="another line 10"):
        verify(chain, heads=[head])


def test_a_line_of_another_chain_is_found(chain):
    """The chain's id is in every line and in every hash."""
    other = Chain(chain_id="c2")
    other.sign(1)
    chain.lines[2:] = other.lines[2:]

    with pytest.raises(ChainError):
        verify(chain)


@pytest.mark.parametrize("body", [b"", b"x", b"[]", b'{"v":1,"v":1}', b"\xff", b"{}", b'{"v":NaN}', b"[" * 100_000])
def test_a_line_that_is_no_record_is_found(chain, body):
    """Whatever stands where a line should be, the answer is a ChainError."""
    chain.lines[3] = body

    with pytest.raises(ChainError) as caught:
        verify(chain)
    assert caught.value.seq == 4


def test_an_empty_file_is_no_chain():
    """Nothing verifies as nothing."""
    with pytest.raises(ChainError):
        verify_lines([], root=FINGERPRINT)


def test_a_clock_that_went_back_is_found():
    """No line is earlier than the one before it."""
    chain = Chain()
    chain.now -= 10
    chain.sign(1)

    with pytest.raises(ChainError, match="earlier"):
        verify(chain)


# -- receipts --


def test_a_receipt_with_other_signatures_is_found(chain):
    """A receipt whose hashes are not those of its line is refused."""
    receipt = chain.receipt(4, items=[{"sig_hash": "ff"}])

    with pytest.raises(ChainError, match="says otherwise than line 4: 'items'"):
        verify(chain, receipts=[receipt], receipt_keys=RECEIPT_KEYS)


def test_a_receipt_by_another_key_is_refused(chain):
    """Receipts are verified by the receipt keys that were brought."""
    with pytest.raises(ChainError):
        verify(chain, receipts=[chain.receipt(4)], receipt_keys=KeySet([jwk.generate("Ed25519").public()]))
    with pytest.raises(PolicyError):
        verify(chain, receipts=[chain.receipt(4)])


# -- what was exported earlier --


def test_a_head_newer_than_the_export_is_not_called_tampering(chain):
    """A head of a later line says that the export may be older, and to export again."""
    lines = list(chain.lines)
    chain.sign(9)

    with pytest.raises(ChainError, match="exported earlier, or cut off") as caught:
        verify_lines(lines, root=FINGERPRINT, heads=[chain.head()])
    assert "Export it again" in caught.value.help


def test_a_head_of_an_epoch_after_the_export_is_not_called_forged_only(chain):
    """A head by an epoch that was opened after the export says to export again, before it speaks of forgery."""
    lines = list(chain.lines)
    chain.now += 4000
    chain.epoch = Epoch.open(chain.id, ROOT, now=chain.now)
    chain.add(chain.epoch.entry())

    with pytest.raises(ChainError, match="signed by no epoch") as caught:
        verify_lines(lines, root=FINGERPRINT, heads=[chain.head()])
    assert caught.value.help.index("Export it again") < caught.value.help.index("forged")


def test_a_receipt_newer_than_the_export_is_not_called_tampering(chain):
    """A receipt of a later line says that the export may be older, and to export again."""
    lines = list(chain.lines)
    chain.sign(9)
    receipt = chain.receipt(len(chain.lines))

    with pytest.raises(ChainError, match="exported earlier, or cut off") as caught:
        verify_lines(lines, root=FINGERPRINT, receipts=[receipt], receipt_keys=RECEIPT_KEYS)
    assert "Export it again" in caught.value.help


def test_a_file_that_is_not_there_is_no_broken_chain(tmp_path):
    """A file that cannot be read says nothing of a chain."""
    with pytest.raises(FetchError, match="cannot be read: No such file"):
        verify_file(tmp_path / "nothing", root=FINGERPRINT)


def test_receipts_without_keys_name_the_option(chain):
    """Who brings a receipt without its keys is told the argument and the option."""
    with pytest.raises(PolicyError, match="--receipt-keys"):
        verify(chain, receipts=[chain.receipt(4)], receipt_keys=None)
