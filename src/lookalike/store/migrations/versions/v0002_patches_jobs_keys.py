"""Patch vectors, background jobs, keys of the server."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from lookalike.store.kinds import LONG_TEXT, WHOLE, short_text

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the three tables."""
    op.create_table(
        "patches",
        sa.Column("record", WHOLE, sa.ForeignKey("records.key", ondelete="CASCADE"), primary_key=True),
        sa.Column("view", WHOLE, primary_key=True),
        sa.Column("rows", WHOLE, nullable=False),
        sa.Column("columns", WHOLE, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("checksum", WHOLE, nullable=False),
    )
    op.create_table(
        "jobs",
        sa.Column("id", short_text(16), primary_key=True),
        sa.Column("kind", short_text(), nullable=False),
        sa.Column("arguments", LONG_TEXT, nullable=False),
        sa.Column("state", short_text(), nullable=False),
        sa.Column("progress", LONG_TEXT, nullable=False),
        sa.Column("result", LONG_TEXT),
        sa.Column("error", LONG_TEXT),
        sa.Column("owner", short_text(), nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("started", sa.Float),
        sa.Column("finished", sa.Float),
    )
    op.create_index("jobs_by_created", "jobs", ["created"])
    op.create_table(
        "api_keys",
        sa.Column("name", short_text(), primary_key=True),
        sa.Column("hash", short_text(64), nullable=False, unique=True),
        sa.Column("role", short_text(), nullable=False),
        sa.Column("created", sa.Float, nullable=False),
    )
