"""The tables. SQLAlchemy Core, so the same code runs on SQLite and PostgreSQL.

A change here comes with a migration in ``migrations/versions``; a test compares the two.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Column, Float, ForeignKey, Index, LargeBinary, MetaData, Table, UniqueConstraint

from lookalike.store.checksums import row_checksum
from lookalike.store.kinds import LONG_TEXT, WHOLE, short_text

METADATA: Final = MetaData()


def _checksum(*columns: str) -> Column[Any]:
    """A column that holds the row's checksum as soon as it is inserted."""

    def of(context: Any) -> int:
        row = context.get_current_parameters()
        return row_checksum(*(row[column] for column in columns))

    return Column("checksum", WHOLE, default=of)


GALLERY: Final = Table(  # one row for each fact about the gallery: its id, the salt of patient groups, ...
    "gallery",
    METADATA,
    Column("name", short_text(), primary_key=True),
    Column("value", LONG_TEXT, nullable=False),
    _checksum("name", "value"),
)

RECORDS: Final = Table(
    "records",
    METADATA,
    Column("key", WHOLE, primary_key=True, autoincrement=True),
    Column("id", short_text(16), nullable=False, unique=True),
    Column("source", LONG_TEXT, nullable=False),
    Column("sha256", short_text(64), nullable=False),
    Column("frame", WHOLE, nullable=False),
    Column("patient", short_text(32), nullable=False),  # a salted hash, or the record's id where none is known
    Column("views", WHOLE),  # the number of its vectors
    Column("checksum", WHOLE),  # ``checksums.record_checksum``
    Column("history", WHOLE),  # ``checksums.history_checksum``
    UniqueConstraint("sha256", "frame"),
    Index("records_by_patient", "patient"),
)

READ_FILES: Final = Table(  # files with every frame stored, which a second run may skip
    "files", METADATA, Column("sha256", short_text(64), primary_key=True), Column("source", LONG_TEXT, nullable=False)
)

_RECORD: Final = "records.key"

LABELS: Final = Table(
    "labels",
    METADATA,
    Column("record", WHOLE, ForeignKey(_RECORD, ondelete="CASCADE"), primary_key=True),
    Column("label", LONG_TEXT, primary_key=True),
    Index("labels_by_label", "label"),
)

TABLE_LABELS: Final = Table(  # as the label table says them; ``labels`` holds what counts
    "table_labels",
    METADATA,
    Column("record", WHOLE, ForeignKey(_RECORD, ondelete="CASCADE"), primary_key=True),
    Column("label", LONG_TEXT, primary_key=True),
)

HAND_LABELLED: Final = Table(  # records whose labels a person set: no table changes them
    "hand_labelled", METADATA, Column("record", WHOLE, ForeignKey(_RECORD, ondelete="CASCADE"), primary_key=True)
)

LABEL_CHANGES: Final = Table(  # the log of what persons changed, and of tables that overwrote it
    "label_changes",
    METADATA,
    Column("number", WHOLE, primary_key=True, autoincrement=True),
    Column("time", Float, nullable=False),  # seconds since 1970
    Column("by", short_text(), nullable=False),  # the name of the key, or how it came
    Column("action", short_text(), nullable=False),  # set, change, overwrite
    Column("undone", Float),  # seconds since 1970; NULL while the change counts
)

CHANGED_LABELS: Final = Table(
    "changed_labels",
    METADATA,
    Column("change", WHOLE, ForeignKey("label_changes.number", ondelete="CASCADE"), primary_key=True),
    Column("record", WHOLE, ForeignKey(_RECORD, ondelete="CASCADE"), primary_key=True),
    Column("before", LONG_TEXT, nullable=False),  # JSON: labels
    Column("after", LONG_TEXT, nullable=False),  # JSON: labels
    Index("changed_labels_by_record", "record"),
)

