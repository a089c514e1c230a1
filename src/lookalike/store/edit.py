"""Edit existing data: change labels, remove records, patients and spaces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, select

from lookalike.errors import NotFoundError
from lookalike.store.batch import count_edit, delete_rows, move_files
from lookalike.store.label_log import LoggedChange, forget_empty, hand_labels, labels_of, log_of, set_by_hand, take_back
from lookalike.store.rows import chunks, keys_by_id, no_record
from lookalike.store.schema import READ_FILES, RECORDS, SPACES
from lookalike.store.spaces import count_version
from lookalike.store.verify import seal, verify_records

if TYPE_CHECKING:
    from lookalike.store.store import Store


def change_labels(
    store: Store,
    ids: Sequence[str],
    *,
    instead: Sequence[str] | None = None,
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
    by: str = "",
) -> tuple[int, int]:
    """Change the labels of records, as a person says. instead: replaces them; then some are removed and added. by: for
    the log.

    Returns the change's number, 0 if it brought nothing new, and how many records have other labels now. Raises
    NotFoundError, and changes nothing, if there is no record of one of the ids.
    """
    with store.begin(write=True) as connection:
        keys = _keys(connection, ids)
        verify_records(connection, keys)
        there = labels_of(connection, keys)
        start = {key: labels if instead is None else frozenset(instead) for key, labels in there.items()}
        after = {key: (labels - {*remove}) | {*add} for key, labels in start.items()}
        if instead is None:  # whoever adds what is there has set nothing
            after = {key: labels for key, labels in after.items() if labels != there[key]}
        number, changed = set_by_hand(connection, after, "change" if instead is None else "set", by)
        seal(connection, after)
        if changed:
            count_edit(connection, changed)
        return number, len(changed)


def undo_change(store: Store, number: int | None) -> tuple[int, int]:
    """Undo a change of labels (``label_log.take_back``): its number, and how many records have other labels now."""
    with store.begin(write=True) as connection:
        undone, changed = take_back(connection, number)
        if changed:
            count_edit(connection, changed)
        return undone, len(changed)


def label_changes(store: Store, before: int | None, limit: int) -> list[LoggedChange]:
    """The log of changes, newest first. before: only those with a lower number."""
    with store.begin() as connection:
        return log_of(connection, before, limit)


def labels_by_hand(store: Store) -> dict[str, list[frozenset[str]]]:
    """The labels that persons set, of each record, by the SHA-256 of its file."""
    with store.begin() as connection:
        return hand_labels(connection)


def move_sources(store: Store, old: str, there: Callable[[str], str | None]) -> tuple[int, list[str]]:
    """Change the sources at and below a path. there: the new place of a source, None if nothing is there.

    Returns how many changed, and those that did not.
    """
    with store.begin(write=True) as connection:
        below = {sha256: source for sha256, source in _sources(connection) if f"{source}/".startswith(f"{old}/")}
        places = {source: there(source) for source in dict.fromkeys(below.values())}
        moved = {sha256: place for sha256, source in below.items() if (place := places[source]) is not None}
        if keys := move_files(connection, moved):
            count_edit(connection, keys)
    left = [source for source, place in places.items() if place is None]
    return len(places) - len(left), left


def _sources(connection: Connection) -> Iterator[tuple[str, str]]:
    """(SHA-256, source) of every file and record."""
    for table in (READ_FILES, RECORDS):
        for row in connection.execute(select(table.c.sha256, table.c.source)):
            yield row.sha256, row.source


def all_sources(store: Store) -> list[str]:
    """Every place that records come from, once."""
    with store.begin() as connection:
        return list(connection.scalars(select(RECORDS.c.source).distinct().order_by(RECORDS.c.source)))


def remove_records(store: Store, ids: Sequence[str]) -> list[str]:
    """Remove records with everything that belongs to them: vectors, patches, thumbnails, labels, attributes. Their
    files may be indexed again.

    Returns their sources. Raises NotFoundError, and removes nothing, if there is no record of one of the ids.
    """
    with store.begin(write=True) as connection:
        return _remove(connection, _keys(connection, ids))


def remove_patient(store: Store, patient: str) -> tuple[int, list[str]]:
    """Remove every record of a patient group (its hash): how many there were, and their sources.

    Raises NotFoundError if there is none.
    """
    store.verify()  # a record whose patient group is damaged would stay
    with store.begin(write=True) as connection:
        keys = list(connection.scalars(select(RECORDS.c.key).where(RECORDS.c.patient == patient)))
        if not keys:
            raise NotFoundError("no record is of that patient group; groups stand in every record")
        return len(keys), _remove(connection, keys)


def remove_space(store: Store, name: str) -> None:
    """Remove a space."""
    with store.begin(write=True) as connection:
        connection.execute(delete(SPACES).where(SPACES.c.name == name))


def sources_left(store: Store, sources: Iterable[str]) -> set[str]:
    """Those of some sources that records still come from."""
    left: set[str] = set()
    with store.begin() as connection:
        for some in chunks(sources):
            left.update(connection.scalars(select(RECORDS.c.source).where(RECORDS.c.source.in_(some))))
    return left


def erase(store: Store) -> None:
    """Make removed rows unreadable in the write-ahead log, too; in the database itself they are overwritten."""
    with store.outside() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _remove(connection: Connection, keys: Sequence[int]) -> list[str]:
    rows = [
        row
        for some in chunks(keys)
        for row in connection.execute(select(RECORDS.c.sha256, RECORDS.c.source).where(RECORDS.c.key.in_(some)))
    ]
    # The other frames of these files stay; the file no longer counts as read to its end.
    delete_rows(connection, READ_FILES.c.sha256, {row.sha256 for row in rows})
    delete_rows(connection, RECORDS.c.key, keys)
    forget_empty(connection)
    count_edit(connection, keys)
    count_version(connection)
    return sorted({row.source for row in rows})


def _keys(connection: Connection, ids: Iterable[str]) -> list[int]:
    """The keys of records, in the order of their ids, each once. Raises NotFoundError."""
    wanted = list(dict.fromkeys(ids))
    found = keys_by_id(connection, wanted)
    if missing := [identity for identity in wanted if identity not in found]:
        raise no_record(missing[0])
    return [found[identity] for identity in wanted]
