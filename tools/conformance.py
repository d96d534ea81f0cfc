"""Writes docs/conformance.md: what four libraries do with the cases of the kit. ``python tools/conformance.py``."""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from importlib.metadata import version
from pathlib import Path

from undersign.conformance.adapters import ADAPTERS, ask
from undersign.conformance.cases import Case, cases

HEAD = """# Conformance

`pytest --pyargs undersign.conformance` asks a library {count} questions: what the RFCs print must be accepted,
what attackers send must be refused, with an error of the library's own. `UNDERSIGN_CONFORMANCE=PyJWT` asks another
one; `module:Class` names an adapter of yours, which has four members (`undersign/conformance/adapters.py`). Each
library is called as its documentation says, with one algorithm, issuer and audience named and `exp` demanded.

Written by `tools/conformance.py`; a test asks each library of this table and holds the numbers against it.

| library | right | wrong verdict | foreign error | wrong or foreign, by group |
|---|---|---|---|---|
"""


def page() -> str:
    """Build the page."""
    asked = cases()
    lines = [HEAD.format(count=len(asked))]
    details = ["\nWhat went wrong, by library:\n"]
    for name, make in ADAPTERS.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            adapter = make()
            verdicts = [(case, ask(adapter, case)) for case in asked]
        count = Counter(verdict for _, verdict in verdicts)
        groups = Counter(case.group for case, verdict in verdicts if verdict != "right")
        shown = ", ".join(f"{group} {number}" for group, number in sorted(groups.items())) or "none"
        lines.append(
            f"| {name} {version(name)} | {count['right']} | {count['wrong']} | {count['foreign']} | {shown} |\n"
        )
        details.append(f"\n- **{name}**: {_failures(verdicts)}\n")
    return "".join(lines) + "".join(details)


def _failures(verdicts: list[tuple[Case, str]]) -> str:
    failed = [
        f"{case.name}{' (foreign error)' if verdict == 'foreign' else ''}"
        for case, verdict in verdicts
        if verdict != "right"
    ]
    return "; ".join(failed) + "." if failed else "nothing."


def main() -> int:
    """Write it."""
    (Path(__file__).parents[1] / "docs" / "conformance.md").write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
