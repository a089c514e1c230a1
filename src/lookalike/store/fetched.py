"""Which items of sources elsewhere were read, in which version: the next run fetches only what has changed since."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Column, Connection, delete, insert, select

from lookalike.store.rows import chunks
from lookalike.store.schema import FETCHED


class FetchedFile(NamedTuple):
    """A file, or a series of files, that was read of an item. version: the item's. sha256: of what was stored of it; ""
    where nothing was, and told says why: a reason of a refusal, or the kind of what was set apart.
    """

    source: str
    item: str
    version: str
    sha256: str
    told: str = ""


def fetched_files(connection: Connection) -> dict[str, list[FetchedFile]]:
    """What was read, by the names of items."""
    found: dict[str, list[FetchedFile]] = {}
    for row in connection.execute(select(FETCHED)):
        found.setdefault(row.item, []).append(FetchedFile(row.source, row.item, row.version, row.sha256, row.told))
    return found


def fetched_as(connection: Connection, source: str) -> FetchedFile | None:
    """What was read under a record's source; None if nothing was."""
    row = connection.execute(select(FETCHED).where(FETCHED.c.source == source)).first()
    return None if row is None else FetchedFile(row.source, row.item, row.version, row.sha256, row.told)


def note_fetched(connection: Connection, files: Sequence[FetchedFile]) -> None:
    """Note what was read of items: all that is noted of them."""
    _forget(connection, FETCHED.c.item, {each.item for each in files})
    _forget(connection, FETCHED.c.source, {each.source for each in files})
    if rows := {each.source: each._asdict() for each in files}:
        connection.execute(insert(FETCHED), [*rows.values()])


def forget_fetched(connection: Connection, sha256: Iterable[str]) -> None:
    """Forget what was stored of these bytes by name, and all of which nothing was: whose it is cannot be known."""
    _forget(connection, FETCHED.c.sha256, sha256)
    connection.execute(delete(FETCHED).where(FETCHED.c.sha256 == ""))


def _forget(connection: Connection, column: Column[str], values: Iterable[str]) -> None:
    for some in chunks(values):
        connection.execute(delete(FETCHED).where(column.in_(some)))
