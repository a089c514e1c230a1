"""Remove records so that no row names them any more: also in jobs, refusals and the log of labels.

What lies outside of the database is removed afterwards (``lookalike.erasing``); that it is still to be done stands in
the same transaction, so that whoever opens the gallery after a crash completes it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from lookalike.errors import NotFoundError
from lookalike.store.batch import count_edit, delete_rows
from lookalike.store.database import damaged
from lookalike.store.jobs import OPEN, JobState, close_job, without_names
from lookalike.store.label_log import forget_empty
from lookalike.store.rows import chunks, keys_by_id, no_record
from lookalike.store.schema import (
    ATTRIBUTES,
    CHANGED_LABELS,
    GALLERY,
    JOBS,
    LABELS,
    READ_FILES,
    RECORDS,
    REFUSED,
    SPACES,
    TABLE_LABELS,
    VECTORS,
)
from lookalike.store.spaces import count_version

if TYPE_CHECKING:
    from lookalike.store.store import Store

NOTE: Final = "what this said was removed, with records that it named"
_BEGINNING: Final = 24  # bytes of a vector that no other begins with
_FACT: Final = "erasures"  # of the gallery


class Erasures(NamedTuple):
    """number: how many there have been. open: whether files, maps or the write-ahead log may still hold traces."""

    number: int = 0
    open: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """What names some records. keys: theirs. files: the SHA-256 of their files. The others name nothing else: patients
    (groups), sources and digests (SHA-256) that no other record has, labels and values (of attributes, the texts) that
    no other record bears. vectors: the first bytes of each.
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

    @property
    def words(self) -> frozenset[str]:
        """By which a text names them: every one of these, of sources the file's name."""
        files = {PurePath(source).name for source in self.sources}
        return frozenset({*self.ids, *self.patients, *self.digests, *self.labels, *self.values, *files} - {""})

    @property
    def traces(self) -> frozenset[bytes]:
        """The bytes that each of their rows holds some of: these words, also as JSON, and the vectors' beginnings."""
        texts = {text for word in self.words for text in (word, json.dumps(word)[1:-1])}
        return self.vectors.union(text.encode() for text in texts)


def erasures(store: Store) -> Erasures:
    """How many erasures there have been, and whether the last one is complete."""
    with store.begin() as connection:
        return _noted(connection)


def close_erasures(store: Store, number: int) -> None:
    """Note that all traces are gone, unless there has been another erasure since that number."""
    with store.begin(write=True) as connection:
        if _noted(connection) == (number, True):
            _note(connection, Erasures(number))


def finish_since(
    store: Store, number: int, identity: str, state: JobState, *, result: Any = None, error: str | None = None
) -> bool:
    """Close a job, unless there has been an erasure since that number: then what it says may name what was removed."""
    with store.begin(write=True) as connection:
        if _noted(connection).number != number:
            return False
        close_job(connection, identity, state, result, error)
    return True


def named_by_ids(store: Store, ids: Iterable[str]) -> Named:
    """What names the records of these ids. Raises NotFoundError if there is no record of one of them."""
    with store.begin() as connection:
        wanted = list(dict.fromkeys(ids))
        found = keys_by_id(connection, wanted)
        if missing := [identity for identity in wanted if identity not in found]:
            raise no_record(missing[0])
        return _named(connection, [found[identity] for identity in wanted])


def named_by_patient(store: Store, patient: str) -> Named:
    """What names the records of a patient group (its hash). Raises NotFoundError if there is none."""
    store.verify()  # a record whose patient group is damaged would stay
    with store.begin() as connection:
        keys = list(connection.scalars(select(RECORDS.c.key).where(RECORDS.c.patient == patient)))
        if not keys:
            raise NotFoundError("no record is of that patient group; groups stand in every record")
        return _named(connection, keys)


