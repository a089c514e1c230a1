"""Vectors and patches of a second encoder, beside those that answer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def _record() -> sa.ForeignKey:
    return sa.ForeignKey("records.key", ondelete="CASCADE")


def upgrade() -> None:
    """Create the three tables."""
    op.create_table(
        "vectors_beside",
        sa.Column("key", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("record", sa.Integer, _record(), nullable=False),
        sa.Column("view", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("checksum", sa.Integer, nullable=False),
        sa.UniqueConstraint("record", "view"),
    )
    op.create_table(
        "patches_beside",
        sa.Column("record", sa.Integer, _record(), primary_key=True),
        sa.Column("view", sa.Integer, primary_key=True),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("columns", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("checksum", sa.Integer, nullable=False),
    )
    op.create_table(
        "records_beside",
        sa.Column("record", sa.Integer, _record(), primary_key=True),
        sa.Column("views", sa.Integer, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
    )
