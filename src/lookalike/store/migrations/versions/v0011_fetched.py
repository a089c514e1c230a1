"""Which objects of a store were read, in which version."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from lookalike.store.kinds import LONG_TEXT, short_text

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "fetched",
        sa.Column("source", LONG_TEXT, primary_key=True),
        sa.Column("item", LONG_TEXT, nullable=False),
        sa.Column("version", LONG_TEXT, nullable=False),
        sa.Column("sha256", short_text(64), nullable=False),
        sa.Column("told", short_text(), nullable=False),
    )
    op.create_index("fetched_by_item", "fetched", ["item"])
