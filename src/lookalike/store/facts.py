"""Facts about a gallery, by their names, in the table of them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, delete, insert, select

from lookalike.store.schema import GALLERY

ENGINE: Final = "engine"
"""The fact that names the index engine."""


def stored_fact(connection: Connection, name: str) -> str | None:
    """A fact, as stored; None if there is none of that name."""
    found = connection.scalar(select(GALLERY.c.value).where(GALLERY.c.name == name))
    return None if found is None else str(found)


def put_fact(connection: Connection, name: str, value: str) -> None:
    """Store a fact, in the place of the former one; in SQL that both SQLite and PostgreSQL accept."""
    remove_fact(connection, name)
    connection.execute(insert(GALLERY), {"name": name, "value": value})


def remove_fact(connection: Connection, name: str) -> None:
    """Remove a fact, if there is one of that name."""
    connection.execute(delete(GALLERY).where(GALLERY.c.name == name))
