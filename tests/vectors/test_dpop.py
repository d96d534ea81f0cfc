"""Every DPoP proof of ../shared/vectors gets the verdict that the corpus expects (RFC 9449)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.vectors.corpus import Case, cases
from undersign import jwk
from undersign.encoding import b64url_decode, b64url_encode, dump_json, parse_object
from undersign.errors import UndersignError
from undersign.jwt.profiles import dpop
from undersign.replay import MemoryReplayStore


def _thumbprint(case: Case) -> str:
    """The key that a case's token is bound to: the one it names, or else the proof's own."""
    own = parse_object(b64url_decode(case["input"].split(".")[0]))["jwk"]
    return case["options"].get("jkt") or jwk.load(own).thumbprint()


def _complaint(case: Case, counts: Counter[tuple[str, str, str]]) -> str:
    options = case["options"]
    clock = lambda: options["now"]  # noqa: E731
    verifier = dpop.Verifier(replay=MemoryReplayStore(clock=clock), clock=clock)
    try:
        verified = verifier.verify(
            case["input"],
            method=options["htm"],
            url=options["htu"],
            access_token=options.get("access_token"),
            jkt=_thumbprint(case),
        )
    except UndersignError as error:
        counts["rfc", case["expect"], "refused"] += 1
        return "" if case["expect"] == "invalid" else f"{case['id']} was refused: {error.code}"
    counts["rfc", case["expect"], "accepted"] += 1
    if case["expect"] != "valid":
        return f"{case['id']} was accepted"
    same = b64url_encode(dump_json(verified.claims)) == case["payload"]
    return "" if same else f"{case['id']} gave another payload"


def test_every_proof_gets_its_verdict(vectors: Path, counts: Counter[tuple[str, str, str]]) -> None:
    """A valid proof gives its claims, and one for another method, address, time or token is refused."""
    found = [case for case in cases(vectors, "rfc") if case["kind"] == "dpop-verify"]
    assert len(found) == 13
    assert [complaint for case in found if (complaint := _complaint(case, counts))] == []
