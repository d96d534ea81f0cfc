"""``undersign check FILE``: say what is wrong or unsafe in a configuration file, without starting anything."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from ..assemble import check
from ..settings import load

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the configuration file")
    parser.add_argument("--host", help="as if bound to this address")
    parser.add_argument("--json", action="store_true", help="write JSON")


def run(options: argparse.Namespace) -> int:
    """Print each problem and what would help; 1 if there is one."""
    settings = load(options.file)
    problems = check(settings, host=options.host)
    if options.json:
        print(json.dumps({"file": str(options.file), "problems": [asdict(problem) for problem in problems]}))
    else:
        for problem in problems:
            print(f"{problem.where}: {problem.what}\n    {problem.help}")
        verdict = f"{len(problems)} to correct" if problems else "in order"
        print(f"{options.file}: {verdict} ({len(settings.workers)} workers, {len(settings.clients)} clients)")
    return 1 if problems else 0
