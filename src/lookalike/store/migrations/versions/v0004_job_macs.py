"""A message authentication code for each job, which proves that it was queued here."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from lookalike.store.kinds import short_text

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column. Jobs of before have none, so none of them is run."""
    op.add_column("jobs", sa.Column("mac", short_text(64)))
