"""Verifying a compact JWT can be read top to bottom: few files, shallow, little back and forth (DESIGN section 3)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType

from tests.architecture.reading import SOURCE
from undersign import jwk, jwt

FILES = 10
DEPTH = 6
SWITCHES = 16


class Trace:
    """The calls into the package that one function makes: the file of each, in order, and how deep it went."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.deepest = 0
        self._depth = 0

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        """Take one event of sys.setprofile."""
        file = frame.f_code.co_filename
        if file.startswith(str(SOURCE)) and event in {"call", "return"}:
            self._depth += 1 if event == "call" else -1
            self.deepest = max(self.deepest, self._depth)
            if event == "call":
                self.calls.append(file)

    @classmethod
    def of(cls, work: Callable[[], object]) -> Trace:
        """Trace one call."""
        trace = cls()
        sys.setprofile(trace)
        try:
            work()
        finally:
            sys.setprofile(None)
        return trace


def test_verifying_a_token_stays_within_its_reading_budget() -> None:
    """An ES256 token with issuer, audience and expiry verifies within 10 files, depth 6 and 16 file switches."""
    key = jwk.generate("ES256")
    expected = {"issuer": "https://as.example", "audience": "https://api.example"}
    token = jwt.Signer(key, **expected).sign({"sub": "ana"})
    verifier = jwt.Verifier(key.public(), **expected)
    trace = Trace.of(lambda: verifier.verify(token))
    switches = sum(before != after for before, after in zip(trace.calls, trace.calls[1:], strict=False))
    found = {"files": len(set(trace.calls)), "depth": trace.deepest, "switches": switches}
    assert found["files"] <= FILES, found
    assert found["depth"] <= DEPTH, found
    assert switches <= SWITCHES, found
