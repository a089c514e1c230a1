"""What names some records and nothing else: the words by which a text or a file tells of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, Connection, func, select

from lookalike.errors import NotFoundError
from lookalike.store.database import damaged
from lookalike.store.decisions import OF_PATIENT, records_once_of
from lookalike.store.rows import chunks, keys_by_id, no_record
from lookalike.store.schema import (
    ATTRIBUTES,
    CHANGED_LABELS,
    DECISIONS,
    FETCHED,
    IDENTITIES,
    INSTANCES,
    LABELS,
    READ_FILES,
    RECORDS,
    REFUSED,
    REPORTS,
    STUDIES,
    TABLE_LABELS,
    VECTORS,
    VECTORS_BESIDE,
)

if TYPE_CHECKING:
    from lookalike.store.store import Store

_PSEUDONYMS: Final = (STUDIES.c.study, IDENTITIES.c.series)
_NAMING_SOURCES: Final = (RECORDS.c.source, READ_FILES.c.source, REFUSED.c.source, FETCHED.c.source)
_TOGETHER: Final = 10_000  # sources that are looked through at a time
_BEGINNING: Final = 24  # bytes of a vector that no other begins with


@dataclass(frozen=True, slots=True)
class Named:
    """What names some records. keys: theirs. files: the SHA-256 of their files. The others name nothing else: patients
    (groups, also those of before it was decided that two patients are one), studies (pseudonyms, of series too),
    sources and digests (SHA-256) that no other record has, labels and values (of attributes, the texts) that no other
    record bears. vectors, reports, sealed (identities): the first bytes of each. instances: pseudonyms, which no answer
    and no text holds.
    """

    keys: tuple[int, ...]
    files: frozenset[str]
    ids: frozenset[str]
    patients: frozenset[str]
    sources: frozenset[str]
    digests: frozenset[str]
    labels: frozenset[str]
    values: frozenset[str]
    vectors: frozenset[bytes]
    studies: frozenset[str]
    reports: frozenset[bytes]
    sealed: frozenset[bytes]
    instances: frozenset[bytes]

    @property
    def words(self) -> frozenset[str]:
        """By which a text names them: every one of these, of sources the file's name."""
        files = {PurePath(source).name for source in self.sources}
        names = {*self.ids, *self.patients, *self.studies, *self.digests, *self.labels, *self.values, *files}
        return frozenset(names - {""})

    @property
    def traces(self) -> frozenset[bytes]:
        """The bytes that each of their rows holds some of: these words, also as JSON, and the vectors' beginnings."""
        texts = {text for word in self.words for text in (word, json.dumps(word)[1:-1])}
        return self.vectors.union(self.reports, self.sealed, self.instances, (text.encode() for text in texts))


@dataclass(frozen=True, slots=True)
class Removal:
    """What somebody asks to be removed: records by their ids, or all of a patient group (its hash)."""

    ids: tuple[str, ...] = ()
    patient: str | None = None


def named_in_turn(store: Store, removals: Sequence[Removal]) -> tuple[Named, list[int | NotFoundError]]:
    """What names the records that several ask for, and how many each removes if they come one after the other; or the
    error, where a record that is asked for is not there, or goes with an earlier one.
    """
    if any(removal.patient is not None for removal in removals):
        store.verify()  # as for one patient
    gone: dict[int, None] = {}
    told: list[int | NotFoundError] = []
    with store.begin() as connection:
        for removal in removals:
            try:
                keys = _keys_of(connection, removal, gone)
            except NotFoundError as error:
                told.append(error)
            else:
                told.append(len(keys))
                gone.update(dict.fromkeys(keys))
        return _named(connection, list(gone)), told


def within_others(store: Store, sources: Collection[str]) -> frozenset[str]:
    """Those sources that are a part of another one that the gallery names, as IM1 is of IM10."""
    found: set[str] = set()
    with store.begin() as connection:
        for column in _NAMING_SOURCES:
            rows = connection.execution_options(yield_per=_TOGETHER).scalars(select(column))
            for some in rows.partitions(_TOGETHER):
                text = "\n".join(some)
                here = [each for each in sources if each in text]
                found.update(each for each in here if any(each in one and each != one for one in some))
    return frozenset(found)


def _keys_of(connection: Connection, removal: Removal, gone: Collection[int] = ()) -> list[int]:
    """The keys of the records that are to be removed. gone: those that are not there any more. Raises NotFoundError."""
    if removal.patient is not None:
        keys = [key for key in _keys_of_patient(connection, removal.patient) if key not in gone]
        if not keys:
            raise _no_patient()
        return keys
    wanted = list(dict.fromkeys(removal.ids))
    found = {identity: key for identity, key in keys_by_id(connection, wanted).items() if key not in gone}
    if missing := [identity for identity in wanted if identity not in found]:
        raise no_record(missing[0])
    return [found[identity] for identity in wanted]


def _keys_of_patient(connection: Connection, patient: str) -> list[int]:
    own = connection.scalars(select(RECORDS.c.key).where(RECORDS.c.patient == patient))
    return list(dict.fromkeys([*own, *records_once_of(connection, patient)]))


def _no_patient() -> NotFoundError:
    return NotFoundError("no record is of that patient group; groups stand in every record")


def named_by_ids(store: Store, ids: Iterable[str]) -> Named:
    """What names the records of these ids. Raises NotFoundError if there is no record of one of them."""
    with store.begin() as connection:
        return _named(connection, _keys_of(connection, Removal(tuple(ids))))


