"""Reports of records, and which records are of one study."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from lookalike.store.kinds import LONG_TEXT, WHOLE, short_text

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the two tables."""
    op.create_table(
        "reports",
        sa.Column("record", WHOLE, sa.ForeignKey("records.key", ondelete="CASCADE"), primary_key=True),
        sa.Column("text", LONG_TEXT, nullable=False),
        sa.Column("passages", WHOLE, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("checksum", WHOLE, nullable=False),
    )
    op.create_table(
        "studies",
        sa.Column("record", WHOLE, sa.ForeignKey("records.key", ondelete="CASCADE"), primary_key=True),
        sa.Column("study", short_text(32), nullable=False),
        sa.Column("checksum", WHOLE),
    )
    op.create_index("studies_by_study", "studies", ["study"])
