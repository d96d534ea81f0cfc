"""Write requirements/*.txt anew: every version pinned, every file by its hash, for Python 3.11 and newer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent / "requirements"
# A file may be constrained by the ones before it.
NAMES = ("base", "build", "server", "postgres", "peers", "test", "pins")
HEADER = "# Written by `make pins` from {name}.in; edit that file instead.\n"


def compile_one(name: str) -> str:
    """Give the pinned text of one file; nothing in it says which index served it."""
    uv = Path(sys.executable).with_name("uv")
    found = subprocess.run(  # noqa: S603 - our own pinned uv with fixed arguments
        [
            *(uv, "pip", "compile", "--quiet", "--upgrade", "--universal", "--python-version", "3.11"),
            *("--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"),
            f"{name}.in",
        ],
        cwd=HERE,
        check=True,
        text=True,
        stdout=subprocess.PIPE,
    )
    return HEADER.format(name=name) + found.stdout


def main() -> None:
    """Write them all, in order."""
    for name in NAMES:
        text = compile_one(name)
        if "://" in text:
            sys.exit(f"requirements/{name}.txt would name a host; nothing was written for it.")
        (HERE / f"{name}.txt").write_text(text, encoding="utf-8")
        print(f"requirements/{name}.txt: {text.count('==')} packages")


if __name__ == "__main__":
    main()
