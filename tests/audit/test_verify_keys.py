"""Verifying a chain offline: every way to tamper with roots, epochs and heads."""

import json

import pytest

from tests.audit.writing import FINGERPRINT, NOW, ROOT, Chain, edited, verify
from undersign import jwk, jws
from undersign.audit.chain import EPOCH_TYP, HEAD_TYP, Epoch, link
from undersign.audit.record import Entry
from undersign.encoding import dump_json
from undersign.errors import ChainError, UnusableKeyError


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


def test_a_head_below_its_own_certificate_is_found(chain):
    """A head for a line from before its key was certified was not signed then."""
    with pytest.raises(ChainError, match="certifies its own key"):
        verify(chain, heads=[chain.head(seq=1, hash=link("c1", chain.lines[0]))])


@pytest.mark.parametrize("head", ["", "a.b.c", "x" * 100, "..", b"\xff"])
def test_a_head_that_is_no_token_is_refused(chain, head):
    """Junk in place of a head is a ChainError."""
    with pytest.raises(ChainError):
        verify(chain, heads=[head])
