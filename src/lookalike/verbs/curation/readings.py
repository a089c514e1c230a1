"""readings: readers label the same records without seeing each other; agreement, and what is decided."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from lookalike.asking.candidates import candidates
from lookalike.errors import ForbiddenError, NotFoundError, UsageError
from lookalike.filters import Filter
from lookalike.gallery import Gallery
from lookalike.listed import ListResult
from lookalike.roles import Role, includes
from lookalike.store.readings import (
    DECIDED,
    StoredReading,
    begin_round,
    end_round,
    has_read,
    put_readings,
    remove_round,
    started_round,
    stored_readings,
    stored_rounds,
)
from lookalike.text import plain_text
from lookalike.verbs.curation.labelling import checked_labels
from lookalike.verbs.keys import list_keys

NAME_LENGTH: Final = 64  # of a round's name, and of a reader's
MIN_READERS: Final = 2  # that can agree
_MOST: Final = 10_000  # records of a round


@dataclass(frozen=True, slots=True)
class RecordReading:
    """What a reader said of a record, or what was decided. time: seconds since 1970."""

    id: str
    labels: tuple[str, ...]
    time: float


@dataclass(frozen=True, slots=True)
class ReaderSaid:
    """What one reader said of a record that others read, too."""

    reader: str
    labels: tuple[str, ...]
    time: float


@dataclass(frozen=True, slots=True)
class ReadRecord:
    """A record of a round. readings: by reader. agree: whether all readers say the same; None of one reader. decided:
    None until it is; by, time: who decided and when, "" and None before.
    """

    id: str
    readings: tuple[ReaderSaid, ...]
    agree: bool | None
    decided: tuple[str, ...] | None
    by: str
    time: float | None


@dataclass(frozen=True, slots=True, repr=False)
class OwnReadings(ListResult[RecordReading]):
    """What one reader has said in a round, in the order of indexing. asked: the ids of all records that the reader is
    to read, in the same order. labels: that there are to choose from; () in a round that was not started. closed: when
    the round was closed, None where it is open.
    """

    round: str
    items: tuple[RecordReading, ...]
    asked: tuple[str, ...]
    labels: tuple[str, ...]
    closed: float | None


@dataclass(frozen=True, slots=True, repr=False)
class ReadingRound(ListResult[ReadRecord]):
    """A round with all of its readings, in the order of indexing."""

    round: str
    readers: tuple[str, ...]
    items: tuple[ReadRecord, ...]


@dataclass(frozen=True, slots=True)
class ReaderProgress:
    """How many of the records that a reader is asked to read it has read."""

    reader: str
    read: int
    asked: int


@dataclass(frozen=True, slots=True)
class RoundInfo:
    """labels: that there are to choose from; (), by "" and time None of a round that began with its first reading.
    records: of how many somebody is asked, or has said, what they show. decided: of how many it is decided.
    """

    round: str
    labels: tuple[str, ...]
    readers: tuple[ReaderProgress, ...]
    records: int
    decided: int
    by: str
    time: float | None
    closed: float | None


@dataclass(frozen=True, slots=True, repr=False)
class RoundList(ListResult[RoundInfo]):
    """The rounds, in alphabetical order. reader: by which name who asks reads; "" for nobody's."""

    items: tuple[RoundInfo, ...]
    reader: str


@dataclass(frozen=True, slots=True)
class KnownReader:
    """role: of the reader's key, None where there is none, as of who signs in. rounds: in how many it was asked, or has
    read.
    """

    reader: str
    role: Role | None
    rounds: int


@dataclass(frozen=True, slots=True, repr=False)
class ReaderList(ListResult[KnownReader]):
    """Who may be asked to read, in alphabetical order."""

    items: tuple[KnownReader, ...]


@dataclass(frozen=True, slots=True)
class ReadingsGiven:
    """How many records were read, or decided of. change: the number of the change of labels of what was decided, by
    which it is undone; None where the records bore these labels already, and of readings, which change none.
    """

    round: str
    records: int
    change: int | None


