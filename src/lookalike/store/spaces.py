"""Spaces as rows: the encoder's own vectors, and adapters over them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, insert, select, update

from lookalike.errors import ManifestMismatchError
from lookalike.store.checksums import row_checksum
from lookalike.store.database import damaged, sound_row
from lookalike.store.rows import as_declared
from lookalike.store.schema import SPACES
from lookalike.types import BASE

SPACE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class SpaceRow:
    """A space as stored. version counts the changes to the vectors it is made of."""

    name: str
    encoder: Mapping[str, Any]
    adapter: str | None
    version: int


def read_spaces(connection: Connection) -> dict[str, SpaceRow]:
    """Every space by name. An adapted space takes its version from the base vectors. Raises DamagedFileError."""
    try:
        rows = [as_declared(row, SPACES) for row in connection.execute(select(SPACES))]
        if not all(sound_row(row.checksum, row.name, row.encoder, row.adapter, row.version) for row in rows):
            raise damaged()
        version = next((row.version for row in rows if row.name == BASE), 0)
        found = {row.name: SpaceRow(row.name, json.loads(row.encoder), row.adapter, version) for row in rows}
        if not all(map(_sound, found.values())):
            raise damaged()
    except (AttributeError, TypeError, ValueError):
        raise damaged() from None
    return found


def _sound(space: SpaceRow) -> bool:
    """Whether a space may be believed: its name and the adapter's become names of files."""
    adapter = space.adapter is None or _SHA256.fullmatch(space.adapter) is not None
    return adapter and SPACE_NAME.fullmatch(space.name) is not None and space.encoder.keys() >= {"name", "identity"}


def put_space(connection: Connection, name: str, encoder: Mapping[str, Any], adapter: str | None) -> None:
    """Declare a space, or replace its adapter; in SQL that both SQLite and PostgreSQL accept."""
    text = json.dumps(encoder, sort_keys=True)
    fields = {"encoder": text, "adapter": adapter, "version": 0, "checksum": row_checksum(name, text, adapter, 0)}
    if connection.execute(update(SPACES).where(SPACES.c.name == name).values(**fields)).rowcount == 0:
        connection.execute(insert(SPACES), {"name": name, **fields})


def change_adapter(connection: Connection, name: str, adapter: str) -> None:
    """Give a space another adapter of the same vectors."""
    for row in connection.execute(select(SPACES).where(SPACES.c.name == name)).all():
        _change(connection, name, row.encoder, adapter, row.version)


def count_version(connection: Connection) -> None:
    """Record that the vectors have changed: indexes built from them are stale."""
    for row in connection.execute(select(SPACES).where(SPACES.c.name == BASE)).all():
        _change(connection, row.name, row.encoder, row.adapter, row.version + 1)


def change_encoder(connection: Connection, encoder: Mapping[str, Any]) -> None:
    """Let another encoder's vectors be the gallery's, from this version on: that two answers are of one stay of an
    encoder, and not of two, is told by it.
    """
    for row in connection.execute(select(SPACES).where(SPACES.c.name == BASE)).all():
        text = json.dumps({**encoder, "since": row.version + 1}, sort_keys=True)
        _change(connection, row.name, text, row.adapter, row.version + 1)


def check_encoder(connection: Connection, identity: Mapping[str, str]) -> None:
    """Raise ManifestMismatchError unless the gallery's vectors are of the encoder of this identity."""
    base = read_spaces(connection).get(BASE)
    if base is None or base.encoder["identity"] != dict(identity):
        raise ManifestMismatchError(
            f"the gallery's encoder is {'none' if base is None else base.encoder['name']} now and these vectors are of "
            f"{identity.get('name')}; nothing of them was stored: do it again"
        )


def _change(connection: Connection, name: str, encoder: str, adapter: str | None, version: int) -> None:
    fields: dict[str, Any] = {"encoder": encoder, "adapter": adapter, "version": version}
    fields["checksum"] = row_checksum(name, encoder, adapter, version)
    connection.execute(update(SPACES).where(SPACES.c.name == name).values(**fields))
