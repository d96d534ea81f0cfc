"""The two logs, read as their operator reads them, and verified as anybody can, without a server."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..audit import run_verb
from .files import Plan
from .refusals import Refusal, Thief
from .telling import Teller
from .wire import exchange

__all__ = ["check_reasons", "export", "keep_head", "root_of", "verify_as_shell"]


def root_of(file: Path) -> str:
    """The fingerprint of a log's root, which its operator notes elsewhere."""
    return _captured(["root", str(file)])[1].strip()


def export(file: Path, to: Path) -> list[Mapping[str, Any]]:
    """Export a log to a file, and parse it for showing."""
    text = _captured(["export", str(file)])[1]
    to.write_text(text, encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def check_reasons(teller: Teller, refusals: Sequence[Refusal], lines: Mapping[str, list[Mapping[str, Any]]]) -> None:
    """Find for each refusal the line that says why."""
    for refusal in refusals:
        wanted = (refusal.event, refusal.reason)
        found = [line for line in lines[refusal.server] if (line["event"], line.get("reason")) == wanted]
        what = f"no line {wanted}"
        if found:
            line = found[-1]
            detail = line.get("detail", {})
            more = f"{detail['count']} x, from {detail['block']}" if "count" in detail else detail.get("why", "")
            what = f"{refusal.server} line {line['seq']}: {line['event']}, reason {line['reason']}; {more}"
        teller.check(refusal.name, good=bool(found), what=what)


def keep_head(plan: Plan, folder: Path) -> Path:
    """Take a signed head away from the server: the witness that the log cannot be shortened behind."""
    token = Thief(plan).token("audit")
    answer = exchange("GET", f"{plan.signing}/v1/audit/head", headers={"Authorization": f"Bearer {token}"})
    path = folder / "head.jws"
    path.write_bytes(answer.body)
    keys = exchange("GET", f"{plan.signing}/v1/receipts/jwks.json")
    (folder / "receipt-keys.json").write_bytes(keys.body)
    return path


def verify_as_shell(teller: Teller, folder: Path, root: str, receipts: Sequence[str]) -> None:
    """Verify the exported log by root, head and receipts, and show the command that does it."""
    words = ["verify", "signing.ndjson", f"--root={root}", "--head", "head.jws", "--receipt-keys", "receipt-keys.json"]
    for number, receipt in enumerate(receipts, 1):
        (folder / f"receipt-{number}.jws").write_text(receipt, encoding="ascii")
        words += ["--receipt", f"receipt-{number}.jws"]
    teller.note(f"$ cd {folder}; undersign audit {' '.join(words)}")
    located = [str(folder / word) if word.endswith((".ndjson", ".jws", ".json")) else word for word in words]
    code, text = _captured(located)
    teller.check("the log, by the command line", good=code == 0, what=" ".join(text.split()))


def _captured(words: list[str]) -> tuple[int, str]:
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        code = run_verb(words)
    return code, output.getvalue()
