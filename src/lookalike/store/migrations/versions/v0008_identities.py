"""Who records are in a PACS: pseudonyms of series and instances, days, encrypted identities."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Create the two tables."""
    op.create_table(
        "identities",
        sa.Column("record", sa.Integer, sa.ForeignKey("records.key", ondelete="CASCADE"), primary_key=True),
        sa.Column("series", sa.String(32), nullable=False),
        sa.Column("day", sa.BigInteger),
        sa.Column("sealed", sa.LargeBinary),
        sa.Column("checksum", sa.Integer),
    )
    op.create_index("identities_by_series", "identities", ["series"])
    op.create_table(
        "instances",
        sa.Column("record", sa.Integer, sa.ForeignKey("records.key", ondelete="CASCADE"), primary_key=True),
        sa.Column("instance", sa.String(32), primary_key=True),
        sa.Column("checksum", sa.Integer),
    )
    op.create_index("instances_by_instance", "instances", ["instance"])
