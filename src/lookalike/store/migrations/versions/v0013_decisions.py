"""What was decided of what audits have found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from lookalike.store.kinds import LONG_TEXT, WHOLE, short_text

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "decisions",
        sa.Column("audit", short_text(), primary_key=True),
        sa.Column("record", WHOLE, sa.ForeignKey("records.key", ondelete="CASCADE"), primary_key=True),
        sa.Column("other", WHOLE, sa.ForeignKey("records.key", ondelete="CASCADE"), primary_key=True),
        sa.Column("about", short_text(), primary_key=True),
        sa.Column("value", short_text(), primary_key=True),
        sa.Column("number", WHOLE, nullable=False),
        sa.Column("decision", short_text(), nullable=False),
        sa.Column("before", LONG_TEXT, nullable=False),
        sa.Column("by", short_text(), nullable=False),
        sa.Column("time", sa.Float, nullable=False),
        sa.Column("checksum", WHOLE),
    )
    for column in ("record", "other", "about"):
        op.create_index(f"decisions_by_{column}", "decisions", [column])
