"""Verifying a chain offline: every way to tamper with one that a test can try."""

import copy
import json
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undersign import jwk, jws
from undersign.audit.chain import EPOCH_TYP, GENESIS, HEAD_TYP, Epoch, Head, link
from undersign.audit.record import Caller, Entry, Item, KeyRef, Position, commit, commitment
from undersign.audit.verify import ChainReport, verify_file, verify_lines
from undersign.encoding import dump_json
from undersign.errors import ChainError, PolicyError, UnusableKeyError
from undersign.jwks import KeySet

NOW = 1_800_000_000
ROOT = jwk.generate("Ed25519")
FINGERPRINT = ROOT.thumbprint()
RECEIPT = jwk.generate("Ed25519")
RECEIPT_KEYS = KeySet([RECEIPT.public()])


class Chain:
    """A chain as a server writes it, without the server."""

    def __init__(self, root=ROOT, *, chain_id="c1", now=NOW):
        self.root, self.id, self.now, self.lines = root, chain_id, now, []
        detail = (("root", root.thumbprint()), ("jwk", json.dumps(root.public().to_jwk())))
        self.add(Entry("chain_opened", "ok", detail=detail))
        self.epoch = Epoch.open(chain_id, root, now=now)
        self.add(self.epoch.entry())

    def add(self, entry):
        previous = link(self.id, self.lines[-1]) if self.lines else GENESIS
        self.lines.append(entry.to_json(Position(self.id, len(self.lines) + 1, self.now, "n1", previous)))

    def sign(self, number):
        self.add(Entry("sign", "intent", request_id=f"r{number}", caller=Caller("https://as.example", "ana")))
        items = (Item("S256", "aa", f"5{number}"),)
        self.add(Entry("sign", "done", request_id=f"r{number}", key=KeyRef("k", "kid", 1), items=items))

    def head(self, *, epoch=None, time=None, **changes):
        facts = {
            "chain": self.id,
            "seq": len(self.lines),
            "hash": link(self.id, self.lines[-1]),
            "time": time or self.now,
        }
        return (epoch or self.epoch).sign(Head(**(facts | changes)))

    def receipt(self, seq, **changes):
        log = {"chain": self.id, "seq": seq, "hash": link(self.id, self.lines[seq - 1])} | changes.pop("log", {})
        items = json.loads(self.lines[seq - 1]).get("items", [])
        claims = {"items": items, "log": log} | changes
        return jws.sign(dump_json(claims), RECEIPT, header={"typ": "undersign-receipt+jwt"})


@pytest.fixture
def chain():
    made = Chain()
    for number in range(4):
        made.sign(number)
    return made


def verify(chain, **more):
    return verify_lines(chain.lines, root=FINGERPRINT, **more)


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


def edited(chain, seq, old, new):
    line = chain.lines[seq - 1]
    assert old in line
    chain.lines[seq - 1] = line.replace(old, new)


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


# -- what was done to the keys --


def test_a_replaced_chain_with_another_root_is_found(chain):
    """A whole new chain, sound in itself, has another fingerprint."""
    other = Chain(jwk.generate("Ed25519"))
    other.sign(1)

    with pytest.raises(ChainError, match="root"):
        verify(other, heads=[other.head()])


def test_the_root_that_line_one_claims_is_computed_not_believed():
    """A first line that states the right fingerprint beside another key is refused."""
    other = Chain(jwk.generate("Ed25519"))
    edited(other, 1, other.root.thumbprint().encode(), FINGERPRINT.encode())

    with pytest.raises(ChainError, match="root"):
        verify(other)


def test_a_chain_opened_twice_is_found(chain):
    """A second opening line cannot bring a root of its own."""
    other = jwk.generate("Ed25519")
    chain.add(Entry("chain_opened", "ok", detail=(("jwk", json.dumps(other.public().to_jwk())),)))

    with pytest.raises(ChainError):
        verify(chain)


def test_a_forged_head_is_found(chain):
    """A head signed by a key that no epoch of the chain certifies is refused."""
    forger = Epoch.open(chain.id, jwk.generate("Ed25519"), now=NOW)

    with pytest.raises(ChainError, match="no epoch"):
        verify(chain, heads=[chain.head(epoch=forger)])


def test_the_root_itself_signs_no_heads(chain):
    """A head signed with the root key is refused: it certifies epochs and nothing else."""
    claims = {"chain": "c1", "seq": 10, "hash": link("c1", chain.lines[9]), "time": NOW}
    head = jws.sign(dump_json(claims), ROOT, header={"typ": HEAD_TYP})

    with pytest.raises(ChainError):
        verify(chain, heads=[head])


def test_history_signed_again_outside_an_epochs_window_is_found(chain):
    """An epoch key that somebody kept cannot sign a head for a later hour."""
    claims = {"chain": "c1", "seq": 10, "hash": link("c1", chain.lines[9]), "time": NOW + 3601}
    head = jws.sign(dump_json(claims), chain.epoch._key, header={"typ": HEAD_TYP})

    with pytest.raises(ChainError, match="window"):
        verify(chain, heads=[head])
    with pytest.raises(UnusableKeyError):
        chain.head(time=NOW + 3601)


def test_an_old_epoch_key_does_not_cover_later_lines(chain):
    """Dating such a head back into the window does not help: its line is younger than the head."""
    kept = chain.epoch
    chain.now += 7200
    chain.sign(9)

    with pytest.raises(ChainError, match="older than the line"):
        verify(chain, heads=[chain.head(epoch=kept, time=NOW + 3600)])


