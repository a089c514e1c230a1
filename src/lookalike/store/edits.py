"""How often existing records were changed, and which lately: by that what is held in memory keeps step.

Every reader asks for the number, and few for more than the last few records: their keys are kept as one text, of which
only the end is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lookalike.store.database import damaged
from lookalike.store.facts import put_fact, stored_fact

if TYPE_CHECKING:
    from sqlalchemy import Connection

EDITS: Final = "edited"  # the gallery's fact that counts changes to existing records
_RECENT: Final = 5000  # keys of changed records that are kept
_EDIT, _KEY = ";", ","  # an edit begins with the one, each of its keys ends with the other


@dataclass(frozen=True, slots=True)
class Edits:
    """number: how many there have been. recent: the keys of the records in the latest ones, as stored."""

    number: int
    recent: str = ""

    def keys_since(self, number: int) -> set[int] | None:
        """The keys of the records that were changed after so many edits; None where that is not known any more.

        Raises DamagedFileError.
        """
        since = self.number - number
        if not 0 <= since <= self.recent.count(_EDIT):
            return None
        latest = self.recent.rsplit(_EDIT, since)[1:] if since else []
        try:
            return {int(key) for edit in latest for key in edit.split(_KEY) if key}
        except ValueError:
            raise damaged() from None

    def and_one(self, keys: Iterable[int]) -> Edits:
        """After one more, of these records."""
        recent = self.recent + _EDIT + "".join(f"{int(key)}{_KEY}" for key in keys)
        while recent.count(_KEY) > _RECENT:
            recent = _EDIT + recent.split(_EDIT, 2)[2] if recent.count(_EDIT) > 1 else ""
        return Edits(self.number + 1, recent)


def edits_of(connection: Connection) -> Edits:
    """The edits of a gallery. Raises DamagedFileError."""
    stored = stored_fact(connection, EDITS)
    try:
        number, recent = json.loads(stored) if stored else (0, "")
        if isinstance(recent, list):  # as earlier versions keep them
            recent = "".join(_EDIT + "".join(f"{int(key)}{_KEY}" for key in keys) for keys in recent)
        return Edits(int(number), str(recent))
    except (TypeError, ValueError):
        raise damaged() from None


def count_edit(connection: Connection, keys: Iterable[int]) -> None:
    """Count a change to existing records, and keep their keys."""
    _put(connection, edits_of(connection).and_one(keys))


def count_edit_of_all(connection: Connection) -> None:
    """Count a change after which nothing that is held of the records' vectors is valid."""
    _put(connection, Edits(edits_of(connection).number + 1))


def _put(connection: Connection, edits: Edits) -> None:
    put_fact(connection, EDITS, json.dumps([edits.number, edits.recent]))
