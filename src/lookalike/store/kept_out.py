"""Patients who were erased and are not to be taken again, by whichever way they come.

What is kept of them is a pseudonym of their pseudonym, by the gallery's key: it is nowhere else in the gallery, and
who has the gallery alone can tell from it neither who they are nor which of its other words they had.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, delete, select

from lookalike.store.batch import delete_rows, insert_rows
from lookalike.store.database import damaged, sound_row
from lookalike.store.identity import Identity
from lookalike.store.schema import KEPT_OUT

if TYPE_CHECKING:
    from lookalike.store.store import Store

_KIND: Final = "erased"


class KeptOut:
    """Those who are not taken, as they are at one moment. identity: of the gallery."""

    def __init__(self, identity: Identity, names: Collection[str]) -> None:
        self._identity, self._names = identity, frozenset(names)

    def __bool__(self) -> bool:
        return bool(self._names)

    def holds(self, *groups: str) -> bool:
        """Whether one of some pseudonyms, of patients or of studies, is of somebody who is not taken."""
        return bool(self._names) and any(self._identity.group(_KIND, group) in self._names for group in groups if group)


def kept_out(store: Store) -> KeptOut:
    """Those who are not taken. Raises DamagedFileError."""
    with store.begin() as connection:
        rows = list(connection.execute(select(KEPT_OUT)))
    if not all(sound_row(row.checksum, row.name, row.patient) for row in rows):
        raise damaged()
    return KeptOut(store.identity, [row.name for row in rows])


def keep_out(connection: Connection, identity: Identity, patient: str, studies: Collection[str]) -> bool:
    """Take a patient, by the group, and these studies no more; False where the gallery's key is not here."""
    owner, *names = (identity.group(_KIND, group) for group in (patient, *sorted(studies)))
    if not owner:
        return False
    rows = [{"name": name, "patient": owner} for name in dict.fromkeys((owner, *names))]
    delete_rows(connection, KEPT_OUT.c.name, [row["name"] for row in rows])
    insert_rows(connection, KEPT_OUT, rows)
    return True


def let_return(store: Store, patient: str) -> bool:
    """Take a patient again, by the group; whether he was kept out."""
    with store.begin(write=True) as connection:
        owner = store.identity.group(_KIND, patient)
        return connection.execute(delete(KEPT_OUT).where(KEPT_OUT.c.patient == owner)).rowcount > 0
