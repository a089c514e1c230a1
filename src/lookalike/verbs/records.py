"""records: browse a gallery's records, count values in facets, and remove records everywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from lookalike.asking.candidates import checked_filter
from lookalike.erasing import Forget, Removal, Removed, Tell, erase_each
from lookalike.errors import REASONS, ForbiddenError, LookalikeError, NotFoundError, UsageError
from lookalike.filters import Filter
from lookalike.gallery import Gallery
from lookalike.listed import ListResult
from lookalike.plugins import suggestion
from lookalike.readers.faces import may_have_file
from lookalike.roles import Role
from lookalike.store.browse import count_from, facet_counts, records_after, records_in_order, refused_after
from lookalike.store.named import named_by_patient
from lookalike.store.reports import report_texts
from lookalike.store.series_in_time import standings
from lookalike.store.studies import study_with
from lookalike.types import Attribute, Record

_MOST: Final = 1000  # records, files or changes on a page
_ORDERS: Final = ("indexed", "label", "source", "patient")  # besides the fields
_VALUES: Final = 30  # of a field of text, in its facet


@dataclass(frozen=True, slots=True)
class RecordInfo:
    """What a gallery knows of a record. patient: the group's hash. depth: slices, 1 for a picture. frame: its number
    in the file that it came from. study_id, series_id: pseudonyms, or its own id where none is known. day: days since
    the patient's first study in the gallery; None where the date or the patient is not known.
    """

    id: str
    source: str
    labels: tuple[str, ...]
    attributes: Mapping[str, Attribute]
    patient: str
    depth: int
    frame: int
    study_id: str
    series_id: str
    day: int | None


@dataclass(frozen=True, slots=True)
class RecordReport:
    """The words of a record's report, which are a patient's; "" if it has none."""

    id: str
    text: str


@dataclass(frozen=True, slots=True, repr=False)
class StudyRecords(ListResult[RecordInfo]):
    """The records of one study, in the order of indexing. study: its pseudonym; where a record's study is not known its
    own id, and the record stands alone.
    """

    study: str
    items: tuple[RecordInfo, ...]


@dataclass(frozen=True, slots=True, repr=False)
class RecordPage(ListResult[RecordInfo]):
    """items: in the order that was asked for. next_cursor: where the next page starts, None on the last one."""

    items: tuple[RecordInfo, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that could not be read: the reason code, and what it means."""

    source: str
    reason: str
    advice: str


@dataclass(frozen=True, slots=True, repr=False)
class RefusedPage(ListResult[Refused]):
    """items: by name. next_cursor: where the next page starts, None on the last one."""

    items: tuple[Refused, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Value:
    """A value and how many records have it."""

    value: str
    count: int


@dataclass(frozen=True, slots=True)
class Facet:
    """values: of a field of text, the 30 most frequent. min, max: of a field of numbers. also: the columns of label
    tables that say the same of every record, as sex does of PatientSex: filters take either, listed is this one.
    """

    field: str
    kind: Literal["text", "number"]
    values: tuple[Value, ...]
    min: float | None
    max: float | None
    also: tuple[str, ...] = ()


def record_info(gallery: Gallery, id: str) -> RecordInfo:
    """One record. Raises NotFoundError."""
    return _infos(gallery, [gallery.store.record(id)])[0]


def study_records(gallery: Gallery, id: str) -> StudyRecords:
    """The records of one record's study. Raises NotFoundError, DamagedFileError."""
    record = gallery.store.record(id)
    study, keys = study_with(gallery.store, record.key)
    found = gallery.store.records(keys)
    members = [found[key] for key in keys if key in found] or [record]
    return StudyRecords(study or record.id, _infos(gallery, members))


def read_report(gallery: Gallery, id: str) -> RecordReport:
    """The report of one record. Raises NotFoundError, DamagedFileError."""
    record = gallery.store.record(id)
    return RecordReport(record.id, report_texts(gallery.store, [record.key]).get(record.key, ""))


def _infos(gallery: Gallery, records: Sequence[Record]) -> tuple[RecordInfo, ...]:
    where = standings(gallery.store, records)
    return tuple(
        RecordInfo(
            record.id,
            record.source,
            record.labels,
            record.attributes,
            record.patient,
            record.depth,
            record.frame,
            study_id=where[record.key].study,
            series_id=where[record.key].series,
            day=where[record.key].day,
        )
        for record in records
    )


def browse(
    gallery: Gallery,
    *,
    where: str | Filter | None = None,
    limit: int = 50,
    cursor: str | None = None,
    order: str = "indexed",
) -> RecordPage:
    """A page of the records that satisfy a filter. order: "indexed", "label", "source", "patient", or a field; with
    "-" before it the other way round. Raises UsageError.
    """
    tree = checked_filter(gallery, where)
    field, first = _ordered(gallery, order), page_start(cursor)
    if order == "indexed":
        found = records_after(gallery.store, first, page_size(limit) + 1, tree)
        following = str(found[limit - 1].key) if len(found) > limit else None
    else:
        down = order.startswith("-")
        found = records_in_order(gallery.store, field, first, page_size(limit) + 1, tree, descending=down)
        following = str(first + limit) if len(found) > limit else None
    return RecordPage(_infos(gallery, found[:limit]), following)


def _ordered(gallery: Gallery, order: str) -> str:
    """By which field. Raises UsageError."""
    field = order.removeprefix("-")
    known = (*_ORDERS, *(gallery.store.field_names() if field not in _ORDERS else ()))
    if field not in known:
        raise UsageError(
            f"records are ordered by {', '.join(_ORDERS)} or a field, got {order!r}.{suggestion(field, known)}"
        )
    return field


def list_records(
    gallery: Gallery, *, where: str | Filter | None = None, limit: int = 50, order: str = "indexed"
) -> RecordPage:
    """The first records that satisfy a filter. limit: how many at most; 0: all of them. order: as of ``browse``.

    Raises UsageError.
    """
    if limit < 0:
        raise UsageError(f"a list has at least one record, or all of them with 0, got {limit}")
    items: list[RecordInfo] = []
    page = RecordPage((), "")
    while page.next_cursor is not None and (limit == 0 or len(items) < limit):
        most = min(_MOST, limit - len(items)) if limit else _MOST
        page = browse(gallery, where=where, limit=most, cursor=page.next_cursor, order=order)
        items += page.items
    return RecordPage(tuple(items), page.next_cursor)


def refused(gallery: Gallery, *, limit: int = 50, cursor: str | None = None) -> RefusedPage:
    """A page of the refused files. Raises UsageError."""
    first = page_start(cursor)
    found = refused_after(gallery.store, first, page_size(limit) + 1)
    page = tuple(Refused(refusal.source, refusal.reason, REASONS.get(refusal.reason, "")) for refusal in found[:limit])
    return RefusedPage(page, str(first + limit) if len(found) > limit else None)


def facets(gallery: Gallery, *, where: str | Filter | None = None) -> tuple[Facet, ...]:
    """The values of each field in the records that satisfy a filter; the labels come first. Raises UsageError."""
    tree = checked_filter(gallery, where)
    return tuple(
        Facet(
            counts.field,
            counts.kind,
            tuple(Value(*pair) for pair in counts.values),
            counts.low,
            counts.high,
            counts.same,
        )
        for counts in facet_counts(gallery.store, _VALUES, tree)
    )


def page_start(cursor: str | None) -> int:
    """Where a page starts, by the cursor of the one before. Raises UsageError for one that no page gave."""
    if cursor and not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 18):
        raise UsageError("the cursor is none that a page gave; leave it out to start again")
    return int(cursor or 0)


