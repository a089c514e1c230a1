"""Edit existing data: change labels, remove records, patients and spaces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, delete, func, select

from lookalike.store.batch import move_files
from lookalike.store.edits import count_edit
from lookalike.store.label_log import LoggedChange, hand_labels, labels_of, log_of, set_by_hand, take_back
from lookalike.store.rows import chosen_rows, keys_by_id, no_record, where_chosen
from lookalike.store.schema import ATTRIBUTES, READ_FILES, RECORDS, REFUSED, SPACES
from lookalike.store.verify import seal, verify_records

if TYPE_CHECKING:
    from lookalike.store.store import Store

_IDS_OF_FILES: Final = where_chosen(RECORDS.c.sha256, RECORDS.c.id)


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


def set_labels(store: Store, labels: Mapping[str, Iterable[str]], *, by: str = "") -> tuple[int, int]:
    """Set the labels of records by their ids, as a person says, in one change; who has them already stays as it is.

    Returns the change's number, 0 if it brought nothing new, and how many records have other labels now. Raises
    NotFoundError, and changes nothing, if there is no record of one of the ids.
    """
    with store.begin(write=True) as connection:
        keys = dict(zip(_keys(connection, labels), labels.values(), strict=True))
        verify_records(connection, keys)
        there = labels_of(connection, keys)
        after = {key: frozenset(names) for key, names in keys.items()}
        after = {key: names for key, names in after.items() if names != there[key]}
        number, changed = set_by_hand(connection, after, "set", by)
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


def sources_with_depth(store: Store, within: str) -> dict[str, int]:
    """The places that records come from whose path has a part, with the number of slices of the deepest of their
    records, 1 for pictures.
    """
    slices = select(ATTRIBUTES.c.record, ATTRIBUTES.c.number).where(ATTRIBUTES.c.name == "slices").subquery()
    depth = func.max(func.coalesce(slices.c.number, 1))
    query = select(RECORDS.c.source, depth).outerjoin(slices, slices.c.record == RECORDS.c.key)
    query = query.where(RECORDS.c.source.contains(within, autoescape=True))
    with store.begin() as connection:
        return {source: int(most) for source, most in connection.execute(query.group_by(RECORDS.c.source))}


def digests_of_sources(store: Store, within: str) -> dict[str, set[str]]:
    """The places that records come from whose path has a part, with the SHA-256 of what was read there."""
    query = select(RECORDS.c.source, RECORDS.c.sha256).distinct()
    found: dict[str, set[str]] = {}
    with store.begin() as connection:
        for source, sha256 in connection.execute(query.where(RECORDS.c.source.contains(within, autoescape=True))):
            found.setdefault(source, set()).add(sha256)
    return found


def digests_of_records(store: Store) -> set[str]:
    """The SHA-256 of every file that some record was made from."""
    with store.begin() as connection:
        return set(connection.scalars(select(RECORDS.c.sha256).distinct()))


def ids_of_files(store: Store, files: Iterable[str]) -> list[str]:
    """The ids of the records that were made from files, by their SHA-256."""
    with store.begin() as connection:
        return [row.id for row in chosen_rows(connection, _IDS_OF_FILES, list(files))]


def forget_refused(store: Store, beginning: str) -> None:
    """Forget that files were refused whose sources begin with this, so that they are read again."""
    with store.begin(write=True) as connection:
        connection.execute(delete(REFUSED).where(REFUSED.c.source.startswith(beginning, autoescape=True)))


def remove_space(store: Store, name: str) -> None:
    """Remove a space."""
    with store.begin(write=True) as connection:
        connection.execute(delete(SPACES).where(SPACES.c.name == name))


def _keys(connection: Connection, ids: Iterable[str]) -> list[int]:
    """The keys of records, in the order of their ids, each once. Raises NotFoundError."""
    wanted = list(dict.fromkeys(ids))
    found = keys_by_id(connection, wanted)
    if missing := [identity for identity in wanted if identity not in found]:
        raise no_record(missing[0])
    return [found[identity] for identity in wanted]
