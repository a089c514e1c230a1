"""Labels as the table says them, whose labels a person set, and the log of changes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from lookalike.store.kinds import LONG_TEXT, WHOLE, short_text

revision = "0003"
down_revision = "0002"


def _record() -> sa.ForeignKey:
    return sa.ForeignKey("records.key", ondelete="CASCADE")


def upgrade() -> None:
    """Create the four tables. Who gave the labels there are was not stored: they count as the table's."""
    op.create_table(
        "table_labels",
        sa.Column("record", WHOLE, _record(), primary_key=True),
        sa.Column("label", LONG_TEXT, primary_key=True),
    )
    op.execute("INSERT INTO table_labels (record, label) SELECT record, label FROM labels")
    op.create_table("hand_labelled", sa.Column("record", WHOLE, _record(), primary_key=True))
    op.create_table(
        "label_changes",
        sa.Column("number", WHOLE, primary_key=True, autoincrement=True),
        sa.Column("time", sa.Float, nullable=False),
        sa.Column("by", short_text(), nullable=False),
        sa.Column("action", short_text(), nullable=False),
        sa.Column("undone", sa.Float),
    )
    op.create_table(
        "changed_labels",
        sa.Column("change", WHOLE, sa.ForeignKey("label_changes.number", ondelete="CASCADE"), primary_key=True),
        sa.Column("record", WHOLE, _record(), primary_key=True),
        sa.Column("before", LONG_TEXT, nullable=False),
        sa.Column("after", LONG_TEXT, nullable=False),
    )
    op.create_index("changed_labels_by_record", "changed_labels", ["record"])
