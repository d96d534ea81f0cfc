"""Callers that go on over errors, and what must hold of all that they were told, whatever happened meanwhile."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from tests.e2e.running import Caller, GoneError
from undersign.encoding import b64url_decode

THREADS = 6
GONE = 0  # what stands for an answer that never came


@dataclass
class Load:
    """What was sent and what was answered; times are of the monotonic clock."""

    callers: list[Caller]
    sent: list[str] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)  # by the assertion that it was given for
    signed: dict[str, dict] = field(default_factory=dict)  # answers by the token that they were given for
    statuses: Counter[int] = field(default_factory=Counter)
    last_good: float = 0.0
    stopped: threading.Event = field(default_factory=threading.Event)

    def _keep_asking(self, caller: Caller) -> None:
        while not self.stopped.is_set():
            try:
                good = self._once(caller)
            except GoneError:
                self.statuses[GONE] += 1
                good = False
            if not good:
                time.sleep(0.05)

    def _once(self, caller: Caller) -> bool:
        assertion = caller.minter.mint()
        self.sent.append(assertion)
        status, answer = caller.ask(assertion)
        self.statuses[status] += 1
        if status != 200:
            return False
        token = self.tokens[assertion] = answer["access_token"]
        status, answer = caller.sign(token, b"document")
        self.statuses[status] += 1
        if status != 200:
            return False
        self.signed[token] = answer
        self.last_good = time.monotonic()
        return True

    def wait_for(self, more: int, within: float = 30) -> None:
        """Wait until so many more signatures were given."""
        wanted, end = len(self.signed) + more, time.monotonic() + within
        while len(self.signed) < wanted:
            assert time.monotonic() < end, f"{len(self.signed)} of {wanted} signatures; statuses {self.statuses}"
            time.sleep(0.02)

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Ask from several threads until the block ends."""
        threads = [
            threading.Thread(target=self._keep_asking, args=(self.callers[number % len(self.callers)],))
            for number in range(THREADS)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.stopped.set()
            for thread in threads:
                thread.join()

    def check_used(self, caller: Caller) -> None:
        """What was acknowledged does not work again; what else was sent works once more at most."""
        for token in self.tokens.values():
            first = caller.sign(token, b"again")[0]
            assert first == 409 if token in self.signed else first in {200, 409}
            assert first == 409 or caller.sign(token, b"and again")[0] == 409
        for assertion in self.sent:
            first = caller.ask(assertion)[0]
            assert first == 401 if assertion in self.tokens else first in {200, 401}
            assert first == 401 or caller.ask(assertion)[0] == 401

    def check_log(self, folder: Path, caller: Caller) -> list[dict]:
        """The log verifies against its root and a signed head, and has one line for each thing acknowledged."""
        auditor = {"Authorization": f"Bearer {caller.token('audit')}"}
        head = folder / "head"
        head.write_bytes(caller.send("GET", "/v1/audit/head", **auditor)[1])
        records = verified(folder, head)
        done = [record for record in records if record["outcome"] != "intent"]
        issued = Counter(
            item["hash"] for record in done if record["event"] == "token_issued" for item in record.get("items", ())
        )
        signatures = Counter(record["request_id"] for record in done if record["event"] == "sign")
        uses = Counter(record["caller"]["jti"] for record in done if record["event"] == "sign")
        assert {issued[sha256(token.encode()).hexdigest()] for token in self.tokens.values()} == {1}
        assert {signatures[answer["request_id"]] for answer in self.signed.values()} == {1}
        assert {uses[jti_of(token)] for token in self.signed} == {1}
        assert set(uses.values()) == {1}
        assert len(issued) <= len(self.sent) + 1  # the auditor's own token
        return records


def jti_of(token: str) -> str:
    """The identifier that a token has in the log."""
    return json.loads(b64url_decode(token.split(".")[1]))["jti"]


def verified(folder: Path, *heads: Path) -> list[dict]:
    """Export a server's log by the command line, verify it likewise, and give its records."""
    undersign = [sys.executable, "-m", "undersign.cli.main", "audit"]
    root = subprocess.run([*undersign, "root", folder / "undersign.toml"], capture_output=True, text=True, check=True)
    log = folder / "log.jsonl"
    with log.open("wb") as file:
        subprocess.run([*undersign, "export", folder / "undersign.toml"], stdout=file, check=True)
    words = [*undersign, "verify", log, f"--root={root.stdout.strip()}", "--json"]
    words += [word for head in heads for word in ("--head", head)]
    told = subprocess.run(words, capture_output=True, text=True, check=False)
    records = [json.loads(line) for line in log.read_bytes().splitlines()]

    assert told.returncode == (0 if heads else 3), told.stdout + told.stderr
    assert json.loads(told.stdout)["lines"] == len(records)
    assert len({record["chain"] for record in records}) == 1
    return records
