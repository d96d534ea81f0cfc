"""The tables, as SQLAlchemy Core sees them; the migrations make them, and a test holds the two against each other."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

__all__ = ["audit_lines", "burns", "chain", "keys", "metadata", "personal", "subjects"]

metadata: Final = MetaData()

# One row: the head of this database's chain. `time` is the highest ever seen, so that a clock set back shows.
chain: Final = Table(
    "chain",
    metadata,
    Column("one", Integer, primary_key=True),
    Column("id", Text, nullable=False),
    Column("root", Text, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("hash", Text, nullable=False),
    Column("time", Integer, nullable=False),
    CheckConstraint("one = 1", name="ck_chain_one"),
)

audit_lines: Final = Table(
    "audit_lines",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("time", Integer, nullable=False),
    Column("event", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("line", LargeBinary, nullable=False),
    Index("ix_audit_lines_request_id", "request_id"),
)

# What opens the chain's commitments; rows may be erased, lines may not.
personal: Final = Table(
    "personal",
    metadata,
    Column("commitment", Text, primary_key=True),
    Column("salt", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("seq", Integer, nullable=False),
)

# One-time things that were used; `key` is a hash of (purpose, issuer, id).
burns: Final = Table(
    "burns",
    metadata,
    Column("key", Text, primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("expires_at", Integer, nullable=False),
    Index("ix_burns_expires_at", "expires_at"),
)

keys: Final = Table(
    "keys",
    metadata,
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("alg", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("kid", Text, nullable=False),
    Column("thumbprint", Text, nullable=False),
    Column("public_jwk", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=True),
    Column("token", Text, nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("uses", Integer, nullable=False),
    PrimaryKeyConstraint("name", "version"),
    UniqueConstraint("thumbprint", name="uq_keys_thumbprint"),
    CheckConstraint("state IN ('active', 'window', 'disabled', 'destroyed')", name="ck_keys_state"),
)
Index(
    "uq_keys_one_active",
    keys.c.name,
    unique=True,
    sqlite_where=keys.c.state == "active",
    postgresql_where=keys.c.state == "active",
)

# What outranks the configuration file: who was disabled, by a recorded command.
subjects: Final = Table(
    "subjects",
    metadata,
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("disabled", Integer, nullable=False),
    Column("changed_at", Integer, nullable=False),
    PrimaryKeyConstraint("kind", "name"),
)
