"""kill -9 at each point of a running request, under load: what was acknowledged is recorded, nothing works twice."""

import json
import threading
from dataclasses import dataclass, field

import pytest

from tests.e2e.running import Caller, GoneError, serving, write
from undersign.audit.verify import verify_lines
from undersign.jwks import KeySet
from undersign.runner import POINTS

THREADS = 6


@dataclass
class Journal:
    """What the callers sent, and what they were told."""

    assertions: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    acknowledged: dict[str, dict] = field(default_factory=dict)

    def keep_asking(self, caller: Caller, number: int) -> None:
        try:
            for turn in range(100_000):
                assertion = caller.minter.mint()
                self.assertions.append(assertion)
                token = caller.ask(assertion)[1]["access_token"]
                self.tokens.append(token)
                status, answer = caller.sign(token, f"document {number} {turn}".encode())
                assert status == 200
                self.acknowledged[token] = answer
        except GoneError:
            return


def lines_of(caller: Caller, auditor: dict) -> list[bytes]:
    lines: list[bytes] = []
    while part := caller.send("GET", f"/v1/audit?after={len(lines)}", **auditor)[1].splitlines():
        lines += part
    return lines


@pytest.mark.slow
@pytest.mark.parametrize("round_", [1, 2])
@pytest.mark.parametrize("point", POINTS)
def test_kill(tmp_path, storage, point, round_):
    """Killed at this point under load: acknowledged means recorded, used stays used, the chain verifies."""
    caller, journal = Caller(write(tmp_path, storage)), Journal()
    passes = 13 * round_ + 7 * POINTS.index(point)  # the pass at which it dies
    armed = {"UNDERSIGN_TEST_HOOKS": "1", "UNDERSIGN_TEST_KILL_AT": f"{point}:{passes}"}
    with serving(tmp_path, caller, **armed) as process:
        threads = [threading.Thread(target=journal.keep_asking, args=(caller, n)) for n in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert process.wait(20) == -9

    with serving(tmp_path, caller):
        auditor = {"Authorization": f"Bearer {caller.token('audit')}"}
        # 1. Nothing that was acknowledged works again; what was on its way works at most once.
        for token in journal.tokens:
            first = caller.sign(token, b"again")[0]
            assert first == 409 if token in journal.acknowledged else first in {200, 409}
            assert caller.sign(token, b"and again")[0] == 409
        for assertion in journal.assertions:
            caller.ask(assertion)
            assert caller.ask(assertion)[0] == 401
        head = caller.send("GET", "/v1/audit/head", **auditor)[1].decode()
        lines = lines_of(caller, auditor)
        keys = KeySet.load(caller.send("GET", "/v1/receipts/jwks.json")[1])

    # 2. The chain verifies, and has each acknowledged signature.
    root = json.loads(lines[0])["detail"]["root"]
    receipts = [answer["receipt"] for answer in journal.acknowledged.values()]
    report = verify_lines(lines, root=root, heads=[head], receipts=receipts, receipt_keys=keys)
    assert report.receipts == len(receipts)
    check_records([json.loads(line) for line in lines], journal)


def check_records(records: list[dict], journal: Journal) -> None:
    """Each signature is one line, no authorization has two, and the hashes are those acknowledged."""
    signed = [record for record in records if record["event"] == "sign"]
    done = {record["request_id"]: record for record in signed}
    used = [record["caller"]["jti"] for record in signed]

    assert {record["outcome"] for record in signed} == {"done"}  # the keys are in the server: no line but the outcome
    assert len(done) == len(signed)
    assert len(used) == len(set(used))
    assert {answer["request_id"] for answer in journal.acknowledged.values()} <= done.keys()
