"""How the story is told: one line for who spoke to whom, what came from outside escaped, colour only on a terminal."""

from __future__ import annotations

import os
import sys
import textwrap
import unicodedata
from collections.abc import Sequence
from typing import Final

__all__ = ["Teller", "shown"]

_WIDTH: Final = 118
_PARTIES: Final = 42
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def shown(text: str, length: int = 160) -> str:
    """Show text from outside: control, format and unassigned characters escaped, and not too much of it."""
    escaped = "".join(
        c if unicodedata.category(c) not in _HIDDEN else c.encode("unicode_escape").decode("ascii") for c in text
    )
    return escaped if len(escaped) <= length else escaped[: length - 3] + "..."


class Teller:
    """Prints the story, and remembers whether it went as it must."""

    def __init__(self) -> None:
        self._colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self.failures: list[str] = []

    def title(self, text: str) -> None:
        """A heading."""
        print(f"\n{self._paint('1', shown(text))}", flush=True)

    def said(self, step: str, speaker: str, listener: str, what: str) -> None:
        """Who spoke to whom, and what travelled."""
        who = f"{speaker} -> {listener}" if speaker != listener else speaker
        left = f"{step:>4}  {who if speaker else '':<{_PARTIES - 8}}  "
        self._wrapped(left, shown(what, 400))

    def part(self, name: str, what: str) -> None:
        """A party or a place, and what to know of it."""
        self._wrapped(f"      {name:<22}", shown(what, 400), colour="")

    def command(self, words: Sequence[str]) -> None:
        """What to type to see it oneself, in lines that can be pasted."""
        line = "$"
        for word in map(shown, words):
            if len(line) + len(word) > _WIDTH - 10:
                print(f"      {self._paint('2', f'{line} {chr(92)}')}", flush=True)
                line = "     "
            line += f" {word}"
        print(f"      {self._paint('2', line)}", flush=True)

    def note(self, text: str) -> None:
        """Something that nobody said."""
        for line in textwrap.wrap(shown(text, 1000), _WIDTH - 6):
            print(f"      {self._paint('2', line)}", flush=True)

    def check(self, name: str, *, good: bool, what: str) -> None:
        """How something came out that had to come out in one way."""
        if not good:
            self.failures.append(name)
        mark = self._paint("32", "  ok  ") if good else self._paint("31", " FAIL ")
        head = f"{name:<{_PARTIES - 8}}  "
        lines = [
            part for line in what.splitlines() for part in textwrap.wrap(shown(line.strip(), 600), _WIDTH - _PARTIES)
        ]
        print(f"{mark}{head}{''.join(lines[:1])}", flush=True)
        for line in lines[1:]:
            print(" " * _PARTIES + line, flush=True)

    def _wrapped(self, left: str, what: str, *, colour: str = "36") -> None:
        lines = textwrap.wrap(what, _WIDTH - len(left), break_on_hyphens=False) or [""]
        print(f"{self._paint(colour, left)}{lines[0]}", flush=True)
        for line in lines[1:]:
            print(" " * len(left) + line, flush=True)

    def _paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour and code else text