ATTRIBUTES: Final = Table(
    "attributes",
    METADATA,
    Column("record", WHOLE, ForeignKey(_RECORD, ondelete="CASCADE"), primary_key=True),
    Column("name", short_text(), primary_key=True),
    Column("text", LONG_TEXT, nullable=False),
    Column("number", Float),  # if the value is a number, so that it can be ordered
    Index("attributes_by_text", "name", "text"),
    Index("attributes_by_number", "name", "number"),
)

THUMBNAILS: Final = Table(
    "thumbnails",
    METADATA,
    Column("record", WHOLE, ForeignKey(_RECORD, ondelete="CASCADE"), primary_key=True),
    Column("jpeg", LargeBinary, nullable=False),
    Column("checksum", WHOLE),  # ``checksums.thumbnail_checksum``
)

SPACES: Final = Table(
    "spaces",
    METADATA,
    Column("name", short_text(), primary_key=True),
    Column("encoder", LONG_TEXT, nullable=False),  # JSON: EncoderSpec
    Column("adapter", short_text(64)),  # SHA-256 of the adapter's files; NULL: the encoder's own vectors
    Column("version", WHOLE, nullable=False),  # counts the changes to the vectors
    Column("checksum", WHOLE),  # of name, encoder, adapter and version
)


def _vectors(name: str) -> Table:
    """A table of one encoder's own vectors; an adapted space is computed from them."""
    return Table(
        name,
        METADATA,
        Column("key", WHOLE, primary_key=True, autoincrement=True),
        Column("record", WHOLE, ForeignKey(_RECORD, ondelete="CASCADE"), nullable=False),
        Column("view", WHOLE, nullable=False),
        Column("data", LargeBinary, nullable=False),  # float32, little-endian
        Column("checksum", WHOLE, nullable=False),  # CRC-32 of the record's id, the view and the data
        UniqueConstraint("record", "view"),
    )


VECTORS: Final = _vectors("vectors")  # of the gallery's encoder
VECTORS_BESIDE: Final = _vectors("vectors_beside")  # of another one, which a migration goes to or came from

REFUSED: Final = Table(
    "refused",
    METADATA,
    Column("source", LONG_TEXT, primary_key=True),
    Column("reason", short_text(), nullable=False),
    _checksum("source", "reason"),
)


def _patches(name: str) -> Table:
    """A table of one encoder's patches, for region searches; only in galleries that keep patches."""
    return Table(
        name,
        METADATA,
        Column("record", WHOLE, ForeignKey(_RECORD, ondelete="CASCADE"), primary_key=True),
        Column("view", WHOLE, primary_key=True),
        Column("rows", WHOLE, nullable=False),
        Column("columns", WHOLE, nullable=False),
        Column("data", LargeBinary, nullable=False),  # packed unit vectors, (rows, columns, dim)
        Column("checksum", WHOLE, nullable=False),  # CRC-32 of the record's id, the view and the data
    )


PATCHES: Final = _patches("patches")
PATCHES_BESIDE: Final = _patches("patches_beside")

RECORDS_BESIDE: Final = Table(  # the records that the other encoder has encoded, or could not
    "records_beside",
    METADATA,
    Column("record", WHOLE, ForeignKey(_RECORD, ondelete="CASCADE"), primary_key=True),
    Column("views", WHOLE, nullable=False),  # the number of its vectors beside
    Column("reason", short_text(), nullable=False),  # why it has none; "" where it has
)

REPORTS: Final = Table(  # only where they were asked for: the words of patients' reports
    "reports",
    METADATA,
    Column("record", WHOLE, ForeignKey(_RECORD, ondelete="CASCADE"), primary_key=True),
    Column("text", LONG_TEXT, nullable=False),
    Column("passages", WHOLE, nullable=False),
    Column("data", LargeBinary, nullable=False),  # float16, little-endian: (passages, dim)
    Column("checksum", WHOLE, nullable=False),  # CRC-32 of the record's id, the text and the data
)

