"""Statements, written once in SQLAlchemy Core, compiled once for an engine, executed by its driver.

Two constructs that engines spell differently stand here as constructs of our own; how each is spelled is in the file
of the engine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from sqlalchemy import Column, Table, Text, bindparam
from sqlalchemy.sql.elements import ClauseElement, ColumnElement
from sqlalchemy.types import BigInteger, Boolean

__all__ = ["Among", "Execution", "InsertMany", "Number", "Question", "Rows", "Statement"]

Rows: TypeAlias = list[tuple[Any, ...]]


class Number(BigInteger):
    """A whole number of 64 bits: a count, or a time in seconds since 1970."""

    cache_ok = True


class Among(ColumnElement[bool]):
    """True where a column of text has one of the values of a list that is given as one parameter."""

    inherit_cache = True
    type = Boolean()
    _is_implicitly_boolean = True  # no engine needs to compare it with 1

    def __init__(self, column: ColumnElement[Any], name: str) -> None:
        self.column = column
        self.values = bindparam(name, type_=Text())


class Statement:
    """A statement, as Core has it; its identity is the key under which an engine keeps it compiled."""

    __slots__ = ("clause",)

    def __init__(self, clause: ClauseElement) -> None:
        self.clause = clause


class InsertMany:
    """Insert rows, given as tuples in the order of the columns; engines have a quicker way than one by one."""

    __slots__ = ("columns", "table")

    def __init__(self, table: Table, *without: str) -> None:
        self.table = table
        self.columns: Final[tuple[Column[Any], ...]] = tuple(c for c in table.c if c.name not in without)


Question: TypeAlias = tuple[Statement, Mapping[str, Any]]
Execution: TypeAlias = tuple[Statement, Mapping[str, Any]] | tuple[InsertMany, Sequence[tuple[Any, ...]]]