def remove_named(store: Store, named: Named, adapters: Mapping[str, str], kept: PurePath) -> int:
    """Remove records with everything that belongs to them or names them; their files may be indexed again. adapters:
    the SHA-256 of the adapters that spaces have from now on, by the spaces' names. kept: the folder of the files that
    the gallery keeps itself, which it does not do with refused ones. Returns the erasure's number.
    """
    with store.begin(write=True) as connection:
        # The other frames of these files stay; the file no longer counts as read to its end.
        delete_rows(connection, READ_FILES.c.sha256, named.files)
        delete_rows(connection, RECORDS.c.key, named.keys)
        forget_empty(connection)
        count_edit(connection, named.keys)
        count_version(connection)
        refused = _forget_refused(connection, named.sources, kept)
        _forget_in_jobs(connection, {*named.words, *(PurePath(source).name for source in refused)})
        for space, sha256 in adapters.items():
            connection.execute(update(SPACES).where(SPACES.c.name == space).values(adapter=sha256))
        number = _noted(connection).number + 1
        _note(connection, Erasures(number, True))
    return number


def _noted(connection: Connection) -> Erasures:
    stored = connection.scalar(select(GALLERY.c.value).where(GALLERY.c.name == _FACT))
    try:
        number, is_open = json.loads(stored) if stored else (0, False)
        return Erasures(int(number), bool(is_open))
    except (TypeError, ValueError):
        raise damaged() from None


def _note(connection: Connection, noted: Erasures) -> None:
    connection.execute(delete(GALLERY).where(GALLERY.c.name == _FACT))
    connection.execute(insert(GALLERY), {"name": _FACT, "value": json.dumps(noted)})


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
        patients,
        sources,
        digests,
        _labels_alone(connection, keys),
        _values_alone(connection, keys),
        frozenset(row["data"][:_BEGINNING] for row in _rows(connection, VECTORS.c.record, keys, VECTORS.c.data)),
    )


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


def _forget_refused(connection: Connection, sources: Iterable[str], kept: PurePath) -> list[str]:
    """Remove the refusals of files that came with a job, that lie beside removed ones, or below a folder of which no
    record is left: whose they are cannot be known, since they could not be read. Returns their sources.
    """
    left = {str(each) for source in connection.scalars(select(RECORDS.c.source)) for each in PurePath(source).parents}
    paths = [PurePath(source) for source in sources]
    emptied = {str(each) for path in paths for each in path.parents} - left | {str(kept)}
    beside = {str(path.parent) for path in paths}
    found = [
        source
        for source in connection.scalars(select(REFUSED.c.source))
        if str(PurePath(source).parent) in beside or emptied & {str(each) for each in PurePath(source).parents}
    ]
    delete_rows(connection, REFUSED.c.source, found)
    return found


def _forget_in_jobs(connection: Connection, words: Collection[str]) -> None:
    """Ended jobs keep no arguments. Those that indexed keep the numbers of their results, since they list files of
    anyone; the others lose a result or an error that names what is removed.
    """
    ended = JOBS.c.state.not_in(OPEN)
    connection.execute(update(JOBS).where(ended).values(arguments="{}"))
    for row in connection.execute(select(JOBS).where(ended)).mappings().all():
        told = json.loads(row["result"] or "null")
        if row["kind"] == "index":
            kept = None if told is None else without_names(told)
        elif not _names(f"{row['error'] or ''}\n{_text(told)}", words):
            continue
        else:
            kept = None
        progress = {**json.loads(row["progress"]), "message": NOTE}
        values = {"result": None if kept is None else json.dumps(kept), "progress": json.dumps(progress)}
        error = None if row["error"] is None else NOTE
        connection.execute(update(JOBS).where(JOBS.c.id == row["id"]).values(error=error, **values))


def _names(text: str, words: Collection[str]) -> bool:
    return any(word in text for word in words)


def _text(value: Any) -> str:
    """Every key and text of a result."""
    if isinstance(value, Mapping):
        return "\n".join(f"{name}\n{_text(each)}" for name, each in value.items())
    if isinstance(value, list):
        return "\n".join(map(_text, value))
    return value if isinstance(value, str) else ""


def _rows(connection: Connection, column: Any, values: Sequence[Any], *columns: Any) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for some in chunks(values):
        found += map(dict, connection.execute(select(*columns).where(column.in_(some))).mappings())
    return found
