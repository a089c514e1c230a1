"""Who records are in a PACS: pseudonyms of series and instances, days, encrypted identities."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from lookalike.store.kinds import WHOLE, short_text

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Create the two tables."""
    op.create_table(
        "identities",
        sa.Column("record", WHOLE, sa.ForeignKey("records.key", ondelete="CASCADE"), primary_key=True),
        sa.Column("series", short_text(32), nullable=False),
        sa.Column("day", WHOLE),
        sa.Column("sealed", sa.LargeBinary),
        sa.Column("checksum", WHOLE),
    )
    op.create_index("identities_by_series", "identities", ["series"])
    op.create_table(
        "instances",
        sa.Column("record", WHOLE, sa.ForeignKey("records.key", ondelete="CASCADE"), primary_key=True),
        sa.Column("instance", short_text(32), primary_key=True),
        sa.Column("checksum", WHOLE),
    )
    op.create_index("instances_by_instance", "instances", ["instance"])
