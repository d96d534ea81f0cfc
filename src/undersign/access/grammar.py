"""The rule language's text: from characters to a tree of conditions, in one pass and with caps.

    rule      = all *( "or" all )
    all       = factor *( "and" factor )
    factor    = "not" factor / "(" rule ")" / condition
    condition = operand ( "==" / "!=" / "<" / "<=" / ">" / ">=" ) operand
              / path "in" "[" literal *( "," literal ) "]"
              / path ( "has" / "matches" / "starts_with" ) string
              / "present" "(" path ")"
    operand   = path / literal / "count" "(" path ")" / "age" "(" path ")"
    path      = name *( "." name / "[" string "]" )       ; token.* and request.* are roots, a bare name is token.<name>
    literal   = string / number / "true" / "false"

Nothing is evaluated here and nothing can be called: the language is closed. ``not`` is pushed down to the conditions
(De Morgan, which holds in three-valued logic), so that a report can show each one as it was needed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final, Literal, NoReturn, TypeAlias

from undersign.errors import PolicyError, quoted

__all__ = ["TEXT_CAP", "All", "Any", "Condition", "Node", "Operand", "Path", "parse"]

TEXT_CAP: Final = 4096
NODE_CAP: Final = 64
DEPTH_CAP: Final = 32

Value: TypeAlias = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Path:
    """Where a value is: a root, then names of members."""

    root: Literal["token", "request"]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Operand:
    """One side of a comparison: a value as it stands, or a path, counted or aged where asked."""

    value: Value | None = None
    path: Path | None = None
    function: Literal["", "count", "age"] = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """One leaf: an operator over operands, with the text it was written in."""

    text: str
    operator: str
    left: Operand
    right: Operand = Operand()
    choices: tuple[Value, ...] = ()
    negated: bool = False


@dataclass(frozen=True, slots=True)
class All:
    """Every one of these must hold."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """One of these must hold."""

    parts: tuple[Node, ...]


Node: TypeAlias = All | Any | Condition

_COMPARISONS: Final = frozenset({"==", "!=", "<", "<=", ">", ">="})
_WORD_OPERATORS: Final = frozenset({"in", "has", "matches", "starts_with"})
_MEASURES: Final[tuple[Literal["count"], Literal["age"]]] = ("count", "age")
_FUNCTIONS: Final = frozenset({"present", "count", "age"})
_RESERVED: Final = frozenset({"and", "or", "not", "true", "false"}) | _WORD_OPERATORS
_TOKEN: Final = re.compile(
    r"""(?P<space>[ \t\r\n]+)
      | (?P<number>-?[0-9]{1,15}(?:\.[0-9]{1,6})?(?![\w.]))
      | (?P<name>[A-Za-z_][A-Za-z0-9_-]*)
      | (?P<string>'[^'\\\x00-\x1f\x7f]*'|"[^"\\\x00-\x1f\x7f]*")
      | (?P<sign>==|!=|<=|>=|[<>()\[\],.])""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class _Piece:
    kind: str
    text: str
    start: int
    end: int


def parse(text: str) -> Node:
    """Parse a rule.

    Raises:
        PolicyError: The text is not a rule, or exceeds 4 KiB, 64 nodes or 32 levels; the message says where.
    """
    if not text.strip():
        raise PolicyError("A rule must be text that is not empty.", help="Write a condition such as: scope has 'sign'")
    if len(text) > TEXT_CAP or len(text.encode("utf-8", "surrogatepass")) > TEXT_CAP:
        raise PolicyError(f"A rule is longer than {TEXT_CAP} octets.", help="Split it into several rules.")
    return _Parser(text).parse()


def _pieces(text: str) -> list[_Piece]:
    pieces: list[_Piece] = []
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise PolicyError(
                f"A rule cannot be read at character {position + 1}: {quoted(text[position : position + 20])}.",
                help="Strings stand in quotes, without backslashes; operators are == != < <= > >= in has matches.",
            )
        kind = found.lastgroup or ""
        if kind != "space":
            pieces.append(_Piece(kind, found.group(), position, found.end()))
        position = found.end()
    pieces.append(_Piece("end", "", len(text), len(text)))
    return pieces


