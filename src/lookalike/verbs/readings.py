"""readings: readers label the same records without seeing each other; agreement, and what is decided."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

from lookalike.errors import ForbiddenError, NotFoundError, UsageError
from lookalike.evaluation.agreement import Kappa, cohen_kappa, fleiss_kappa
from lookalike.gallery import Gallery
from lookalike.listed import ListResult
from lookalike.metrics import numbered
from lookalike.store.readings import (
    DECIDED,
    StoredReading,
    has_read,
    put_readings,
    remove_round,
    stored_readings,
    stored_rounds,
)
from lookalike.text import plain_text
from lookalike.verbs.records import checked_labels, label_each

_LENGTH: Final = 64  # of a round's name, and of a reader's
_TWO: Final = 2


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
    """What one reader has said in a round, in the order of indexing."""

    round: str
    items: tuple[RecordReading, ...]


@dataclass(frozen=True, slots=True, repr=False)
class ReadingRound(ListResult[ReadRecord]):
    """A round with all of its readings, in the order of indexing."""

    round: str
    readers: tuple[str, ...]
    items: tuple[ReadRecord, ...]


@dataclass(frozen=True, slots=True)
class RoundList:
    """The names of all rounds."""

    rounds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReadingsGiven:
    """How many records were read, or decided of. change: the number of the change of labels of what was decided, by
    which it is undone; None where the records bore these labels already, and of readings, which change none.
    """

    round: str
    records: int
    change: int | None


@dataclass(frozen=True, slots=True)
class LabelKappa:
    """Agreement about one label, borne or not; "" for all labels of a record as one value. first, second: how many
    records each reader gave it; of Fleiss' kappa the mean over all readers, twice.
    """

    label: str
    first: float
    second: float
    kappa: Kappa


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """Two readers, and the records that both have read: Cohen's kappa, the whole first, then each label."""

    readers: tuple[str, str]
    records: int
    labels: tuple[LabelKappa, ...]


@dataclass(frozen=True, slots=True)
class ReadingAgreement:
    """pairs: of readers that have read the same records. together: how many records all readers have read; fleiss:
    Fleiss' kappa over them, () for fewer than three readers.
    """

    round: str
    readers: tuple[str, ...]
    pairs: tuple[PairAgreement, ...]
    together: int
    fleiss: tuple[LabelKappa, ...]
    notes: tuple[str, ...]


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
    """What one reader has said in a round, and nothing of the others."""
    found = stored_readings(gallery.store, round, _named(reader, "a reader"))
    return OwnReadings(round, tuple(RecordReading(each.id, each.labels, each.time) for each in found))


def list_rounds(gallery: Gallery) -> RoundList:
    """The rounds that there are."""
    return RoundList(tuple(stored_rounds(gallery.store)))


def list_readings(gallery: Gallery, round: str, *, by: str = "") -> ReadingRound:
    """Every reading of a round, and what was decided. by: who asks, who may not be one of its readers ("": nobody is
    compared). Raises NotFoundError, ForbiddenError.
    """
    by_record = _by_record(gallery, round, by)
    return ReadingRound(round, _readers(by_record), tuple(_record(id, said) for id, said in by_record.items()))


def reading_agreement(gallery: Gallery, round: str, *, seed: int = 0, by: str = "") -> ReadingAgreement:
    """How far the readers of a round agree beyond chance, by label. seed: of the intervals' draws. by: as of
    ``list_readings``. Raises NotFoundError, ForbiddenError, UsageError (no record was read by two).
    """
    by_record = _by_record(gallery, round, by)
    readers = _readers(by_record)
    said = {id: {each.reader: each.labels for each in all if each.reader != DECIDED} for id, all in by_record.items()}
    patients = {id: gallery.store.record(id).patient for id in said}
    pairs = []
    for pair in combinations(readers, 2):
        if both := [id for id, each in said.items() if {*pair} <= each.keys()]:
            pairs.append(PairAgreement(pair, len(both), _kappas(said, both, pair, patients, seed)))
    if not pairs:
        raise UsageError("no record of this round was read by two readers, so that nobody can agree yet")
    all = [id for id, each in said.items() if len(each) == len(readers)]
    fleiss = _kappas(said, all, readers, patients, seed) if len(readers) > _TWO and all else ()
    once = sum(len(each) < _TWO for each in said.values())
    notes = (f"{once} records were read by one reader only and are left out.",) if once else ()
    return ReadingAgreement(round, readers, tuple(pairs), len(all), fleiss, notes)


