"""Patients who were erased and are not taken again, and which studies a PACS listed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from lookalike.store.kinds import WHOLE, short_text

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Create the two tables."""
    op.create_table(
        "kept_out",
        sa.Column("name", short_text(32), primary_key=True),
        sa.Column("patient", short_text(32), nullable=False),
        sa.Column("checksum", WHOLE),
    )
    op.create_table(
        "pulled",
        sa.Column("query", short_text(32), primary_key=True),
        sa.Column("study", short_text(32), primary_key=True),
        sa.Column("checksum", WHOLE),
    )
