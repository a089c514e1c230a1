"""Make a gallery from elsewhere this user's: a secret key for it, pseudonyms by that key, and no orders in it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from lookalike.ownership import change_ownership
from lookalike.secret_key import new_secret, pseudonym
from lookalike.store.batch import delete_rows
from lookalike.store.databases import database_of
from lookalike.store.decisions import rename_decided_groups
from lookalike.store.edits import count_edit
from lookalike.store.facts import ENGINE, remove_fact, stored_fact
from lookalike.store.identity import CHECK, KEYED, MIXED, SCHEME, identity_from, key_check
from lookalike.store.jobs import drop_jobs
from lookalike.store.schema import API_KEYS, GALLERY, RECORDS
from lookalike.store.store import Store
from lookalike.store.verify import seal, verify_records
from lookalike.types import OTHER_KEY


@dataclass(frozen=True, slots=True)
class Adoption:
    """jobs: open ones that were dropped. keys: API keys that stood in the gallery and are removed. matched: whether
    pictures that come are grouped with those of the same patient that are here. engine: the index engine that it named,
    which is not asked any more; "" for none.
    """

    jobs: int
    keys: int
    matched: bool
    engine: str = ""


def adopt_store(folder: Path, secret: str = "") -> Adoption:
    """Give a gallery to this user. secret: the key that it was made with; without it a new one is made.

    Patients that are grouped by the salt alone, as earlier versions did, are grouped by the key from now on. Those that
    another key grouped stay as they are. Raises GalleryError, DamagedFileError.
    """
    before = identity_from(database_of(folder).read_facts())
    own = change_ownership(before.id, lambda found: replace(found, secret=secret or found.secret or new_secret()))
    with closing(Store(folder, adopting=True)) as store, store.begin(write=True) as connection:
        known = store.identity
        jobs = 0 if known.owned else drop_jobs(connection)
        keys = connection.execute(delete(API_KEYS)).rowcount
        engine = "" if known.owned else stored_fact(connection, ENGINE) or ""
        if engine:
            remove_fact(connection, ENGINE)
        scheme = known.scheme or KEYED
        if not known.scheme:
            _rename(connection, lambda group: pseudonym(own.key or b"", group))
        elif not known.owned and _groups(connection):
            _rename(connection, lambda group: OTHER_KEY + group[1:])
            scheme = MIXED
        _set(connection, {CHECK: key_check(own), SCHEME: scheme})
    return Adoption(jobs, keys, scheme == KEYED, engine)


def count_stored_keys(store: Store) -> int:
    """How many API keys stand in a gallery, as earlier versions kept them. None of them counts."""
    with store.begin() as connection:
        return int(connection.scalar(select(func.count()).select_from(API_KEYS)) or 0)


def _groups(connection: Connection) -> list[str]:
    """The groups of known patients: a record of nobody known is grouped under its own id."""
    known = select(RECORDS.c.patient).where(RECORDS.c.patient != RECORDS.c.id).distinct()
    return list(connection.scalars(known))


def _rename(connection: Connection, name: Callable[[str], str]) -> None:
    renamed = [{"group": group, "name": name(group)} for group in _groups(connection)]
    if not renamed:
        return
    keys = list(connection.scalars(select(RECORDS.c.key).where(RECORDS.c.patient != RECORDS.c.id)))
    of = (RECORDS.c.patient == bindparam("group")) & (RECORDS.c.patient != RECORDS.c.id)
    verify_records(connection, keys)
    connection.execute(update(RECORDS).where(of).values(patient=bindparam("name")), renamed)
    seal(connection, keys)
    rename_decided_groups(connection, name)
    count_edit(connection, keys)


def _set(connection: Connection, facts: dict[str, str]) -> None:
    delete_rows(connection, GALLERY.c.name, facts)
    connection.execute(insert(GALLERY), [{"name": name, "value": value} for name, value in facts.items()])
