"""Queries that a tuned encoder has learnt from are not asked: their scores would be flattered."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lookalike import encoders
from lookalike.evaluation.labelled import Labelled, Queries
from lookalike.evaluation.splits import Split, Splits
from lookalike.metrics import Bools


def untouched(encoder: str, queries: Sequence[Collection[str]]) -> tuple[Bools, str]:
    """Which of some queries may judge an encoder (q,), and what is to be said of the others, "" where all may.

    queries: of each the id of the record that asks, or in whose place something asks, and its patients' groups. Left
    out are those that the encoder was tuned on, and others of their patients; they may still answer. Where it was tuned
    on every one, all are asked, and it is said what that is worth.
    """
    seen = np.zeros(len(queries), np.bool_)
    for learnt in encoders.learnt_by(encoder):
        seen |= np.array([learnt.includes([*names]).any() for names in queries], np.bool_)
    if not seen.any():
        return ~seen, ""
    what = "every score is flattered" if seen.all() else "not asked"
    told = f"{encoder} was tuned on {int(seen.sum())} of {len(queries)} queries or their patients: {what}"
    return ~seen | seen.all(), told


def untouched_splits(encoder: str, data: Labelled, splits: Splits) -> Splits:
    """The splits without the queries that do not judge an encoder (``untouched``); said in the rule."""
    rows = np.concatenate([part.queries for part in splits.parts])
    kept, told = untouched(encoder, [(data.ids[i], data.patients[i]) for i in rows])
    ends = np.cumsum([len(part.queries) for part in splits.parts])[:-1]
    cut = zip(splits.parts, np.split(kept, ends), strict=True)
    parts = tuple(Split(part.queries[free], part.gallery) for part, free in cut if free.any())
    return replace(splits, parts=parts, rule=with_remark(splits.rule, told))


def untouched_rows(encoder: str, queries: Queries) -> tuple[NDArray[np.int64], str]:
    """The row numbers of the queries that judge an encoder (``untouched``), and what is to be said of the others."""
    who = zip(queries.data.ids, queries.data.patients, queries.patients, strict=True)
    kept, told = untouched(encoder, [(identity, patient, *groups) for identity, patient, groups in who])
    return np.flatnonzero(kept), told


def with_remark(rule: str, told: str) -> str:
    """How queries and gallery were chosen, with what ``untouched`` says."""
    return f"{rule}; {told}" if told else rule
