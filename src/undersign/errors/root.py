"""What every error has, and the errors of calls and limits."""

from __future__ import annotations

from typing import ClassVar

_QUOTED_LENGTH = 60


def quoted(text: object) -> str:
    """Show text from outside in a message: ASCII only, escaped, quoted, at most 60 characters of it.

    >>> quoted("alg\\x1b[31m")
    "'alg\\\\x1b[31m'"
    """
    if not isinstance(text, str):
        text = type(text).__name__ if isinstance(text, (bytes, dict, list, tuple, set)) else str(text)[:200]
    shown = ascii(text[:_QUOTED_LENGTH])
    return shown if len(text) <= _QUOTED_LENGTH else shown + "..."


class UndersignError(Exception):
    """The base of every failure that undersign reports.

    Args:
        message: What was wrong, one sentence.
        help: What would help, one sentence; the class's own advice unless given.

    Attributes:
        code: The stable name of the failure, for programs.
        help: What would help, for people.
    """

    code: ClassVar[str] = "undersign"
    advice: ClassVar[str] = "See the reference of error codes in docs/reference/errors.md."

    def __init__(self, message: str, *, help: str | None = None) -> None:
        self.message = message
        self.help = self.advice if help is None else help
        super().__init__(f"{message} {self.help}".strip())


class LimitError(UndersignError):
    """The input is larger, deeper or holds more than the Limits in force allow."""

    code = "limit_exceeded"
    advice = "If this input is expected, pass a Limits object with a larger value for the limit named here."


class PolicyError(UndersignError):
    """A Verifier, Signer, Key or policy was asked for in a way that is contradictory or unsafe."""

    code = "invalid_policy"
    advice = "Correct the call."