def named_by_patient(store: Store, patient: str, *, may_be_none: bool = False) -> Named:
    """What names the records of a patient group (its hash). Raises NotFoundError if there is none, unless there may be
    none.
    """
    store.verify()  # a record whose patient group is damaged would stay
    with store.begin() as connection:
        keys = _keys_of_patient(connection, patient)
        if not keys and not may_be_none:
            raise _no_patient()
        return _named(connection, keys)


def _named(connection: Connection, keys: Sequence[int]) -> Named:
    rows = _rows(connection, RECORDS.c.key, keys, *RECORDS.c)
    patients, sources, digests = (
        _alone(connection, column, Counter(row[column.name] for row in rows))
        for column in (RECORDS.c.patient, RECORDS.c.source, RECORDS.c.sha256)
    )
    return Named(
        tuple(keys),
        frozenset(row["sha256"] for row in rows),
        frozenset(row["id"] for row in rows),
        patients | _former_alone(connection, keys),
        sources,
        digests,
        _labels_alone(connection, keys),
        _values_alone(connection, keys),
        frozenset(
            row["data"][:_BEGINNING]
            for table in (VECTORS, VECTORS_BESIDE)
            for row in _rows(connection, table.c.record, keys, table.c.data)
        ),
        frozenset().union(*(_pseudonyms_alone(connection, column, keys) for column in _PSEUDONYMS)),
        frozenset(_beginnings(_rows(connection, REPORTS.c.record, keys, REPORTS.c.text, REPORTS.c.data))),
        frozenset(
            row["sealed"][:_BEGINNING]
            for row in _rows(connection, IDENTITIES.c.record, keys, IDENTITIES.c.sealed)
            if row["sealed"] is not None
        ),
        frozenset(name.encode() for name in _pseudonyms_alone(connection, INSTANCES.c.instance, keys)),
    )


def _former_alone(connection: Connection, keys: Sequence[int]) -> frozenset[str]:
    """The groups that these records had before a decision, and that no other record has or had."""
    moved = DECISIONS.c.about == OF_PATIENT
    rows = _rows(connection, DECISIONS.c.record, keys, DECISIONS.c.about, DECISIONS.c.before)
    own = Counter(row["before"] for row in rows if row["about"] == OF_PATIENT)
    theirs = Counter(row["patient"] for row in _rows(connection, RECORDS.c.key, keys, RECORDS.c.patient))
    alone = _alone(connection, DECISIONS.c.before, own, moved)
    return alone & _alone(connection, RECORDS.c.patient, Counter({group: theirs[group] for group in alone}))


def _pseudonyms_alone(connection: Connection, column: Any, keys: Sequence[int]) -> frozenset[str]:
    own = Counter(row[column.name] for row in _rows(connection, column.table.c.record, keys, column))
    if not all(isinstance(name, str) for name in own):
        raise damaged()
    return _alone(connection, column, own)


def _beginnings(reports: Sequence[Mapping[str, Any]]) -> Iterator[bytes]:
    """Of the words and of the vectors of reports."""
    for row in reports:
        yield row["text"].encode()[:_BEGINNING]
        yield row["data"][:_BEGINNING]


def _alone(connection: Connection, column: Any, own: Counter[str], *where: ColumnElement[bool]) -> frozenset[str]:
    """The values that no other row has. own: how many of these records' rows have each."""
    every: Counter[str] = Counter()
    for some in chunks(own):
        query = select(column, func.count()).where(column.in_(some), *where).group_by(column)
        every.update(dict(map(tuple, connection.execute(query))))
    return frozenset(value for value, count in own.items() if every[value] <= count)


def _labels_alone(connection: Connection, keys: Sequence[int]) -> frozenset[str]:
    """The labels that these records bear or bore, and no other record bears."""
    found = _logged(connection, keys)
    own = {
        table: Counter(row["label"] for row in _rows(connection, table.c.record, keys, table.c.label))
        for table in (LABELS, TABLE_LABELS)
    }
    every = found.union(*own.values())
    alone = (_alone(connection, t.c.label, Counter({name: own[t][name] for name in every})) for t in own)
    return frozenset(every).intersection(*alone)


def _logged(connection: Connection, keys: Sequence[int]) -> set[str]:
    """The labels that the log of changes names for these records."""
    log = _rows(connection, CHANGED_LABELS.c.record, keys, CHANGED_LABELS.c.before, CHANGED_LABELS.c.after)
    try:
        return {str(label) for row in log for text in (row["before"], row["after"]) for label in json.loads(text)}
    except (TypeError, ValueError):
        raise damaged() from None


def _values_alone(connection: Connection, keys: Sequence[int]) -> frozenset[str]:
    """The texts of attributes, other than numbers, that no other record has."""
    own: dict[str, Counter[str]] = {}
    for row in _rows(connection, ATTRIBUTES.c.record, keys, *ATTRIBUTES.c):
        if row["number"] is None:
            own.setdefault(row["name"], Counter())[row["text"]] += 1
    alone = (_alone(connection, ATTRIBUTES.c.text, texts, ATTRIBUTES.c.name == name) for name, texts in own.items())
    return frozenset().union(*alone)


def _rows(connection: Connection, column: Any, values: Sequence[Any], *columns: Any) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for some in chunks(values):
        found += map(dict, connection.execute(select(*columns).where(column.in_(some))).mappings())
    return found
