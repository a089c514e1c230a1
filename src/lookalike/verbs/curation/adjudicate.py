"""adjudicate: how far the readers of a round agree beyond chance, and what is decided where they do not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from lookalike.errors import UsageError
from lookalike.evaluation.agreement import Kappa, cohen_kappa, fleiss_kappa
from lookalike.gallery import Gallery
from lookalike.metrics import numbered
from lookalike.store.readings import DECIDED, has_read, put_readings
from lookalike.text import plain_text
from lookalike.verbs.curation.labelling import checked_labels, label_each
from lookalike.verbs.curation.readings import MIN_READERS, NAME_LENGTH, ReadingsGiven, blinded, list_readings


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


def reading_agreement(
    gallery: Gallery, round: str, *, seed: int = 0, by: str = "", as_reader: bool = False
) -> ReadingAgreement:
    """How far the readers of a round agree beyond chance, by label. seed: of the intervals' draws. by, as_reader: as of
    ``list_readings``. Raises NotFoundError, ForbiddenError, UsageError (no record was read by two).
    """
    found = list_readings(gallery, round, by=by, as_reader=as_reader)
    readers = found.readers
    said = {each.id: {one.reader: one.labels for one in each.readings} for each in found.items}
    patients = {id: gallery.store.record(id).patient for id in said}
    pairs = []
    for pair in combinations(readers, 2):
        if both := [id for id, each in said.items() if {*pair} <= each.keys()]:
            pairs.append(PairAgreement(pair, len(both), _kappas(said, both, pair, patients, seed)))
    if not pairs:
        raise UsageError("no record of this round was read by two readers, so that nobody can agree yet")
    all = [id for id, each in said.items() if len(each) == len(readers)]
    fleiss = _kappas(said, all, readers, patients, seed) if len(readers) > MIN_READERS and all else ()
    once = sum(len(each) == 1 for each in said.values())
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
    if has_read(gallery.store, round, by):
        raise blinded(by)
    read = {each.id: each for each in list_readings(gallery, round).items}
    if agreed:
        decided = {id: each.readings[0].labels for id, each in read.items() if each.agree and each.decided is None}
    else:
        decided = dict.fromkeys(ids, tuple(checked_labels(labels)))
        for id in decided:
            if id not in read or len(read[id].readings) < MIN_READERS:
                raise UsageError(
                    f"record {id} was not read by two readers in this round, so there is nothing to decide"
                )
    changed = label_each(gallery, decided, by=f"{by}, adjudicating {round}") if decided else None
    together = defaultdict(list)
    for id, names in decided.items():
        together[names].append(id)
    for names, some in together.items():
        put_readings(gallery.store, round, some, names, DECIDED, by=plain_text(by, NAME_LENGTH))
    return ReadingsGiven(round, len(decided), None if changed is None else changed.change)


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
        if len(readers) == MIN_READERS:
            kappa, first, second = cohen_kappa(codes[:, 0], codes[:, 1], groups, seed), counts[0], counts[1]
        else:
            kappa, first, second = fleiss_kappa(codes, groups, seed), counts.mean(), counts.mean()
        found.append(LabelKappa(label, float(first), float(second), kappa))
    return tuple(found)
