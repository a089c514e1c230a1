"""Reports of records, and which records are of one study."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the two tables."""
    op.create_table(
        "reports",
        sa.Column("record", sa.Integer, sa.ForeignKey("records.key", ondelete="CASCADE"), primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("passages", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("checksum", sa.Integer, nullable=False),
    )
    op.create_table(
        "studies",
        sa.Column("record", sa.Integer, sa.ForeignKey("records.key", ondelete="CASCADE"), primary_key=True),
        sa.Column("study", sa.String(32), nullable=False),
        sa.Column("checksum", sa.Integer),
    )
    op.create_index("studies_by_study", "studies", ["study"])
