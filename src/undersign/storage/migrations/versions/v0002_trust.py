"""Rows that decide trust carry MACs, the head names them all; stored one-time values; what may be in doubt."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from undersign.storage.statement import Number

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the table."""
    for name in ("generation", "unsure_from", "unsure_to", "restored_at", "closed"):
        op.add_column("chain", sa.Column(name, Number, nullable=False, server_default="0"))
    op.add_column("chain", sa.Column("manifest", sa.LargeBinary, nullable=True))
    for table in ("chain", "keys", "subjects"):
        op.add_column(table, sa.Column("mac", sa.LargeBinary, nullable=True))
    op.create_table(
        "one_time",
        sa.Column("reference", sa.Text, primary_key=True),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("expires_at", Number, nullable=False),
        sa.Column("seq", Number, nullable=False),
        sa.Column("used", Number, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_one_time_expires_at", "one_time", ["expires_at"])
