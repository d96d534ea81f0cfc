"""Rules: named conditions over a verified token's claims and the request (DESIGN safety rule 17).

1. Three values: held, failed, missing. A value that is absent, of another type, dated in the future or over the caps
   makes its condition missing, and what hangs on a missing condition is refused, under ``not`` as well.
2. Types are JSON's: true is not 1, "1" is not 1, and a string is never searched as if it were a list.
3. Matching is anchored at both ends and linear in the value: ``*`` is the only wildcard, and control characters
   match nothing.
"""

from __future__ import annotations

import math
import operator as operators
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, TypeGuard

from undersign.errors import PolicyError, RuleDeniedError, quoted

from .grammar import Any, Condition, Node, Operand, Path, parse

__all__ = ["Facts", "Leaf", "Report", "Rule", "Verdict", "allow_any"]

Verdict: TypeAlias = Literal["held", "failed", "missing"]

VALUE_CAP: Final = 4096
LIST_CAP: Final = 1024
_EXACT: Final = 2**53  # beyond it a NumericDate is nonsense, and a float could not hold it
_ABSENT: Final = object()


@dataclass(frozen=True, slots=True)
class Facts:
    """What a rule is held against: the claims of a verified token, the request, the time."""

    claims: Mapping[str, object]
    request: Mapping[str, object]
    now: float


