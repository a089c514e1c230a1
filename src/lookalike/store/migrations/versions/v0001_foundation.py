"""Records, labels, attributes, vectors, spaces, refused files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from lookalike.store.kinds import LONG_TEXT, WHOLE, short_text

revision = "0001"
down_revision = None


def _record() -> sa.ForeignKey:
    return sa.ForeignKey("records.key", ondelete="CASCADE")


def upgrade() -> None:
    """Create the first tables."""
    op.create_table(
        "gallery", sa.Column("name", short_text(), primary_key=True), sa.Column("value", LONG_TEXT, nullable=False)
    )
    op.create_table(
        "records",
        sa.Column("key", WHOLE, primary_key=True, autoincrement=True),
        sa.Column("id", short_text(16), nullable=False, unique=True),
        sa.Column("source", LONG_TEXT, nullable=False),
        sa.Column("sha256", short_text(64), nullable=False),
        sa.Column("frame", WHOLE, nullable=False),
        sa.Column("patient", short_text(32), nullable=False),
        sa.UniqueConstraint("sha256", "frame"),
    )
    op.create_index("records_by_patient", "records", ["patient"])
    op.create_table(
        "files", sa.Column("sha256", short_text(64), primary_key=True), sa.Column("source", LONG_TEXT, nullable=False)
    )
    op.create_table(
        "labels",
        sa.Column("record", WHOLE, _record(), primary_key=True),
        sa.Column("label", LONG_TEXT, primary_key=True),
    )
    op.create_index("labels_by_label", "labels", ["label"])
    op.create_table(
        "attributes",
        sa.Column("record", WHOLE, _record(), primary_key=True),
        sa.Column("name", short_text(), primary_key=True),
        sa.Column("text", LONG_TEXT, nullable=False),
        sa.Column("number", sa.Float),
    )
    op.create_index("attributes_by_text", "attributes", ["name", "text"])
    op.create_index("attributes_by_number", "attributes", ["name", "number"])
    op.create_table(
        "thumbnails",
        sa.Column("record", WHOLE, _record(), primary_key=True),
        sa.Column("jpeg", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "spaces",
        sa.Column("name", short_text(), primary_key=True),
        sa.Column("encoder", LONG_TEXT, nullable=False),
        sa.Column("adapter", short_text(64)),
        sa.Column("version", WHOLE, nullable=False),
    )
    op.create_table(
        "vectors",
        sa.Column("key", WHOLE, primary_key=True, autoincrement=True),
        sa.Column("record", WHOLE, _record(), nullable=False),
        sa.Column("view", WHOLE, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("checksum", WHOLE, nullable=False),
        sa.UniqueConstraint("record", "view"),
    )
    op.create_table(
        "refused", sa.Column("source", LONG_TEXT, primary_key=True), sa.Column("reason", short_text(), nullable=False)
    )
