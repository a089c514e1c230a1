"""Patients who were erased and are not taken again, and which studies a PACS listed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Create the two tables."""
    op.create_table(
        "kept_out",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("patient", sa.String(32), nullable=False),
        sa.Column("checksum", sa.Integer),
    )
    op.create_table(
        "pulled",
        sa.Column("query", sa.String(32), primary_key=True),
        sa.Column("study", sa.String(32), primary_key=True),
        sa.Column("checksum", sa.Integer),
    )