def test_an_epoch_recorded_outside_its_window_is_found(chain):
    """A certificate that is dated back to cover the past does not fit the time of its own line."""
    backdated = Epoch.open(chain.id, ROOT, now=NOW - 90_000)
    chain.add(backdated.entry())

    with pytest.raises(ChainError, match="outside its window"):
        verify(chain)


@pytest.mark.parametrize(
    "changes",
    [{"chain": "c2"}, {"not_after": NOW + 3601}, {"not_before": "0"}, {"jwk": {}}, {"not_after": NOW}],
)
def test_a_wrong_certificate_is_found(chain, changes):
    """An epoch for another chain, for too long, or for no key is refused though the root signed it."""
    claims = {
        "chain": "c1",
        "jwk": jwk.generate("Ed25519").public().to_jwk(),
        "not_before": NOW,
        "not_after": NOW + 3600,
    }
    certificate = jws.sign(dump_json(claims | changes), ROOT, header={"typ": EPOCH_TYP})
    chain.add(Entry("epoch_opened", "ok", detail=(("certificate", certificate),)))

    with pytest.raises(ChainError):
        verify(chain)


def test_a_certificate_of_another_type_is_found(chain):
    """What the root signed as something else is no certificate."""
    claims = {
        "chain": "c1",
        "jwk": jwk.generate("Ed25519").public().to_jwk(),
        "not_before": NOW,
        "not_after": NOW + 3600,
    }
    chain.add(Entry("epoch_opened", "ok", detail=(("certificate", jws.sign(dump_json(claims), ROOT)),)))

    with pytest.raises(ChainError, match="type"):
        verify(chain)


@pytest.mark.parametrize("changes", [{"chain": "c2"}, {"hash": "00"}, {"seq": 0}, {"seq": 99}, {"seq": 3}])
def test_a_head_of_something_else_is_found(chain, changes):
    """A head must name this chain, a line that is there, and that line's hash."""
    with pytest.raises(ChainError):
        verify(chain, heads=[chain.head(**changes)])


@pytest.mark.parametrize("head", ["", "a.b.c", "x" * 100, "..", b"\xff"])
def test_a_head_that_is_no_token_is_refused(chain, head):
    """Junk in place of a head is a ChainError."""
    with pytest.raises(ChainError):
        verify(chain, heads=[head])


# -- receipts --


def test_a_receipt_with_other_signatures_is_found(chain):
    """A receipt whose hashes are not those of its line is refused."""
    receipt = chain.receipt(4, items=[{"sig_hash": "ff"}])

    with pytest.raises(ChainError, match="other signatures"):
        verify(chain, receipts=[receipt], receipt_keys=RECEIPT_KEYS)


def test_a_receipt_by_another_key_is_refused(chain):
    """Receipts are verified by the receipt keys that were brought."""
    with pytest.raises(ChainError):
        verify(chain, receipts=[chain.receipt(4)], receipt_keys=KeySet([jwk.generate("Ed25519").public()]))
    with pytest.raises(PolicyError):
        verify(chain, receipts=[chain.receipt(4)])


# -- properties, evidence, commitments --


@settings(max_examples=200)
@given(st.data())
def test_any_one_byte_change_is_found(data):
    """Under a head, no byte of any line can be another."""
    chain = Chain()
    chain.sign(1)
    head = chain.head()
    seq = data.draw(st.integers(0, len(chain.lines) - 1))
    at = data.draw(st.integers(0, len(chain.lines[seq]) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != chain.lines[seq][at]))
    line = chain.lines[seq]
    chain.lines[seq] = line[:at] + bytes([byte]) + line[at + 1 :]
    if chain.lines[seq].rstrip(b"\r\n") == line:
        return

    with pytest.raises(ChainError):
        verify(chain, heads=[head])


def test_the_report_is_evidence(chain):
    """It cannot be built, changed, copied or unpickled elsewhere."""
    report = verify(chain)
    with pytest.raises(TypeError):
        ChainReport(chain="c1")
    with pytest.raises(AttributeError):
        report.witnessed = 99
    with pytest.raises(TypeError):
        copy.copy(report)
    with pytest.raises(TypeError):
        pickle.dumps(report)


def test_commitments_hide_and_bind():
    """The same value commits differently each time, and opens only to itself and its target."""
    (mapped, personal), (again, _) = commit("log.user", "ana"), commit("log.user", "ana")

    assert mapped.commitment != again.commitment
    assert commitment("log.user", personal.salt, "ana") == mapped.commitment
    assert commitment("log.user", personal.salt, "bob") != mapped.commitment
    assert commitment("log.name", personal.salt, "ana") != mapped.commitment


@given(st.text(max_size=40).filter(lambda t: t.isprintable()), st.text(max_size=20).filter(lambda t: t.isprintable()))
def test_lines_are_json_on_one_line(worker, node):
    """Whatever a worker or node is called, its line is one line of strict JSON that says so."""
    body = Entry("sign", "intent", worker=worker).to_json(Position("c1", 1, NOW, node, GENESIS))
    members = json.loads(body)

    assert b"\n" not in body
    assert (members.get("worker", ""), members["node"], members["prev"]) == (worker, node, GENESIS)


def test_log_forging_is_escaped():
    """A line break or quote in a value does not begin another line or member."""
    body = Entry("sign", "intent", worker='x"\n{"v":1').to_json(Position("c1", 1, NOW, 'n"\n', GENESIS))

    assert b"\n" not in body
    assert json.loads(body)["worker"] == 'x"\n{"v":1'
