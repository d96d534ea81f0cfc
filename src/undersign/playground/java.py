"""How Java names and shows a JSON value, for the tutorial's sentences: class names as Jackson picks them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["INTEGER", "LONG", "STRING", "class_of", "shown"]

STRING: Final = "java.lang.String"
INTEGER: Final = "java.lang.Integer"
LONG: Final = "java.lang.Long"
_INTEGERS: Final = ((31, INTEGER), (63, LONG))
_SHOWN: Final = 200


def class_of(value: object) -> str:
    """The class that a JSON value is read into.

    >>> class_of(5), class_of(4622470422), class_of(True)
    ('java.lang.Integer', 'java.lang.Long', 'java.lang.Boolean')
    """
    if isinstance(value, int) and not isinstance(value, bool):
        fits = (name for bits, name in _INTEGERS if -(1 << bits) <= value < 1 << bits)
        return next(fits, "java.math.BigInteger")
    return {
        str: STRING,
        bool: "java.lang.Boolean",
        float: "java.lang.Double",
        type(None): "null",
    }.get(type(value), "java.util.LinkedHashMap" if isinstance(value, Mapping) else "java.util.ArrayList")


def shown(value: object) -> str:
    """The value as Java writes it, in ASCII, escaped and cut: it came from outside.

    >>> shown({"hasMotorcycle": True, "n": [1, None]})
    '{hasMotorcycle=true, n=[1, null]}'
    """
    text = _written(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def _written(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_escaped(name)}={_written(member)}" for name, member in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_written, value)) + "]"
    return _escaped(str(value))


def _escaped(text: str) -> str:
    return text[:_SHOWN].encode("ascii", "backslashreplace").decode("ascii")
