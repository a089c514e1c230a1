"""label_next: which records to label next, and the other orders in which labels are worth a look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from lookalike.asking.candidates import candidates
from lookalike.asking.one_encoder import of_one_encoder
from lookalike.errors import UsageError
from lookalike.evaluation.label_order import disagreement, next_batch, remoteness, uncertainty
from lookalike.evaluation.labelled import Labelled, every_record
from lookalike.filters import Filter
from lookalike.gallery import Gallery
from lookalike.listed import ListResult
from lookalike.metrics import Floats
from lookalike.store import BASE

LabelOrder: TypeAlias = Literal["next", "uncertainty", "outlier", "disagreement"]
LABEL_ORDERS: Final[tuple[str, ...]] = get_args(LabelOrder)

_MOST: Final = 1000  # records that are listed
_COMPARED: Final = 5000  # records that are compared with each other; of more a random sample is
_NO_LABELS: Final = "Nothing to train on yet: fewer than two labels are given, so that uncertainty is left out."


@dataclass(frozen=True, slots=True)
class Suggested:
    """A record that is worth a label, or a look at its label. score: what the list is ordered by; None in the order
    "next" until two labels are given. says: the label that the neighbours would rather give, in the order
    "disagreement"; "" in the others, so that nobody who labels is led.
    """

    id: str
    source: str
    labels: tuple[str, ...]
    patient: str
    score: float | None
    says: str


@dataclass(frozen=True, slots=True, repr=False)
class LabelNext(ListResult[Suggested]):
    """by: the order. items: the first first. labelled, unlabelled: how many records that the filter allows bear a
    label, and how many none.
    """

    by: LabelOrder
    items: tuple[Suggested, ...]
    labelled: int
    unlabelled: int
    notes: tuple[str, ...]


@of_one_encoder
def label_next(
    gallery: Gallery,
    budget: int = 20,
    *,
    by: LabelOrder = "next",
    where: str | Filter | None = None,
    space: str = BASE,
    seed: int = 0,
) -> LabelNext:
    """List the records without a label that are worth one next, or records whose label is worth a look.

    budget: how many at most. by: "next": a batch of uncertain, typical records of regions without a label, no two of
    one patient while others are left (``evaluation.label_order``); "uncertainty": those first of which logistic
    regression on the labels is least sure; "outlier": labelled or not, those farthest from their nearest of other
    patients; "disagreement": labelled records whose neighbours say otherwise. where: which records are listed; all
    teach. space: where records are compared. seed: of the clusters and of the sample. Nothing is changed.

    Raises UsageError: no such order, a budget out of range, a filter that cannot be read, too few labels for the order.
    NotFoundError: no such space.
    """
    if by not in LABEL_ORDERS:
        raise UsageError(f"records can be ordered by {', '.join(LABEL_ORDERS)}, not by {by!r}")
    if not 1 <= budget <= _MOST:
        raise UsageError(f"the budget is from 1 to {_MOST} records, got {budget}")
    every = every_record(gallery)
    allowed = _allowed(gallery, every, where)
    data, listed, notes = _sampled(replace(every, vectors=gallery.project(every.vectors, space)), allowed, seed)
    rows, score, says, told = _ordered(data, listed, budget, by, seed)
    bare = int(sum(not every.labels[row] for row in allowed))
    return LabelNext(by, _items(gallery, data, rows, score, says), len(allowed) - bare, bare, (*notes, *told))


def _allowed(gallery: Gallery, data: Labelled, where: str | Filter | None) -> NDArray[np.int64]:
    """The rows of the records that a filter allows."""
    among = candidates(gallery, where=where)
    if among.among is None:
        return np.arange(len(data.ids))
    ids = {record.id for record in gallery.store.records(among.records_among(gallery).tolist()).values()}
    return np.array([row for row, identity in enumerate(data.ids) if identity in ids], np.int64)


def _sampled(
    data: Labelled, allowed: NDArray[np.int64], seed: int
) -> tuple[Labelled, NDArray[np.int64], tuple[str, ...]]:
    """The records that are compared, the rows of those that may be listed, and what was left out. Of a large gallery
    labelled records come first, up to a half, then those that may be listed.
    """
    if len(data.ids) <= _COMPARED:
        return data, allowed, ()
    drawn = np.random.default_rng(seed).permutation(len(data.ids))
    known = np.array([bool(labels) for labels in data.labels])[drawn]
    teaching = drawn[known][: _COMPARED // 2]
    others = drawn[~np.isin(drawn, teaching)]
    others = np.concatenate([others[np.isin(others, allowed)], others[~np.isin(others, allowed)]])
    kept = np.sort(np.concatenate([teaching, others[: _COMPARED - len(teaching)]]))
    told = f"Of {len(data.ids)} records {_COMPARED} were compared, drawn at random; another seed draws others."
    return data.take(kept), np.flatnonzero(np.isin(kept, allowed)), (told,)


_Ordered: TypeAlias = tuple[Sequence[int], Floats | None, Sequence[str] | None, tuple[str, ...]]


def _ordered(data: Labelled, listed: NDArray[np.int64], budget: int, by: LabelOrder, seed: int) -> _Ordered:
    """Rows, the score of every row, what neighbours say of every row, and notes."""
    if by == "outlier":
        far = remoteness(data)
        return _highest(far, listed, budget), far, None, ()
    if by == "disagreement":
        lead, said = disagreement(data)
        if not np.isfinite(lead).any():
            raise UsageError("neighbours can disagree where records of two patients and two labels are there")
        return _highest(lead, listed[lead[listed] > 0], budget), lead, said, ()
    bare = np.array([row for row in listed if not data.labels[row]], np.int64)
    doubt = uncertainty(data, seed)
    if by == "uncertainty":
        if doubt is None:
            raise UsageError("uncertainty takes labels to be uncertain between: give two, by the order next")
        return _highest(doubt, bare, budget), doubt, None, ()
    rows = next_batch(data, bare, budget, doubt, seed) if len(bare) else []
    twice = len(rows) - len({data.patients[row] for row in rows})
    notes = [] if doubt is not None else [_NO_LABELS]
    notes += [f"{twice} of {len(rows)} are of a patient listed before: no other patients are left."] if twice else []
    return rows, doubt, None, tuple(notes)


def _highest(score: Floats, rows: NDArray[np.int64], budget: int) -> list[int]:
    rows = rows[np.isfinite(score[rows])]
    return [int(row) for row in rows[np.argsort(-score[rows], kind="stable")[:budget]]]


def _items(
    gallery: Gallery, data: Labelled, rows: Sequence[int], score: Floats | None, says: Sequence[str] | None
) -> tuple[Suggested, ...]:
    ids = [data.ids[row] for row in rows]
    by_id = {identity: gallery.store.record(identity) for identity in ids}
    return tuple(
        Suggested(
            data.ids[row],
            by_id[data.ids[row]].source,
            data.labels[row],
            data.patients[row],
            None if score is None else round(float(score[row]), 6),
            "" if says is None else says[row],
        )
        for row in rows
    )