def page_size(limit: int) -> int:
    """How many items a page has. Raises UsageError for too many, or none."""
    if not 1 <= limit <= _MOST:
        raise UsageError(f"a page has from 1 to {_MOST} items, got {limit}")
    return limit


def check_there(gallery: Gallery, ids: Sequence[str]) -> None:
    """Raises NotFoundError unless every one of some records is there."""
    for identity in ids:
        gallery.store.record(identity)


def check_files(gallery: Gallery, seen: Gallery, ids: Sequence[str]) -> None:
    """Raises NotFoundError where a record comes from a file that others come from too, which are outside of the part
    that is seen.
    """
    for identity in ids:
        source = seen.store.record(identity).source
        if count_from(gallery.store, source) != count_from(seen.store, source):
            raise NotFoundError("the file of this record holds others that are not there for you", "not-found")


def check_may_have_file(gallery: Gallery, id: str, role: Role) -> None:
    """Raises ForbiddenError unless who acts in a role is given the file of a record (``readers.faces``), and
    NotFoundError.
    """
    record = gallery.store.record(id)
    if not may_have_file(role, record.attributes, record.depth, count_from(gallery.store, record.source)):
        raise ForbiddenError(
            "A face can be made from this volume, so that only an admin is given it as a file; its slices are shown as "
            "pictures. What is defaced says so: RecognizableVisualFeatures NO, in the file or the label table.",
            "head-volume",
        )


def ids_of_patient(gallery: Gallery, patient: str) -> tuple[str, ...]:
    """The ids of a patient's records, by the group's hash. Raises NotFoundError if there is none."""
    return tuple(sorted(named_by_patient(gallery.store, patient).ids))


def remove(
    gallery: Gallery, ids: Sequence[str] = (), *, patient: str | None = None, forget: Forget | None = None
) -> Removed:
    """Remove records, or every record of a patient, everywhere: rows, vectors, patches, thumbnails, indexes, maps,
    files that the gallery keeps itself, and results of jobs that name them. An adapter that has learnt from them keeps
    its weights until it is trained again. patient: the group's hash. forget: called at the end with what names the
    records, for caches.

    It takes its turn before whoever is adding to the gallery. Raises UsageError, NotFoundError, LockedError,
    GalleryError; then nothing is removed.
    """
    if bool(ids) == (patient is not None):
        raise UsageError("say what is to be removed: the ids of records, or a patient group (--patient GROUP)")
    (removed,) = remove_each(gallery, [Removal(tuple(ids), patient)], forget=forget)
    if isinstance(removed, LookalikeError):
        raise removed
    return removed


def remove_each(
    gallery: Gallery, removals: Sequence[Removal], *, forget: Forget | None = None, tell: Tell | None = None
) -> Sequence[Removed | LookalikeError]:
    """``remove`` for several who ask at once, in one erasure, which takes hardly longer than that of one: what each
    would have been answered if they had come one after the other. tell: called as soon as records are gone with the
    erasure's number and what names them, for who is reading. Raises GalleryError; then nothing is removed.
    """
    return erase_each(gallery, removals, forget, tell)
