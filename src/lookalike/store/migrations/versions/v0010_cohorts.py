"""Cohorts: their definitions, their members, and the records that definitions name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from lookalike.store.kinds import LONG_TEXT, WHOLE, short_text

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Create the three tables."""
    op.create_table(
        "cohorts",
        sa.Column("number", WHOLE, primary_key=True, autoincrement=True),
        sa.Column("name", short_text(), nullable=False, unique=True),
        sa.Column("definition", LONG_TEXT, nullable=False),
        sa.Column("split", LONG_TEXT, nullable=False),
        sa.Column("version", WHOLE, nullable=False),
        sa.Column("size", WHOLE, nullable=False),
        sa.Column("by", short_text(), nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("changed", sa.Float, nullable=False),
        sa.Column("checksum", WHOLE),
    )
    op.create_table(
        "cohort_members",
        _of_a_cohort(),
        _of_a_record(),
        sa.Column("part", short_text(), nullable=False),
        sa.Column("labels", LONG_TEXT, nullable=False),
        sa.Column("checksum", WHOLE),
    )
    op.create_index("cohort_members_by_record", "cohort_members", ["record"])
    op.create_table(
        "cohort_chosen",
        _of_a_cohort(),
        sa.Column("leaf", WHOLE, primary_key=True),
        _of_a_record(),
        sa.Column("checksum", WHOLE),
    )
    op.create_index("cohort_chosen_by_record", "cohort_chosen", ["record"])


def _of_a_cohort() -> sa.Column[int]:
    return sa.Column("cohort", WHOLE, sa.ForeignKey("cohorts.number", ondelete="CASCADE"), primary_key=True)


def _of_a_record() -> sa.Column[int]:
    return sa.Column("record", WHOLE, sa.ForeignKey("records.key", ondelete="CASCADE"), primary_key=True)