STUDIES: Final = Table(  # which records are of one study: pseudonyms by the gallery's key
    "studies",
    METADATA,
    Column("record", WHOLE, ForeignKey(_RECORD, ondelete="CASCADE"), primary_key=True),
    Column("study", short_text(32), nullable=False),
    _checksum("record", "study"),
    Index("studies_by_study", "study"),
)

IDENTITIES: Final = Table(  # of records whose files say who they are in a PACS
    "identities",
    METADATA,
    Column("record", WHOLE, ForeignKey(_RECORD, ondelete="CASCADE"), primary_key=True),
    Column("series", short_text(32), nullable=False),  # a pseudonym by the gallery's key, or ""
    Column("day", WHOLE),  # of the study, moved by as many days as only the key and the patient's name tell
    Column("sealed", LargeBinary),  # in a linked gallery: the identity itself, encrypted
    _checksum("record", "series", "day", "sealed"),
    Index("identities_by_series", "series"),
)

INSTANCES: Final = Table(  # the files of a PACS that records were made of
    "instances",
    METADATA,
    Column("record", WHOLE, ForeignKey(_RECORD, ondelete="CASCADE"), primary_key=True),
    Column("instance", short_text(32), primary_key=True),  # a pseudonym by the gallery's key
    _checksum("record", "instance"),
    Index("instances_by_instance", "instance"),
)

JOBS: Final = Table(  # background jobs of the server, which outlive a restart
    "jobs",
    METADATA,
    Column("id", short_text(16), primary_key=True),
    Column("kind", short_text(), nullable=False),
    Column("arguments", LONG_TEXT, nullable=False),  # JSON
    Column("state", short_text(), nullable=False),  # queued, running, done, failed, cancelled
    Column("progress", LONG_TEXT, nullable=False),  # JSON
    Column("result", LONG_TEXT),  # JSON
    Column("error", LONG_TEXT),
    Column("owner", short_text(), nullable=False),  # the name of the key that submitted it
    Column("created", Float, nullable=False),  # seconds since 1970
    Column("started", Float),
    Column("finished", Float),
    Column("mac", short_text(64)),  # HMAC-SHA-256: it was queued here
    Index("jobs_by_created", "created"),
)

API_KEYS: Final = Table(  # of earlier versions: none of them counts any more, they are in the configuration
    "api_keys",
    METADATA,
    Column("name", short_text(), primary_key=True),
    Column("hash", short_text(64), nullable=False, unique=True),
    Column("role", short_text(), nullable=False),  # reader, contributor, admin
    Column("created", Float, nullable=False),
)

KEPT_OUT: Final = Table(  # patients who were erased and are not taken again: pseudonyms of pseudonyms
    "kept_out",
    METADATA,
    Column("name", short_text(32), primary_key=True),  # of the patient, or of a study
    Column("patient", short_text(32), nullable=False),  # whose it is
    _checksum("name", "patient"),
)

PULLED: Final = Table(  # which studies a PACS listed, so that it shows when it no longer does: pseudonyms
    "pulled",
    METADATA,
    Column("query", short_text(32), primary_key=True),  # of the address that was asked, with its filters
    Column("study", short_text(32), primary_key=True),
    _checksum("query", "study"),
)

COHORTS: Final = Table(  # records chosen by a definition that is kept, as they were when it was last evaluated
    "cohorts",
    METADATA,
    Column("number", WHOLE, primary_key=True, autoincrement=True),
    Column("name", short_text(), nullable=False, unique=True),
    Column("definition", LONG_TEXT, nullable=False),  # JSON; it names no record: those are rows of their own
    Column("split", LONG_TEXT, nullable=False),  # JSON: how it was split, "" where it was not
    Column("version", WHOLE, nullable=False),  # counts the changes to its members
    Column("size", WHOLE, nullable=False),  # how many members there were then; what is erased since is not there
    Column("by", short_text(), nullable=False),
    Column("created", Float, nullable=False),  # seconds since 1970
    Column("changed", Float, nullable=False),
    _checksum("number", "name", "definition", "split", "version", "size", "by", "created", "changed"),
)