def start_round(
    gallery: Gallery,
    round: str,
    ids: Sequence[str] = (),
    *,
    where: str | Filter | None = None,
    labels: Sequence[str],
    readers: Sequence[str],
    by: str = "",
) -> RoundInfo:
    """Ask readers to say which of some labels records bear, each apart from the others. ids, where: which records; all
    of them where neither is given. readers: two or more, by the names of their keys. by: who starts it.

    Raises UsageError (also where there is a round of that name), NotFoundError; then nothing is stored.
    """
    if ids and where is not None:
        raise UsageError("say which records are read either by their ids or by a filter")
    names = list(dict.fromkeys(_named(each, "a reader") for each in readers))
    if len(names) < MIN_READERS:
        raise UsageError("name two readers or more: what one says alone agrees with nobody")
    chosen = checked_labels(labels)
    if not chosen:
        raise UsageError("name the labels that there are to choose from")
    keys = _keys(gallery, ids, where)
    if not 0 < len(keys) <= _MOST:
        raise UsageError(f"a round is of 1 to {_MOST:,} records, and these are {len(keys):,}; narrow it by a filter")
    begin_round(gallery.store, _named(round, "a round"), keys, names, chosen, by=plain_text(by, NAME_LENGTH))
    return _round_info(gallery, round)


def _keys(gallery: Gallery, ids: Sequence[str], where: str | Filter | None) -> list[int]:
    """Of the records that are to be read, ascending. Raises NotFoundError."""
    if ids:
        return sorted({gallery.store.record(identity).key for identity in ids})
    every = np.array(sorted(gallery.store.records()), np.int64)
    return [int(key) for key in candidates(gallery, where=where).records(gallery, every)]


def close_round(gallery: Gallery, round: str) -> RoundInfo:
    """End the reading of a round that was started: nobody reads in it any more, and its readers may see what all of
    them said. Raises NotFoundError, UsageError (it is closed).
    """
    end_round(gallery.store, round)
    return _round_info(gallery, round)


def give_readings(
    gallery: Gallery, round: str, ids: Sequence[str], *, labels: Sequence[str] = (), reader: str
) -> ReadingsGiven:
    """Say in a round what records show: instead of what the reader said before; no labels say that none applies. The
    labels that count stay as they are. round: its name; it begins with its first reading. reader: who says so.

    Raises UsageError (also where it is decided already), NotFoundError; then nothing is stored.
    """
    name = _named(reader, "a reader")
    put_readings(gallery.store, _named(round, "a round"), ids, checked_labels(labels), name, by=name)
    return ReadingsGiven(round, len({*ids}), None)


def own_readings(gallery: Gallery, round: str, *, reader: str) -> OwnReadings:
    """What one reader has said in a round and is to read, and nothing of the others."""
    found = stored_readings(gallery.store, round, _named(reader, "a reader"))
    started = started_round(gallery.store, round)
    said = tuple(RecordReading(each.id, each.labels, each.time) for each in found if each.labels is not None)
    labels, closed = ((), None) if started is None else (started.labels, started.closed)
    return OwnReadings(round, said, tuple(each.id for each in found), labels, closed)


def list_rounds(gallery: Gallery, *, reader: str = "", own: bool = False) -> RoundList:
    """The rounds that there are. reader: who asks. own: only those in which it reads, and of their readers only it."""
    found = [_round_info(gallery, name) for name in stored_rounds(gallery.store)]
    if own:
        found = [replace(each, readers=tuple(one for one in each.readers if one.reader == reader)) for each in found]
        found = [each for each in found if each.readers]
    return RoundList(tuple(found), reader)


def list_readers(gallery: Gallery) -> ReaderList:
    """Who may be asked to read: the names of keys that may label and have not expired, and who was asked before."""
    keys = [key for key in list_keys(gallery) if key.expires is None or key.expires > time.time()]
    roles = {key.name: key.role for key in keys if includes(key.role, "contributor")}
    rounds = Counter(each.reader for found in list_rounds(gallery).items for each in found.readers)
    return ReaderList(tuple(KnownReader(name, roles.get(name), rounds[name]) for name in sorted({*roles, *rounds})))


