"""Join the cases of several collections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from lookalike.evaluation.labelled import Labelled
from lookalike.evaluation.protocols.published import Cases
from lookalike.evaluation.splits import split_folds

_FIFTH: Final = 5


def joined(parts: Sequence[Cases], seed: int) -> Cases:
    """One set of cases. Where some collections have an official split and others none, a patient-disjoint
    fifth of each of the others is the queries.
    """
    reasons = dict.fromkeys(reason for part in parts for reason in part.left_out)
    official = [bool({"val", "test"} & set(part.splits)) and "train" in part.splits for part in parts]
    splits = [part.splits for part in parts]
    if any(official):
        splits = [_split_of(part, has, seed) for part, has in zip(parts, official, strict=True)]
    rule = "official splits where there are, else a patient-disjoint fifth; test asks train"
    return Cases(
        Labelled(
            np.concatenate([part.data.vectors for part in parts]),
            tuple(labels for part in parts for labels in part.data.labels),
            tuple(f"{i}:{patient}" for i, part in enumerate(parts) for patient in part.data.patients),
            tuple(f"{i}:{identity}" for i, part in enumerate(parts) for identity in part.data.ids),
        ),
        tuple(split for of_part in splits for split in of_part),
        {reason: sum(part.left_out.get(reason, 0) for part in parts) for reason in reasons},
        rule if any(official) else "",
        tuple(
            replace(each, first=f"{i}:{each.first}", second=f"{i}:{each.second}")
            for i, part in enumerate(parts)
            for each in part.duplicates or ()
        ),
    )


def _split_of(part: Cases, official: bool, seed: int) -> tuple[str, ...]:
    if official:
        asks = "test" if "test" in part.splits else "val"
        return tuple("test" if split == asks else split for split in part.splits)
    classes = Counter(labels[0] for labels in part.data.labels)
    folds = min(_FIFTH, len(set(part.data.patients)), max(classes.values()))
    fifth = set(next(split_folds(part.data, folds, seed)).queries.tolist()) if folds > 1 else set()
    return tuple("test" if row in fifth else "train" for row in range(len(part.splits)))
