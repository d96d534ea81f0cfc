"""The exception tree is what its drawing says (DESIGN section 2.2)."""

from __future__ import annotations

import inspect
import re

from undersign import errors
from undersign.errors import UndersignError

ROW = re.compile(r"^( *)([A-Za-z0-9]+) +([a-z0-9_]+)$")
STEP = 4


def _drawn() -> dict[str, tuple[str | None, str]]:
    path: list[str] = []
    found: dict[str, tuple[str | None, str]] = {}
    for line in (inspect.getdoc(errors) or "").splitlines():
        if (match := ROW.match(line)) and match[2].endswith("Error"):
            depth = len(match[1]) // STEP
            path[depth:] = [match[2]]
            found[match[2]] = (path[depth - 1] if depth else None, match[3])
    return found


def _classes(start: type[UndersignError] = UndersignError) -> list[type[UndersignError]]:
    below = [found for child in start.__subclasses__() for found in _classes(child)]
    return [start, *(found for found in below if found.__module__.startswith(f"{errors.__name__}."))]


def test_the_drawing_equals_the_classes() -> None:
    """Each class of the room errors stands in the drawing under its parent with its code, and nothing else does."""
    real = {
        found.__name__: (None if found is UndersignError else found.__mro__[1].__name__, found.code)
        for found in _classes()
    }
    assert _drawn() == real


def test_each_class_has_a_code_of_its_own() -> None:
    """A program can tell every failure from every other by its code."""
    codes = [found.code for found in _classes()]
    assert sorted(codes) == sorted(set(codes))
    assert [found.__name__ for found in _classes() if "code" not in vars(found)] == []


def test_each_class_is_documented_and_says_what_helps() -> None:
    """An error class has a docstring of its own, ends in Error, is exported, and has advice."""
    for found in _classes():
        assert found.__doc__
        assert found.__name__.endswith("Error")
        assert found.__name__ in errors.__all__
        assert found.advice or issubclass(found, errors.OAuthError)


def test_errors_are_defined_in_one_room() -> None:
    """No other room adds a class to the tree behind the drawing's back."""
    everywhere = [UndersignError]
    for found in everywhere:
        everywhere.extend(found.__subclasses__())
    strangers = {found.__qualname__ for found in everywhere if found.__module__.split(".")[0] == "undersign"}
    assert strangers == {found.__qualname__ for found in _classes()}
