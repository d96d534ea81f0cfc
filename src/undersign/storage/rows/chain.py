"""The two tables of the chain: its head, one row that every write locks, and its lines."""

from __future__ import annotations

from typing import Final

from sqlalchemy import CheckConstraint, Column, Index, LargeBinary, Table, Text

from ..statement import Number
from .row import metadata

__all__ = ["audit_lines", "chain"]

# One row. `time` is the highest ever seen, so that a clock set back shows. `generation` and `manifest` are of the rows
# that decide trust. One-time things issued after `unsure_from` and until `unsure_to` are refused, and stored one-time
# values of lines up to `restored_at`: their use may have been lost. Lines up to `closed` were exported and removed; the
# line that closed them says what they came to. `mac` is over all of it, under the master key.
chain: Final = Table(
    "chain",
    metadata,
    Column("one", Number, primary_key=True),
    Column("id", Text, nullable=False),
    Column("root", Text, nullable=False),
    Column("seq", Number, nullable=False),
    Column("hash", Text, nullable=False),
    Column("time", Number, nullable=False),
    Column("generation", Number, nullable=False, server_default="0"),
    Column("manifest", LargeBinary, nullable=True),
    Column("unsure_from", Number, nullable=False, server_default="0"),
    Column("unsure_to", Number, nullable=False, server_default="0"),
    Column("restored_at", Number, nullable=False, server_default="0"),
    Column("closed", Number, nullable=False, server_default="0"),
    Column("mac", LargeBinary, nullable=True),
    CheckConstraint("one = 1", name="ck_chain_one"),
)

audit_lines: Final = Table(
    "audit_lines",
    metadata,
    Column("seq", Number, primary_key=True),
    Column("time", Number, nullable=False),
    Column("event", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("line", LargeBinary, nullable=False),
    Index("ix_audit_lines_request_id", "request_id"),
)
