"""Which studies a PACS listed, and what the gallery holds of them: by pseudonyms, of the PACS's address too."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import delete, or_, select

from lookalike.store.batch import insert_rows
from lookalike.store.rows import chosen_rows, where_chosen
from lookalike.store.schema import IDENTITIES, INSTANCES, PULLED, RECORDS, STUDIES

if TYPE_CHECKING:
    from lookalike.store.store import Store

_RECORDS_OF: Final = where_chosen(STUDIES.c.study, STUDIES.c.study, RECORDS.c.id, RECORDS.c.source).join(
    RECORDS, RECORDS.c.key == STUDIES.c.record
)


class HeldRecord(NamedTuple):
    """What a record was made of: the pseudonyms of its series and of its instances."""

    series: str
    instances: frozenset[str]


def pulled_studies(store: Store, query: str) -> set[str]:
    """The studies that a query is known to have listed."""
    with store.begin() as connection:
        return set(connection.scalars(select(PULLED.c.study).where(PULLED.c.query == query)))


def note_pulled(store: Store, query: str, listed: Collection[str], gone: Collection[str]) -> None:
    """Note what a query lists now of what the gallery holds; of what it no longer does, nothing is noted any more."""
    with store.begin(write=True) as connection:
        known = PULLED.c.query == query
        held = set(connection.scalars(select(STUDIES.c.study).distinct()))
        new = held.intersection(listed) - set(connection.scalars(select(PULLED.c.study).where(known)))
        insert_rows(connection, PULLED, [{"query": query, "study": study} for study in sorted(new)])
        for study in gone:
            connection.execute(delete(PULLED).where(known, PULLED.c.study == study))


def records_of_studies(store: Store, studies: Collection[str], beginnings: Collection[str]) -> dict[str, set[str]]:
    """The ids of the records of some studies whose source begins so, by their study."""
    found: dict[str, set[str]] = {}
    with store.begin() as connection:
        for row in chosen_rows(connection, _RECORDS_OF, sorted(studies)):
            if row.source.startswith(tuple(beginnings)):
                found.setdefault(row.study, set()).add(row.id)
    return found


def held_of_study(store: Store, study: str, beginnings: Collection[str]) -> dict[str, HeldRecord]:
    """What the records of a study were made of, by their ids; of those whose source begins so."""
    query = (
        select(RECORDS.c.id, IDENTITIES.c.series, INSTANCES.c.instance)
        .join_from(STUDIES, RECORDS, RECORDS.c.key == STUDIES.c.record)
        .join(IDENTITIES, IDENTITIES.c.record == RECORDS.c.key)
        .join(INSTANCES, INSTANCES.c.record == RECORDS.c.key)
        .where(STUDIES.c.study == study)
        .where(or_(*(RECORDS.c.source.startswith(each, autoescape=True) for each in beginnings)))
    )
    instances: dict[str, tuple[str, set[str]]] = {}
    with store.begin() as connection:
        for identity, series, instance in connection.execute(query):
            instances.setdefault(identity, (series, set()))[1].add(instance)
    return {identity: HeldRecord(series, frozenset(names)) for identity, (series, names) in instances.items()}