@dataclass(frozen=True, slots=True)
class Leaf:
    """One condition, in the rule's own words, and how it came out."""

    text: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Report:
    """How a rule came out, condition by condition; every condition was looked at."""

    rule: str
    text: str
    verdict: Verdict
    leaves: tuple[Leaf, ...]

    @property
    def failed(self) -> tuple[str, ...]:
        """The text of each condition that did not hold."""
        return tuple(leaf.text for leaf in self.leaves if leaf.verdict != "held")


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, parsed once."""

    name: str
    text: str
    root: Node

    @classmethod
    def parse(cls, name: str, text: str) -> Rule:
        """Parse a rule.

        Raises:
            PolicyError: The text is not a rule.
        """
        try:
            return cls(name, text, parse(text))
        except PolicyError as error:
            raise PolicyError(f"Rule {quoted(name)}: {error.message}", help=error.help) from None

    def evaluate(self, facts: Facts) -> Report:
        """Look at every condition and say how each came out."""
        leaves: list[Leaf] = []
        held = _evaluate(self.root, facts, leaves)
        return Report(self.name, self.text, _WORDS[held], tuple(leaves))

    def check(self, facts: Facts) -> None:
        """Refuse unless the rule holds.

        Raises:
            RuleDeniedError: It does not; ``failed`` names the conditions.
        """
        allow_any((self,), facts)


def allow_any(rules: Sequence[Rule], facts: Facts) -> Report:
    """Find the first rule that holds; no rules, no permission.

    Raises:
        RuleDeniedError: None holds; ``failed`` names each rule's conditions that did not.
    """
    failed: list[tuple[str, tuple[str, ...]]] = []
    for rule in rules:
        report = rule.evaluate(facts)
        if report.verdict == "held":
            return report
        failed.append((rule.name, report.failed))
    names = ", ".join(name for name, _ in failed) or "none"
    raise RuleDeniedError(f"No rule allows this; rules asked: {names}.", failed=tuple(failed))


_Truth: TypeAlias = bool | None
_WORDS: Final[dict[_Truth, Verdict]] = {True: "held", False: "failed", None: "missing"}


def _evaluate(node: Node, facts: Facts, leaves: list[Leaf]) -> _Truth:
    if isinstance(node, Condition):
        truth = _condition(node, facts)
        if node.negated and truth is not None:
            truth = not truth
        leaves.append(Leaf(node.text, _WORDS[truth]))
        return truth
    truths = [_evaluate(part, facts, leaves) for part in node.parts]
    deciding = isinstance(node, Any)
    if deciding in truths:
        return deciding
    return None if None in truths else not deciding


def _condition(condition: Condition, facts: Facts) -> _Truth:
    operator = condition.operator
    if operator == "present":
        return _present(condition.left, facts)
    left = _value(condition.left, facts)
    if operator == "has":
        return _has(left, condition.left.path, condition.right.value)
    if operator == "in":
        return _one_of(left, condition.choices)
    if operator == "starts_with":
        return left.startswith(str(condition.right.value)) if _is_text(left) else None
    if operator == "matches":
        return _matches(left, str(condition.right.value)) if _is_text(left) else None
    return _compare(operator, left, _value(condition.right, facts))


# -- values --


def _value(operand: Operand, facts: Facts) -> object:
    if operand.path is None:
        return operand.value
    found = _find(operand.path, facts)
    if operand.function == "count":
        return _count(found)
    if operand.function == "age":
        return _age(found, facts.now)
    return found


def _find(path: Path, facts: Facts) -> object:
    """Walk members by name; a step into what is not an object gives None, which is of no type at all."""
    found: object = facts.claims if path.root == "token" else facts.request
    for name in path.names:
        if not isinstance(found, Mapping):
            return None
        found = found.get(name, _ABSENT)
        if found is _ABSENT:
            return _ABSENT
    return found


def _present(operand: Operand, facts: Facts) -> _Truth:
    found = _ABSENT if operand.path is None else _find(operand.path, facts)
    return None if found is None else found is not _ABSENT


def _count(value: object) -> object:
    texts = _texts(value)
    return None if texts is None else len(set(texts))


def _age(value: object, now: float) -> object:
    if not _is_number(value) or abs(value) > _EXACT or value > now:
        return None
    return now - value


# -- operators --


def _compare(operator: str, left: object, right: object) -> _Truth:
    if _is_number(left) and _is_number(right):
        return _ORDER[operator](left, right)
    same = (isinstance(left, bool) and isinstance(right, bool)) or (_is_value_text(left) and _is_value_text(right))
    if not same or operator not in {"==", "!="}:
        return None
    return (left == right) == (operator == "==")


_ORDER: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "==": operators.eq,
    "!=": operators.ne,
    "<": operators.lt,
    "<=": operators.le,
    ">": operators.gt,
    ">=": operators.ge,
}


def _one_of(left: object, choices: Iterable[object]) -> _Truth:
    truths = [_compare("==", left, choice) for choice in choices]
    return None if None in truths else True in truths


def _has(value: object, path: Path | None, wanted: object) -> _Truth:
    if isinstance(value, str):
        # RFC 6749 section 3.3: scope is a list of words in one string. No other string is a list.
        if path is None or path.names[-1] != "scope" or not _is_value_text(value):
            return None
        return wanted in value.split(" ")
    texts = _texts(value)
    return None if texts is None else wanted in texts


def _matches(value: str, pattern: str) -> bool:
    """Match a glob whose only sign is ``*``: its pieces, leftmost first, between a fixed head and a fixed tail."""
    head, *middle = pattern.split("*")
    if not middle:
        return value == pattern
    tail = middle.pop()
    if len(value) < len(head) + len(tail) or not value.startswith(head) or not value.endswith(tail):
        return False
    position, end = len(head), len(value) - len(tail)
    for piece in middle:
        found = value.find(piece, position, end)
        if found < 0:
            return False
        position = found + len(piece)
    return True


# -- types --


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < math.inf


def _is_value_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and len(value) <= VALUE_CAP and len(value.encode("utf-8", "replace")) <= VALUE_CAP


def _is_text(value: object) -> TypeGuard[str]:
    return _is_value_text(value) and not any(_control_characters(value))


def _control_characters(value: str) -> Iterator[bool]:
    return (character < " " or "\x7f" <= character <= "\x9f" for character in value)


def _texts(value: object) -> list[str] | None:
    if not isinstance(value, (list, tuple)) or len(value) > LIST_CAP:
        return None
    texts = [element for element in value if _is_value_text(element)]
    return texts if len(texts) == len(value) else None