def adjudicate(
    gallery: Gallery, round: str, ids: Sequence[str] = (), *, labels: Sequence[str] = (), agreed: bool = False, by: str
) -> ReadingsGiven:
    """Decide what records of a round show, by their ids; or, with ``agreed``, of all of which two readers or more say
    the same, that it is that. From then on these labels count, as set by hand: who decided, and when, stands in the
    round and in the log of labels, and its readers say nothing more of them. by: who decides, who may not be one of its
    readers.

    Raises NotFoundError, UsageError (fewer than two have read a record), ForbiddenError; then nothing is changed.
    """
    if agreed == bool(ids):
        raise UsageError("say of which records it is decided, by their ids, or of all on which the readers agree")
    by_record = _by_record(gallery, round, by)
    if agreed:
        whole = {id: _record(id, said) for id, said in by_record.items()}
        decided = {id: each.readings[0].labels for id, each in whole.items() if each.agree and each.decided is None}
    else:
        decided = dict.fromkeys(ids, tuple(checked_labels(labels)))
        for id in decided:
            if id not in by_record or len(_record(id, by_record[id]).readings) < _TWO:
                raise UsageError(
                    f"record {id} was not read by two readers in this round, so there is nothing to decide"
                )
    changed = label_each(gallery, decided, by=f"{by}, adjudicating {round}") if decided else None
    together = defaultdict(list)
    for id, names in decided.items():
        together[names].append(id)
    for names, some in together.items():
        put_readings(gallery.store, round, some, names, DECIDED, by=plain_text(by, _LENGTH))
    return ReadingsGiven(round, len(decided), None if changed is None else changed.change)


@dataclass(frozen=True, slots=True)
class ReadingsRemoved:
    """removed: how many readings the round had."""

    round: str
    removed: int


def remove_readings(gallery: Gallery, round: str) -> ReadingsRemoved:
    """Remove a round with all of its readings; labels that were decided stay. Raises NotFoundError."""
    return ReadingsRemoved(round, remove_round(gallery.store, round))


def _named(name: str, what: str) -> str:
    cleaned = plain_text(name, _LENGTH + 1)
    if not cleaned or len(cleaned) > _LENGTH or cleaned != name:
        raise UsageError(f"{what} has a name of 1 to {_LENGTH} printable characters")
    return cleaned


def _by_record(gallery: Gallery, round: str, by: str) -> dict[str, list[StoredReading]]:
    """All readings by record, for who has given none. Raises NotFoundError, ForbiddenError."""
    if by and has_read(gallery.store, round, by):
        raise ForbiddenError(f"{by} reads in this round, and is shown no reading of others until it is over", "blinded")
    found: dict[str, list[StoredReading]] = defaultdict(list)
    for each in stored_readings(gallery.store, round):
        found[each.id].append(each)
    if not found:
        raise NotFoundError(f"no round of readings is called {round!r}; lookalike readings rounds", "no-round")
    return dict(found)


def _readers(by_record: Mapping[str, Sequence[StoredReading]]) -> tuple[str, ...]:
    return tuple(sorted({each.reader for all in by_record.values() for each in all if each.reader != DECIDED}))


def _record(id: str, said: Sequence[StoredReading]) -> ReadRecord:
    readings = tuple(ReaderSaid(each.reader, each.labels, each.time) for each in said if each.reader != DECIDED)
    end = next((each for each in said if each.reader == DECIDED), None)
    agree = len({each.labels for each in readings}) == 1 if len(readings) >= _TWO else None
    if end is None:
        return ReadRecord(id, readings, agree, None, "", None)
    return ReadRecord(id, readings, agree, end.labels, end.by, end.time)


def _kappas(
    said: Mapping[str, Mapping[str, tuple[str, ...]]],
    ids: Sequence[str],
    readers: Sequence[str],
    patients: Mapping[str, str],
    seed: int,
) -> tuple[LabelKappa, ...]:
    groups = numbered([patients[id] for id in ids])
    values = [[said[id][reader] for reader in readers] for id in ids]
    numbers = {value: number for number, value in enumerate(sorted({value for row in values for value in row}))}
    coded = {"": np.array([[numbers[value] for value in row] for row in values])}
    for label in sorted({label for value in numbers for label in value}):
        coded[label] = np.array([[int(label in value) for value in row] for row in values])
    found = []
    for label, codes in coded.items():
        counts = (codes > 0).sum(axis=0) if label else np.full(len(readers), len(ids))
        if len(readers) == _TWO:
            kappa, first, second = cohen_kappa(codes[:, 0], codes[:, 1], groups, seed), counts[0], counts[1]
        else:
            kappa, first, second = fleiss_kappa(codes, groups, seed), counts.mean(), counts.mean()
        found.append(LabelKappa(label, float(first), float(second), kappa))
    return tuple(found)