def _round_info(gallery: Gallery, name: str) -> RoundInfo:
    asked, read = Counter[str](), Counter[str]()
    records = set()
    for each in stored_readings(gallery.store, name):
        records.add(each.id)
        asked[each.reader] += 1
        read[each.reader] += each.labels is not None
    progress = tuple(ReaderProgress(one, read[one], asked[one]) for one in sorted(asked) if one != DECIDED)
    started = started_round(gallery.store, name)
    if started is None:
        return RoundInfo(name, (), progress, len(records), asked[DECIDED], "", None, None)
    told = started.by, started.time, started.closed
    return RoundInfo(name, started.labels, progress, len(records), asked[DECIDED], *told)


def list_readings(gallery: Gallery, round: str, *, by: str = "", as_reader: bool = False) -> ReadingRound:
    """Every reading of a round, and what was decided. by: who asks; while the round is not closed it may not be one of
    its readers ("": nobody is compared). as_reader: it may only as one of its readers, of a closed round. Raises
    NotFoundError, ForbiddenError.
    """
    _check_may_see(gallery, round, by, as_reader)
    by_record = _by_record(gallery, round)
    return ReadingRound(round, _readers(by_record), tuple(_record(id, said) for id, said in by_record.items()))


@dataclass(frozen=True, slots=True)
class ReadingsRemoved:
    """removed: how many readings the round had."""

    round: str
    removed: int


def remove_readings(gallery: Gallery, round: str) -> ReadingsRemoved:
    """Remove a round with all of its readings; labels that were decided stay. Raises NotFoundError."""
    return ReadingsRemoved(round, remove_round(gallery.store, round))


def _named(name: str, what: str) -> str:
    cleaned = plain_text(name, NAME_LENGTH + 1)
    if not cleaned or len(cleaned) > NAME_LENGTH or cleaned != name:
        raise UsageError(f"{what} has a name of 1 to {NAME_LENGTH} printable characters")
    return cleaned


def _check_may_see(gallery: Gallery, round: str, by: str, as_reader: bool) -> None:
    reads = bool(by) and has_read(gallery.store, round, by)
    started = started_round(gallery.store, round)
    closed = started is not None and started.closed is not None
    if as_reader and not reads:
        raise NotFoundError(f"{by} reads in no round that is called {round!r}", "no-round")
    if reads and not closed:
        raise blinded(by)


def blinded(by: str) -> ForbiddenError:
    return ForbiddenError(f"{by} reads in this round, and is shown no reading of others until it is over", "blinded")


def _by_record(gallery: Gallery, round: str) -> dict[str, list[StoredReading]]:
    """All readings by record. Raises NotFoundError."""
    found: dict[str, list[StoredReading]] = defaultdict(list)
    for each in stored_readings(gallery.store, round):
        found[each.id].append(each)
    if not found:
        raise NotFoundError(f"no round of readings is called {round!r}; lookalike readings rounds", "no-round")
    return dict(found)


def _said(all: Sequence[StoredReading]) -> tuple[ReaderSaid, ...]:
    """What readers have said of a record."""
    return tuple(
        ReaderSaid(each.reader, each.labels, each.time)
        for each in all
        if each.reader != DECIDED and each.labels is not None
    )


def _readers(by_record: Mapping[str, Sequence[StoredReading]]) -> tuple[str, ...]:
    return tuple(sorted({each.reader for all in by_record.values() for each in all if each.reader != DECIDED}))


def _record(id: str, said: Sequence[StoredReading]) -> ReadRecord:
    readings = _said(said)
    end = next((each for each in said if each.reader == DECIDED), None)
    agree = len({each.labels for each in readings}) == 1 if len(readings) >= MIN_READERS else None
    if end is None:
        return ReadRecord(id, readings, agree, None, "", None)
    return ReadRecord(id, readings, agree, end.labels, end.by, end.time)
