"""Records, labels, attributes, vectors, spaces, refused files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _record() -> sa.ForeignKey:
    return sa.ForeignKey("records.key", ondelete="CASCADE")


def upgrade() -> None:
    """Create the first tables."""
    op.create_table(
        "gallery", sa.Column("name", sa.String, primary_key=True), sa.Column("value", sa.Text, nullable=False)
    )
    op.create_table(
        "records",
        sa.Column("key", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(16), nullable=False, unique=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("frame", sa.Integer, nullable=False),
        sa.Column("patient", sa.String(32), nullable=False),
        sa.UniqueConstraint("sha256", "frame"),
    )
    op.create_index("records_by_patient", "records", ["patient"])
    op.create_table(
        "files", sa.Column("sha256", sa.String(64), primary_key=True), sa.Column("source", sa.Text, nullable=False)
    )
    op.create_table(
        "labels",
        sa.Column("record", sa.Integer, _record(), primary_key=True),
        sa.Column("label", sa.Text, primary_key=True),
    )
    op.create_index("labels_by_label", "labels", ["label"])
    op.create_table(
        "attributes",
        sa.Column("record", sa.Integer, _record(), primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("number", sa.Float),
    )
    op.create_index("attributes_by_text", "attributes", ["name", "text"])
    op.create_index("attributes_by_number", "attributes", ["name", "number"])
    op.create_table(
        "thumbnails",
        sa.Column("record", sa.Integer, _record(), primary_key=True),
        sa.Column("jpeg", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "spaces",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("encoder", sa.Text, nullable=False),
        sa.Column("adapter", sa.String(64)),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_table(
        "vectors",
        sa.Column("key", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("record", sa.Integer, _record(), nullable=False),
        sa.Column("view", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("checksum", sa.Integer, nullable=False),
        sa.UniqueConstraint("record", "view"),
    )
    op.create_table(
        "refused", sa.Column("source", sa.Text, primary_key=True), sa.Column("reason", sa.String, nullable=False)
    )
