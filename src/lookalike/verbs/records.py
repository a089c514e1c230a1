"""records: browse a gallery's records, count values in facets, label records, and remove them everywhere."""

from __future__ import annotations

import os
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
from lookalike.sources.tables import read_table, spelt
from lookalike.store.browse import count_from, facet_counts, records_after, records_in_order, refused_after
from lookalike.store.edit import change_labels, label_changes, set_labels, undo_change
from lookalike.store.label_log import LoggedChange
from lookalike.store.named import named_by_patient
from lookalike.store.reports import report_texts
from lookalike.store.series_in_time import standings
from lookalike.store.studies import study_with
from lookalike.text import absolute, plain_text
from lookalike.types import Attribute, Record

_MOST: Final = 1000  # records or files on a page
_LABEL_LENGTH: Final = 200
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


@dataclass(frozen=True, slots=True)
class Changed:
    """How many records have other labels now. change: the number of the change, by which it is undone; None if nothing
    was new.
    """

    changed: int
    change: int | None


@dataclass(frozen=True, slots=True, repr=False)
class LabelLog(ListResult[LoggedChange]):
    """items: newest first. next_cursor: where the next page starts, None on the last one."""

    items: tuple[LoggedChange, ...]
    next_cursor: str | None


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
    field, first = _ordered(gallery, order), _number(cursor)
    if order == "indexed":
        found = records_after(gallery.store, first, _limit(limit) + 1, tree)
        following = str(found[limit - 1].key) if len(found) > limit else None
    else:
        down = order.startswith("-")
        found = records_in_order(gallery.store, field, first, _limit(limit) + 1, tree, descending=down)
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
    first = _number(cursor)
    found = refused_after(gallery.store, first, _limit(limit) + 1)
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


def _number(cursor: str | None) -> int:
    if cursor and not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 18):
        raise UsageError("the cursor is none that a page gave; leave it out to start again")
    return int(cursor or 0)


def _limit(limit: int) -> int:
    if not 1 <= limit <= _MOST:
        raise UsageError(f"a page has from 1 to {_MOST} items, got {limit}")
    return limit


def relabel(gallery: Gallery, id: str, labels: Sequence[str], *, by: str = "") -> RecordInfo:
    """Replace a record's labels. Raises UsageError, NotFoundError."""
    label(gallery, [id], set=labels, by=by)
    return record_info(gallery, id)


def label(
    gallery: Gallery,
    ids: Sequence[str],
    *,
    set: Sequence[str] | None = None,
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
    by: str = "",
) -> Changed:
    """Set, add and remove labels of records, as a person says: from now on no label table changes the labels of these
    records, unless ``index`` is told to overwrite them. set: instead of the labels there are; an empty list clears
    them. by: who, for the log.

    Raises UsageError, NotFoundError.
    """
    if set is None and not add and not remove:
        raise UsageError("say what is to change: labels to set, to add or to remove (--set, --add, --remove)")
    instead = None if set is None else checked_labels(set)
    number, changed = change_labels(
        gallery.store,
        ids,
        instead=instead,
        add=checked_labels(add),
        remove=checked_labels(remove),
        by=plain_text(by, _LABEL_LENGTH),
    )
    return Changed(changed, number or None)


def import_labels(gallery: Gallery, table: str | os.PathLike[str], *, by: str = "") -> Changed:
    """Set the labels of records as a CSV table says, by its columns ``id`` and ``labels`` (or ``label``), several with
    ``|`` between: in one change, by hand, as ``label`` does. Records that bear these labels already stay as they are;
    a cell that is empty leaves a record without labels. by: who, for the log.

    Raises UsageError (no such table or column, an id twice), NotFoundError (no such record): then nothing is changed.
    """
    return label_each(gallery, labels_of_table(table), by=by)


def label_each(gallery: Gallery, labels: Mapping[str, Sequence[str]], *, by: str = "") -> Changed:
    """Set the labels of records, of each its own, in one change. Raises NotFoundError: then nothing is changed."""
    number, changed = set_labels(gallery.store, labels, by=plain_text(by, _LABEL_LENGTH))
    return Changed(changed, number or None)


def labels_of_table(table: str | os.PathLike[str]) -> dict[str, list[str]]:
    """The labels that a table gives to records, by their ids (``import_labels``). Raises UsageError."""
    read = read_table(absolute(table))
    identity, said = spelt(read.columns, ("id", "record")), spelt(read.columns, ("labels", "label"))
    if identity is None or said is None:
        there = ", ".join(read.columns) or "none"
        raise UsageError(f"the table needs columns id and labels, as in `records list --output csv`; it has {there}")
    labels = {row[identity]: checked_labels([name for name in row[said].split("|") if name]) for row in read.rows}
    if len(labels) < len(read.rows):
        raise UsageError("an id stands in the table twice; leave one row of each record")
    return labels


def undo_labels(gallery: Gallery, change: int | None = None) -> Changed:
    """Undo a change of labels, by default the last one that counts; how many records have other labels now.

    A record that was changed again since loses only what this change brought. One without another change has the labels
    of the table again, as the table says them now. Raises NotFoundError, UsageError (it is undone already).
    """
    number, changed = undo_change(gallery.store, change)
    return Changed(changed, number)


def change_to_undo(gallery: Gallery, seen: Gallery, change: int | None) -> int | None:
    """The number of a change that who sees a part of a gallery may undo: one that concerns no record outside of it, by
    default the last one there that counts. Raises NotFoundError.
    """
    if seen is gallery:
        return change
    inside = label_changes(seen.store, None if change is None else change + 1, _MOST if change is None else 1)
    found = next((each for each in inside if (each.undone is None if change is None else each.number == change)), None)
    if found is None or label_changes(gallery.store, found.number + 1, 1)[0].records != found.records:
        raise NotFoundError("no such change of labels is there to be undone", "no-change")
    return found.number


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


def label_log(gallery: Gallery, *, limit: int = 50, cursor: str | None = None) -> LabelLog:
    """A page of the changes of labels, newest first. Raises UsageError."""
    found = label_changes(gallery.store, _number(cursor) or None, _limit(limit) + 1)
    return LabelLog(tuple(found[:limit]), str(found[limit - 1].number) if len(found) > limit else None)


def checked_labels(labels: Sequence[str]) -> list[str]:
    """Labels as they are stored, each once. Raises UsageError for what is none."""
    cleaned = [plain_text(name, _LABEL_LENGTH + 1) for name in labels]
    if any(not name or len(name) > _LABEL_LENGTH for name in cleaned):
        raise UsageError(f"a label is text of 1 to {_LABEL_LENGTH} printable characters")
    return list(dict.fromkeys(cleaned))


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
