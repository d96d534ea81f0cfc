"""Writes docs/reference/ from the tables and docstrings: ``python tools/reference.py``."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

from undersign import errors
from undersign.cli.main import COMMANDS
from undersign.jwa.signature import ALGORITHMS
from undersign.jws.compact import QUIRKS
from undersign.limits import DEFAULT, Limits

HEAD = "<!-- Written by tools/reference.py; a test holds it against the code. -->\n"


def error_page() -> str:
    """Every error code: its class, what it means and what helps."""
    lines = [
        HEAD,
        "# Error codes",
        "",
        "Every failure is an `UndersignError` with a stable `code`. The tree:",
        "",
        "```text",
    ]
    tree = (inspect.getdoc(errors) or "").split("\n\n")
    lines += [
        next(part for part in tree if part.startswith("UndersignError")),
        "```",
        "",
        "| code | class | what happened | what helps |",
        "|---|---|---|---|",
    ]
    for name in errors.__all__:
        kind = getattr(errors, name)
        if isinstance(kind, type) and issubclass(kind, errors.UndersignError):
            meaning = (kind.__doc__ or "").split("\n", 1)[0]
            lines.append(f"| `{kind.code}` | `{name}` | {meaning} | {kind.advice} |")
    return "\n".join(lines) + "\n"


def algorithm_page() -> str:
    """Every signature algorithm."""
    lines = [
        HEAD,
        "# Algorithms",
        "",
        "| alg | key type | curve or parameters | hash | PKCS#11 mechanism |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| `{row.name}` | {row.kty} | {row.crv or ''} | {row.hash_name or ''} | `{row.mechanism}` |"
        for row in ALGORITHMS.values()
    ]
    return "\n".join(lines) + "\n"


def limit_page() -> str:
    """Every cap and quirk."""
    lines_of = (line.strip().partition(": ") for line in (inspect.getdoc(Limits) or "").splitlines())
    meanings = {name: text for name, _, text in lines_of if name in Limits.__slots__}
    lines = [HEAD, "# Limits and quirks", "", "| limit | value | what it caps |", "|---|---|---|"]
    lines += [f"| `{name}` | {getattr(DEFAULT, name)} | {meanings[name]} |" for name in Limits.__slots__]
    lines += ["", "Quirks, each off unless named: " + ", ".join(f"`{name}`" for name in sorted(QUIRKS)) + "."]
    return "\n".join(lines) + "\n"


def command_page() -> str:
    """Every command."""
    lines = [HEAD, "# Commands", "", "| command | what it does | needs |", "|---|---|---|"]
    lines += [
        f"| `undersign {each.name}` | {each.help} | {'`undersign[server]`' if each.server else 'the base install'} |"
        for each in COMMANDS
    ]
    return "\n".join(lines) + "\n"


PAGES = {"errors.md": error_page, "algorithms.md": algorithm_page, "limits.md": limit_page, "commands.md": command_page}


def main() -> int:
    """Write the pages."""
    folder = Path(__file__).parents[1] / "docs" / "reference"
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
