"""The two logs, read as their operator reads them, and verified as anybody can, without a server."""

from __future__ import annotations

import contextlib
import io
import json
import shlex
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from ..audit import run_verb
from .files import Plan
from .refusals import Refusal, Thief
from .telling import Teller
from .wire import exchange

__all__ = ["check_reasons", "export", "keep_head", "root_of", "verify_as_shell"]

Line: TypeAlias = Mapping[str, Any]
_PATIENCE: Final = 15.0  # seconds


def root_of(file: Path) -> str:
    """The fingerprint of a log's root, which its operator notes elsewhere."""
    return _captured(["root", str(file)])[1].strip()


def export(file: Path, to: Path) -> list[Line]:
    """Export a log to a file, and parse it for showing."""
    text = _captured(["export", str(file)])[1]
    to.write_text(text, encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def check_reasons(plan: Plan, teller: Teller, refusals: Sequence[Refusal], folder: Path) -> None:
    """Find for each refusal the line that says why; sums of what is only counted are written when their window ends."""
    deadline = time.monotonic() + _PATIENCE
    missing = True
    lines: dict[str, list[Line]] = {}
    while missing and time.monotonic() < deadline:
        time.sleep(0.2)
        lines = {name: export(file, folder / f"{name}.ndjson") for name, file in plan.logs().items()}
        missing = not all(_found(refusal, lines) for refusal in refusals)
    for refusal in refusals:
        found = _found(refusal, lines)
        what = _told(refusal, found[-1]) if found else f"no line {refusal.event}, reason {refusal.reason}"
        teller.check(refusal.name, good=bool(found), what=what)


def _found(refusal: Refusal, lines: Mapping[str, list[Line]]) -> list[Line]:
    wanted = (refusal.event, refusal.reason)
    return [line for line in lines[refusal.server] if (line["event"], line.get("reason")) == wanted]


def _told(refusal: Refusal, line: Line) -> str:
    detail = line.get("detail", {})
    more = f"counted {detail['count']} x, from {detail['block']}" if "count" in detail else detail.get("why", "")
    return f"{refusal.server} server, line {line['seq']}: {line['reason']}\n{more}"


def keep_head(plan: Plan, folder: Path) -> None:
    """Take a signed head away from the server: the witness that the log cannot be shortened behind."""
    token = Thief(plan).token("audit")
    answer = exchange("GET", f"{plan.signing}/v1/audit/head", headers={"Authorization": f"Bearer {token}"})
    (folder / "head.jws").write_bytes(answer.body)
    keys = exchange("GET", f"{plan.signing}/v1/receipts/jwks.json")
    (folder / "receipt-keys.json").write_bytes(keys.body)


def verify_as_shell(teller: Teller, folder: Path, root: str, receipts: Sequence[str]) -> None:
    """Verify the exported log by root, head and receipts, and show the command that does it."""
    words = ["verify", "signing.ndjson", f"--root={root}", "--head=head.jws", "--receipt-keys=receipt-keys.json"]
    for number, receipt in enumerate(receipts, 1):
        (folder / f"receipt-{number}.jws").write_text(receipt, encoding="ascii")
        words.append(f"--receipt=receipt-{number}.jws")
    teller.note(_where_undersign_is())
    teller.command(["cd", shlex.quote(str(folder))])
    teller.command(["undersign", "audit", *words])
    code, text = _captured([_located(word, folder) for word in words])
    teller.check("the log, without the server", good=code == 0, what=text)


def _where_undersign_is() -> str:
    """Say which command is meant, for after ``make run`` it is on nobody's path."""
    beside = Path(sys.executable).parent / "undersign"
    if shutil.which("undersign") or not beside.exists():
        return "As its auditor types it, who needs no server:"
    return f"As its auditor types it, who needs no server; undersign is {beside} here, which is not on your PATH:"


def _located(word: str, folder: Path) -> str:
    option, equals, name = word.rpartition("=")
    return f"{option}{equals}{folder / name}" if name.endswith((".ndjson", ".jws", ".json")) else word


def _captured(words: list[str]) -> tuple[int, str]:
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        code = run_verb(words)
    return code, output.getvalue()
