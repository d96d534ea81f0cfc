"""The command ``undersign``: nouns first, one module each, imported only when it is the one that was called.

Exit codes: 0 done and good; 1 refused, with the reason on standard error; 2 the command line was wrong; 3 a chain holds
together and nothing from elsewhere witnesses it; 4 this installation lacks what the command needs; 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Final

from .. import __version__
from ..errors import NotInstalledError, SettingsError, UndersignError

__all__ = ["COMMANDS", "Command", "main"]


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its name, its line in the list, and whether it needs the server's packages."""

    name: str
    help: str
    server: bool = False


COMMANDS: Final = (
    Command("demo", "the main job, walked with a real document between four parties", server=True),
    Command("jwk", "make, inspect and convert keys"),
    Command("jws", "sign and verify any content"),
    Command("jwt", "sign and verify claims"),
    Command("inspect", "look at a token: decoded, and each check with its reason"),
    Command("init", "write a commented configuration file"),
    Command("check", "say what is wrong or unsafe in a configuration file", server=True),
    Command("serve", "run the servers of a configuration file", server=True),
    Command("playground", "JJWT's tutorial as a service, to learn tokens by hand", server=True),
    Command("audit", "verify a log without its server; export it, and close its segments", server=True),
    Command("storage", "copy a database to another engine; bring its schema on; look after its clock", server=True),
)

_EPILOG: Final = """\
exit codes: 0 good; 1 refused; 2 wrong command line; 3 a chain without a witness; 4 something is not installed
Tokens and secrets come from files, standard input or the environment; `undersign COMMAND --help` says how.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give its exit code."""
    try:
        return _main(arguments)
    except KeyboardInterrupt:  # while the command was imported, too
        return 130


def _main(arguments: Sequence[str] | None) -> int:
    given = _joined(list(sys.argv[1:] if arguments is None else arguments))
    command = next((c for c in COMMANDS if c.name == next((a for a in given if not a.startswith("-")), "")), None)
    parser, module = _parser(command)
    if isinstance(module, int):
        return module
    if command is None or module is None:
        return _without_command(parser, given)
    options = parser.parse_args(given)
    return _run(module, options)


def _joined(words: list[str]) -> list[str]:
    """Write ``--root -x`` as ``--root=-x``: one fingerprint in 64 begins with a dash, which argparse does not take."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] == "--root":
            joined[-1] = f"--root={word}"
        else:
            joined.append(word)
    return joined


def _run(module: ModuleType, options: argparse.Namespace) -> int:
    try:
        code: int = module.run(options)
    except UndersignError as error:
        _refuse(error, as_json=bool(getattr(options, "json", False)))
        return 4 if isinstance(error, NotInstalledError) else 1
    except BrokenPipeError:
        # What read our output went away; say nothing more, and let no flush at the end complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


def _parser(command: Command | None) -> tuple[argparse.ArgumentParser, ModuleType | int | None]:
    parser = argparse.ArgumentParser(
        prog="undersign",
        description="JSON Web Signature, whole: issue tokens, sign what they allow, prove who asked.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-V", "--version", action="version", version=f"undersign {__version__}")
    nouns = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    module: ModuleType | int | None = None
    for each in COMMANDS:
        added = nouns.add_parser(each.name, help=each.help, description=_sentence(each.help))
        if each is command:
            module = _load(each)
            if isinstance(module, ModuleType):
                module.configure(added)
    return parser, module


def _load(command: Command) -> ModuleType | int:
    try:
        return import_module(f".{command.name}", __package__)
    except ModuleNotFoundError as missing:
        if not command.server or (missing.name or "").startswith("undersign"):
            raise
        print(f"undersign: {missing.name} is not installed. Run: pip install 'undersign[server]'", file=sys.stderr)
        return 4


def _without_command(parser: argparse.ArgumentParser, given: list[str]) -> int:
    if given:
        parser.parse_args(given)  # --help, --version, or a word that is no command
    parser.print_help()
    return 2


def _refuse(error: UndersignError, *, as_json: bool) -> None:
    problems = error.problems if isinstance(error, SettingsError) else ()
    if as_json:
        made = {"error": error.code, "message": error.message, "help": error.help, "problems": list(problems)}
        print(json.dumps(made), file=sys.stderr)
        return
    for problem in problems:
        print(f"  - {problem}", file=sys.stderr)
    print(f"undersign: [{error.code}] {error.message} {error.help}".rstrip(), file=sys.stderr)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


if __name__ == "__main__":
    sys.exit(main())
