"""labelling: set labels by hand or as a table says; the log of these changes, and undoing them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lookalike.errors import NotFoundError, UsageError
from lookalike.gallery import Gallery
from lookalike.listed import ListResult
from lookalike.sources.tables import read_table, spelt
from lookalike.store.edit import change_labels, label_changes, set_labels, undo_change
from lookalike.store.label_log import LoggedChange
from lookalike.text import absolute, plain_text
from lookalike.verbs.records import RecordInfo, page_size, page_start, record_info

_LABEL_LENGTH: Final = 200
_MOST: Final = 1000  # changes that the last one to be undone is looked for among


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


def label_log(gallery: Gallery, *, limit: int = 50, cursor: str | None = None) -> LabelLog:
    """A page of the changes of labels, newest first. Raises UsageError."""
    found = label_changes(gallery.store, page_start(cursor) or None, page_size(limit) + 1)
    return LabelLog(tuple(found[:limit]), str(found[limit - 1].number) if len(found) > limit else None)


def checked_labels(labels: Sequence[str]) -> list[str]:
    """Labels as they are stored, each once. Raises UsageError for what is none."""
    cleaned = [plain_text(name, _LABEL_LENGTH + 1) for name in labels]
    if any(not name or len(name) > _LABEL_LENGTH for name in cleaned):
        raise UsageError(f"a label is text of 1 to {_LABEL_LENGTH} printable characters")
    return list(dict.fromkeys(cleaned))