class _Parser:
    """Recursive descent over the pieces, counting nodes and levels as it goes."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._pieces = _pieces(text)
        self._at = 0
        self._nodes = 0
        self._depth = 0

    def parse(self) -> Node:
        node = self._any(negated=False)
        if self._next.kind != "end":
            self._fail("'and', 'or' or the end of the rule was expected")
        return node

    # -- structure --

    def _any(self, *, negated: bool) -> Node:
        parts = [self._all(negated=negated)]
        while self._take("or"):
            parts.append(self._all(negated=negated))
        return self._join(parts, All if negated else Any)

    def _all(self, *, negated: bool) -> Node:
        parts = [self._factor(negated=negated)]
        while self._take("and"):
            parts.append(self._factor(negated=negated))
        return self._join(parts, Any if negated else All)

    def _join(self, parts: list[Node], kind: type[All | Any]) -> Node:
        if len(parts) == 1:
            return parts[0]
        self._count()
        return kind(tuple(parts))

    def _factor(self, *, negated: bool) -> Node:
        if self._take("not"):
            self._enter()
            node = self._factor(negated=not negated)
        elif self._take("("):
            self._enter()
            node = self._any(negated=negated)
            self._expect(")")
        else:
            return self._condition(negated=negated)
        self._depth -= 1
        return node

    def _enter(self) -> None:
        self._count()
        self._depth += 1
        if self._depth > DEPTH_CAP:
            self._fail(f"more than {DEPTH_CAP} levels of 'not' and parentheses")

    def _count(self) -> None:
        self._nodes += 1
        if self._nodes > NODE_CAP:
            self._fail(f"more than {NODE_CAP} conditions, operators and list members")

    # -- conditions --

    def _condition(self, *, negated: bool) -> Condition:
        self._count()
        start = self._next.start
        if self._next.text == "present" and self._pieces[self._at + 1].text == "(":
            condition = Condition("", "present", self._call(""))
        else:
            condition = self._relation(self._operand())
        text = self._text[start : self._pieces[self._at - 1].end]
        return replace(condition, text=f"not {text}" if negated else text, negated=negated)

    def _relation(self, left: Operand) -> Condition:
        operator = self._next.text
        if self._next.kind == "sign" and operator in _COMPARISONS:
            self._at += 1
            right = self._operand()
            _check_comparison(self, operator, left, right)
            return Condition("", operator, left, right)
        if self._next.kind != "name" or operator not in _WORD_OPERATORS:
            self._fail(
                "an operator was expected (== != < <= > >= in has matches starts_with); write 'x == true' for a flag"
            )
        if left.path is None or left.function:
            self._fail(f"the left side of '{operator}' must name a value; write: groups has 'finance'")
        self._at += 1
        if operator == "in":
            return Condition("", operator, left, choices=self._choices())
        right = self._operand()
        if not isinstance(right.value, str) or not right.value:
            self._fail(f"'{operator}' takes a quoted string that is not empty")
        return Condition("", operator, left, right)

    def _choices(self) -> tuple[Value, ...]:
        self._expect("[")
        choices = [self._literal()]
        while self._take(","):
            choices.append(self._literal())
        self._expect("]")
        if len({_kind(choice) for choice in choices}) > 1:
            self._fail("the values of one list must be of one type")
        return tuple(choices)

    def _operand(self) -> Operand:
        piece = self._next
        if piece.kind in {"string", "number"} or piece.text in {"true", "false"}:
            return Operand(value=self._literal())
        for function in _MEASURES:
            if piece.text == function and self._pieces[self._at + 1].text == "(":
                return self._call(function)
        return Operand(path=self._path())

    def _call(self, function: Literal["", "count", "age"]) -> Operand:
        self._at += 1
        self._expect("(")
        path = self._path()
        self._expect(")")
        return Operand(path=path, function=function)

    def _literal(self) -> Value:
        self._count()
        piece = self._next
        self._at += 1
        if piece.kind == "string":
            return piece.text[1:-1]
        if piece.kind == "number":
            return float(piece.text) if "." in piece.text else int(piece.text)
        if piece.text in {"true", "false"}:
            return piece.text == "true"
        self._at -= 1
        return self._fail("a quoted string, a number, true or false was expected")

    def _path(self) -> Path:
        names = [self._name()]
        while True:
            if self._take("."):
                names.append(self._name(after_dot=True))
            elif self._next.text == "[" and self._pieces[self._at + 1].kind == "string":
                self._at += 1
                names.append(self._next.text[1:-1])
                self._at += 1
                self._expect("]")
            else:
                break
        if names[0] in {"token", "request"}:
            if len(names) == 1:
                self._fail(f"'{names[0]}' alone is not a value; write {names[0]}.<name>")
            return Path("request" if names[0] == "request" else "token", tuple(names[1:]))
        return Path("token", tuple(names))

    def _name(self, *, after_dot: bool = False) -> str:
        piece = self._next
        if piece.kind != "name" or (piece.text in _RESERVED and not after_dot):
            self._fail("a name of a claim was expected")
        if piece.text in _FUNCTIONS and not after_dot and self._pieces[self._at + 1].text == "(":
            self._fail(f"'{piece.text}(...)' cannot stand here")
        self._at += 1
        return piece.text

    # -- pieces --

    @property
    def _next(self) -> _Piece:
        return self._pieces[self._at]

    def _take(self, text: str) -> bool:
        if self._next.text != text or self._next.kind == "string":
            return False
        self._at += 1
        return True

    def _expect(self, text: str) -> None:
        if not self._take(text):
            self._fail(f"'{text}' was expected")

    def _fail(self, what: str) -> NoReturn:
        piece = self._next
        found = quoted(piece.text) if piece.text else "the end"
        raise PolicyError(
            f"A rule cannot be read at character {piece.start + 1}, at {found}: {what}.",
            help="The language of rules is in docs/reference/rules.md.",
        )

    fail = _fail


def _check_comparison(parser: _Parser, operator: str, left: Operand, right: Operand) -> None:
    if left.value is not None and right.value is not None:
        parser.fail("a comparison must name a value of the token or the request")
    for side in (left, right):
        if operator not in {"==", "!="} and side.value is not None and _kind(side.value) != "number":
            parser.fail(f"'{operator}' compares numbers")
    for side, other in ((left, right), (right, left)):
        if side.function and other.value is not None and _kind(other.value) != "number":
            parser.fail(f"'{side.function}(...)' is a number")


def _kind(value: Value) -> str:
    return "boolean" if isinstance(value, bool) else "string" if isinstance(value, str) else "number"
