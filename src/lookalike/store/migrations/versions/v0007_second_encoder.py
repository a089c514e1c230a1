"""Vectors and patches of a second encoder, beside those that answer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from lookalike.store.kinds import WHOLE, short_text

revision = "0007"
down_revision = "0006"


def _record() -> sa.ForeignKey:
    return sa.ForeignKey("records.key", ondelete="CASCADE")


def upgrade() -> None:
    """Create the three tables."""
    op.create_table(
        "vectors_beside",
        sa.Column("key", WHOLE, primary_key=True, autoincrement=True),
        sa.Column("record", WHOLE, _record(), nullable=False),
        sa.Column("view", WHOLE, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("checksum", WHOLE, nullable=False),
        sa.UniqueConstraint("record", "view"),
    )
    op.create_table(
        "patches_beside",
        sa.Column("record", WHOLE, _record(), primary_key=True),
        sa.Column("view", WHOLE, primary_key=True),
        sa.Column("rows", WHOLE, nullable=False),
        sa.Column("columns", WHOLE, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("checksum", WHOLE, nullable=False),
    )
    op.create_table(
        "records_beside",
        sa.Column("record", WHOLE, _record(), primary_key=True),
        sa.Column("views", WHOLE, nullable=False),
        sa.Column("reason", short_text(), nullable=False),
    )
