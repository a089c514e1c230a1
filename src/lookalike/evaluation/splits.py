"""Splits into queries and gallery: leave one patient out, patient-disjoint folds, a collection's official split."""

from __future__ import annotations

import hashlib
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike import metrics
from lookalike.asking.patients import check_patients, count_patients
from lookalike.errors import UsageError
from lookalike.evaluation.labelled import Labelled

_MAX_FOLDS: Final = 100


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Row numbers of the labelled records: the queries, and the gallery that may answer."""

    queries: NDArray[np.int64]
    gallery: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Splits:
    """rule: how the records were split, in words. disjoint: no record is both a query and in the gallery."""

    parts: tuple[Split, ...]
    rule: str
    disjoint: bool = True


def leave_one_patient_out(data: Labelled) -> Splits:
    """Each record is a query to all the others; the ranking leaves its own patient out, where it is known."""
    rows, known = np.arange(len(data.ids)), count_patients(data.patients, data.ids)
    return Splits((Split(rows, rows),), f"leave one {known.unit} out", disjoint=False)


def in_folds(data: Labelled, folds: int, seed: int) -> Splits:
    """Patient-disjoint folds, each of which is the queries to the rest. Raises UsageError."""
    return Splits(tuple(split_folds(data, folds, seed)), f"{folds} {fold_kind(data)}, seed {seed}")


def fold_kind(data: Labelled) -> str:
    """What folds of these records may be called."""
    return "folds by record" if count_patients(data.patients, data.ids).none_known else "patient-disjoint folds"


def official_split(names: Sequence[str], rule: str = "") -> Splits | None:
    """The collection owners' split: test, or val if there is no test, against train; None without such a split.

    names: "train", "val", "test" or another of each record. rule: what to call it, if it is not the owners'.
    """
    each = np.array(names)
    train, test, val = (np.flatnonzero(each == name) for name in ("train", "test", "val"))
    if not len(train) or not (len(test) or len(val)):
        return None
    queries, word = (test, "test") if len(test) else (val, "val")
    rest = len(each) - len(train) - len(queries)
    unused = f"; {rest} records of no or another split unused" if rest else ""
    return Splits((Split(queries, train),), (rule or f"official split, {word} asks train") + unused)


def split_folds(data: Labelled, folds: int, seed: int) -> Iterator[Split]:
    """Patient-disjoint folds with about the same mix of classes in each (a record's first label)."""
    from sklearn.model_selection import StratifiedGroupKFold

    check_patients(data.patients)
    patients = len(set(data.patients))
    if not 2 <= folds <= min(_MAX_FOLDS, patients):
        raise UsageError(f"folds must be from 2 to {min(_MAX_FOLDS, patients)} ({patients} patients), got {folds}")
    first = [labels[0] for labels in data.labels]
    if folds > (most := max(Counter(first).values())):
        raise UsageError(f"folds must be at most {most}, the records of the largest class, got {folds}")
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes with fewer records than folds
        parts = list(splitter.split(first, first, metrics.numbered(data.patients)))
    for rest, fold in parts:
        if len(fold):
            yield Split(np.asarray(fold), np.asarray(rest))


def hash_of(parts: Iterable[str]) -> str:
    """Identify a split: the same parts in the same order give the same 16 hex digits."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
