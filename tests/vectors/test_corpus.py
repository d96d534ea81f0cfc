"""Every case of ../shared/vectors of the kinds built here gets the verdict that the corpus expects."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.vectors.corpus import FILES, KINDS, NOT_HERE, Case, cases, is_deterministic, judge
from undersign import jwk

EXCEPTIONS = {
    "peerjwk-go-jose-1a5dd2deb7": "its x5t#S256 spells the digest in hex first (RFC 7517 section 4.9 wants the octets)",
    "peerjwk-jwskate-f8f8bace14": "an RSA key with its prime p but no d: half a private key is no public key",
    "peerjwk-conformance-suite-38a8cf5f7c": "a P-256 key whose alg is ML-DSA-65: curve and alg must agree (rule 7)",
    "wp-jwc-47": "an oct and an EC key in one set: each is bound to its own alg, so neither serves for the other",
    "wp-jwk-1": "the same set; the corpus marks refusing it as best practice, not as an RFC's MUST",
}
"""The cases that get another verdict than the corpus expects, with the reason."""

SECONDS = 1.0
WANTED = {"valid": "accepted", "invalid": "refused"}


def _complaint(case: Case, word: str, seconds: float, wrong: str) -> str:
    if word not in {"accepted", "refused"}:
        return f"raised {word}"
    if seconds > SECONDS:
        return f"took {seconds:.2f} s"
    wanted = WANTED.get(case["expect"], word)
    if (word == wanted) is (case["id"] in EXCEPTIONS):
        return f"was {word}" + (", so it is no exception any more" if word == wanted else "")
    return wrong


@pytest.mark.parametrize("file", FILES)
def test_every_case_gets_its_verdict(file: str, vectors: Path, counts: Counter[tuple[str, str, str]]) -> None:
    """Valid cases give the payload they hold, invalid ones an UndersignError, and none takes more than a second."""
    complaints = []
    for case in cases(vectors, file):
        if case["kind"] in NOT_HERE or not is_deterministic(case):
            continue
        verdict = judge(case)
        word = "exception" if case["id"] in EXCEPTIONS else verdict.word
        counts[file, case["expect"], word] += 1
        if complaint := _complaint(case, verdict.word, verdict.seconds, verdict.wrong):
            complaints.append(f"{case['id']} ({case['expect']}) {complaint}: {case['note'][:160]}")
    assert complaints == []


@pytest.mark.parametrize("file", ["rfc", "wycheproof_sign"])
def test_hedged_signatures_verify_where_they_cannot_be_repeated(file: str, vectors: Path) -> None:
    """An ML-DSA key of a signing case signs the same message, and its public half verifies what it signed."""
    seen = 0
    for case in cases(vectors, file):
        if case["kind"].endswith("sign-deterministic") and not is_deterministic(case):
            key = jwk.load(case["key"])
            message = bytes.fromhex(case["msg_hex"]) if "msg_hex" in case else case["id"].encode()
            key.public().verify(message, key.sign(message))
            seen += 1
    assert seen


def test_every_kind_is_run_or_named_as_left_out(vectors: Path) -> None:
    """No kind of case falls through: it is run here, or stands in the table of what this library does not have yet."""
    found = {
        case["kind"]
        for path in vectors.glob("*.jsonl")
        if "anchors" not in path.name
        for case in cases(vectors, path.stem)
    }
    assert sorted(found - KINDS.keys() - NOT_HERE.keys()) == []