COHORT_MEMBERS: Final = Table(
    "cohort_members",
    METADATA,
    Column("cohort", WHOLE, ForeignKey("cohorts.number", ondelete="CASCADE"), primary_key=True),
    Column("record", WHOLE, ForeignKey(_RECORD, ondelete="CASCADE"), primary_key=True),
    Column("part", short_text(), nullable=False),  # train, val or test; "" where it is of none
    Column("labels", LONG_TEXT, nullable=False),  # JSON: as they were then
    _checksum("cohort", "record", "part", "labels"),
    Index("cohort_members_by_record", "record"),
)

COHORT_CHOSEN: Final = Table(  # the records that a definition itself names: a list of them, or those a search asks with
    "cohort_chosen",
    METADATA,
    Column("cohort", WHOLE, ForeignKey("cohorts.number", ondelete="CASCADE"), primary_key=True),
    Column("leaf", WHOLE, primary_key=True),  # the place in the definition
    Column("record", WHOLE, ForeignKey(_RECORD, ondelete="CASCADE"), primary_key=True),
    _checksum("cohort", "leaf", "record"),
    Index("cohort_chosen_by_record", "record"),
)

OF_COHORTS: Final = (COHORTS, COHORT_MEMBERS, COHORT_CHOSEN)

FETCHED: Final = Table(  # what was read of items of sources elsewhere, so that only what changed is fetched again
    "fetched",
    METADATA,
    Column("source", LONG_TEXT, primary_key=True),  # a file of the item, or a series of them
    Column("item", LONG_TEXT, nullable=False),
    Column("version", LONG_TEXT, nullable=False),  # of the item, as its source says it
    Column("sha256", short_text(64), nullable=False),  # of what was stored of it, "" for nothing
    Column("told", short_text(), nullable=False),  # why nothing was
    Index("fetched_by_item", "item"),
)

READINGS: Final = Table(  # what readers said of records, apart from each other and from the labels that count
    "readings",
    METADATA,
    Column("round", short_text(), primary_key=True),
    Column("record", WHOLE, ForeignKey(_RECORD, ondelete="CASCADE"), primary_key=True),
    Column("reader", short_text(), primary_key=True),  # "": what was decided
    Column("labels", LONG_TEXT, nullable=False),  # JSON
    Column("by", short_text(), nullable=False),
    Column("time", Float, nullable=False),  # seconds since 1970
    _checksum("round", "record", "reader", "labels", "by", "time"),
    Index("readings_by_record", "record"),
)

DECISIONS: Final = Table(  # what was decided of what audits have found, and what was recorded before
    "decisions",
    METADATA,
    Column("audit", short_text(), primary_key=True),  # duplicates, outliers, quality, metadata
    Column("record", WHOLE, ForeignKey(_RECORD, ondelete="CASCADE"), primary_key=True),
    Column("other", WHOLE, ForeignKey(_RECORD, ondelete="CASCADE"), primary_key=True),  # of a pair; else the record
    Column("about", short_text(), primary_key=True),  # the fault or the field; "patient" of a record that moved
    Column("value", short_text(), primary_key=True),  # that is proposed
    Column("number", WHOLE, nullable=False),  # of what was decided together
    Column("decision", short_text(), nullable=False),
    Column("before", LONG_TEXT, nullable=False),  # that was recorded, where it was changed
    Column("by", short_text(), nullable=False),
    Column("time", Float, nullable=False),  # seconds since 1970
    _checksum("audit", "record", "other", "about", "value", "number", "decision", "before", "by", "time"),
    Index("decisions_by_record", "record"),
    Index("decisions_by_other", "other"),
    Index("decisions_by_about", "about"),
)
