"""The first schema: chain, audit lines, personal values, burns, keys, subjects."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from undersign.storage.engines import ENGINES
from undersign.storage.statement import Number

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    _chain()
    _one_time()
    _objects()


def _chain() -> None:
    op.create_table(
        "chain",
        sa.Column("one", Number, primary_key=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("root", sa.Text, nullable=False),
        sa.Column("seq", Number, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("time", Number, nullable=False),
        sa.CheckConstraint("one = 1", name="ck_chain_one"),
    )
    op.create_table(
        "audit_lines",
        sa.Column("seq", Number, primary_key=True),
        sa.Column("time", Number, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("line", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_audit_lines_request_id", "audit_lines", ["request_id"])
    op.create_table(
        "personal",
        sa.Column("commitment", sa.Text, primary_key=True),
        sa.Column("salt", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("seq", Number, nullable=False),
    )


def _one_time() -> None:
    op.create_table(
        "burns",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("expires_at", Number, nullable=False),
    )
    op.create_index("ix_burns_expires_at", "burns", ["expires_at"])


def _objects() -> None:
    op.create_table(
        "keys",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("version", Number, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("alg", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("kid", sa.Text, nullable=False),
        sa.Column("thumbprint", sa.Text, nullable=False),
        sa.Column("public_jwk", sa.Text, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=True),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("created_at", Number, nullable=False),
        sa.Column("uses", Number, nullable=False),
        sa.PrimaryKeyConstraint("name", "version"),
        sa.UniqueConstraint("thumbprint", name="uq_keys_thumbprint"),
        sa.CheckConstraint("state IN ('active', 'window', 'disabled', 'destroyed')", name="ck_keys_state"),
    )
    active = sa.text("state = 'active'")
    where: dict[str, Any] = {f"{engine}_where": active for engine in ENGINES}
    op.create_index("uq_keys_one_active", "keys", ["name"], unique=True, **where)
    op.create_table(
        "subjects",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("disabled", Number, nullable=False),
        sa.Column("changed_at", Number, nullable=False),
        sa.PrimaryKeyConstraint("kind", "name"),
    )
