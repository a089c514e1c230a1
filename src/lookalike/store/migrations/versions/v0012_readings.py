"""What readers said of records, apart from each other."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from lookalike.store.kinds import LONG_TEXT, WHOLE, short_text

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "readings",
        sa.Column("round", short_text(), primary_key=True),
        sa.Column("record", WHOLE, sa.ForeignKey("records.key", ondelete="CASCADE"), primary_key=True),
        sa.Column("reader", short_text(), primary_key=True),
        sa.Column("labels", LONG_TEXT, nullable=False),
        sa.Column("by", short_text(), nullable=False),
        sa.Column("time", sa.Float, nullable=False),
        sa.Column("checksum", WHOLE),
    )
    op.create_index("readings_by_record", "readings", ["record"])
