"""Receipts, whole: what one says is what its line says, member by member."""

import json

import pytest

from tests.audit.writing import NOW, RECEIPT, RECEIPT_KEYS, Chain, verify
from undersign import jws
from undersign.audit.chain import link
from undersign.encoding import dump_json
from undersign.errors import ChainError

SAID = {
    "worker": "payments",
    "caller": {"iss": "https://idp.example", "sub": "ceo"},
    "key": {"name": "k", "kid": "kid", "version": 2},
    "rule": "board-approved",
    "configuration": "00",
    "map": [],
    "iat": NOW + 1,
    "jti": "nobody",
    "items": [{"hash_alg": "S256", "hash": "00", "sig_hash": "50"}],
    "format": "pdf",
    "alg": "none",
    "extra": 1,
}


@pytest.mark.parametrize("name", SAID)
def test_a_receipt_that_says_otherwise_in_one_member_is_refused(chain, name):
    """Each member of a receipt is held against its line, one that the line does not have as well."""
    assert verify(chain, receipts=[chain.receipt(4)], receipt_keys=RECEIPT_KEYS).receipts == 1

    with pytest.raises(ChainError, match=name):
        verify(chain, receipts=[chain.receipt(4, **{name: SAID[name]})], receipt_keys=RECEIPT_KEYS)


@pytest.mark.parametrize("name", ["iat", "jti", "key", "items"])
def test_a_receipt_that_leaves_a_member_out_is_refused(chain, name):
    """A receipt says all that its line says of the signature."""
    claims = json.loads(jws.verify(chain.receipt(4), RECEIPT_KEYS).payload)
    del claims[name]
    made = jws.sign(dump_json(claims), RECEIPT, header={"typ": "undersign-receipt+jwt"})

    with pytest.raises(ChainError, match=name):
        verify(chain, receipts=[made], receipt_keys=RECEIPT_KEYS)


def test_who_issued_a_receipt_is_not_the_lines_to_say(chain):
    """The issuer is whoever holds the receipt key, which the auditor brought."""
    receipt = chain.receipt(4, iss="https://other.example")

    assert verify(chain, receipts=[receipt], receipt_keys=RECEIPT_KEYS).receipts == 1


def test_numbers_and_truth_are_not_mistaken_for_one_another(chain):
    """A version true is not a version 1."""
    receipt = chain.receipt(4, key={"name": "k", "kid": "kid", "version": True})

    with pytest.raises(ChainError, match="key"):
        verify(chain, receipts=[receipt], receipt_keys=RECEIPT_KEYS)


@pytest.mark.parametrize("detail", [b'"format"', b"[]", b"1", b"null"])
def test_a_line_whose_detail_is_no_object_says_nothing_more(detail):
    """Whatever a log has in place of the detail, its receipt is held against the rest, and nothing falls over."""
    chain = Chain()
    chain.sign(1)
    chain.lines[3] = chain.lines[3][:-1] + b',"detail":' + detail + b"}"
    assert verify(chain, receipts=[chain.receipt(4)], receipt_keys=RECEIPT_KEYS).receipts == 1

    with pytest.raises(ChainError, match="format"):
        verify(chain, receipts=[chain.receipt(4, format="x")], receipt_keys=RECEIPT_KEYS)


@pytest.mark.parametrize("seq", [1, 2, 3])
def test_a_receipt_of_a_line_that_is_no_signature_is_refused(chain, seq):
    """Neither what opened the chain, nor an epoch, nor an intent can be receipted."""
    body = chain.lines[seq - 1]
    claims = {"items": [], "log": {"chain": chain.id, "seq": seq, "hash": link(chain.id, body)}}
    made = jws.sign(dump_json(claims), RECEIPT, header={"typ": "undersign-receipt+jwt"})

    with pytest.raises(ChainError, match="Only the record of a signature"):
        verify(chain, receipts=[made], receipt_keys=RECEIPT_KEYS)
