"""Alembic's entry point: runs the migrations on the connection that storage.engine hands over."""

from __future__ import annotations

from alembic import context

from undersign.storage.rows import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=False,
)
context.run_migrations()
