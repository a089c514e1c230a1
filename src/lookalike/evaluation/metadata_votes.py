"""How surely neighbours tell that a recorded value is wrong: votes, and thresholds learnt from planted errors.

Every record is asked of its nearest records of other patients. ``lead``: how much more of their vote goes to the best
other value than to the recorded one, from -1 to 1. In the gallery itself some values are changed at random; the lead
from which on these are told from the untouched ones is the threshold (the idea is that of confident learning,
Northcutt, Jiang, Chuang, JAIR 70, 2021: few values are wrong, so most records can be learnt from).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.asking.candidates import open_rows
from lookalike.metrics import Bools, Floats
from lookalike.types import Vectors
from lookalike.voting import RowNumbers, mean_cosine, nearest_rows, neighbour_distance, vote_weights

_PLANTED: Final = 0.05  # of the values are changed at once
_ROUNDS: Final = 20
_SAMPLE: Final = 2000  # rows that the gallery's own scale is measured on
_UNUSUAL: Final = 0.05  # of the records of a value lie farther from their neighbours than its others
_STEPS: Final = np.linspace(-0.5, 1.0, 61)  # of the lead
_RATES: Final = np.linspace(2.0, 12.0, 41)  # at which mistakes of the vote may get rarer
_RARE: Final = 1e-3  # a share that is not zero
_COARSE: Final = 6  # steps to an interval
_TINY: Final = 1e-12
_MOST_WRONG: Final = 0.2  # of the values; where more seem so, the vote is at fault
_PRECISION: Final = 0.93  # of what is listed, as far as it can be told
_DOUBT: Final = 3  # times as many mistakes are reckoned with as the fit says: their tail is longer
_LEAST_WRONG: Final = 0.01
_LEAST_FOUND: Final = 0.1  # of the planted errors
_LEAST_AGREED: Final = 0.5  # of a vote
_AGREED: Final = 0.95  # of recorded values agree with votes like those by which missing ones are proposed


@dataclass(frozen=True, slots=True, eq=False)
class VotingRecords:
    """Of n records their nearest among those with a value. known: (m,) these. rows, cosines, weights: (n, k) the
    neighbours among all records, -1 and -inf pad. close: (n,) the mean cosine with them.
    """

    known: NDArray[np.int64]
    rows: RowNumbers
    cosines: Floats
    weights: Floats
    close: Floats


class Neighbourhood:
    """Whom records are asked of, found once for each set of records that may be asked: fields that the same records
    have, and errors planted in a field, leave the neighbours as they are. vectors: (n, dim); k: neighbours of other
    patients that vote.
    """

    def __init__(self, vectors: Vectors, patients: Sequence[str], k: int) -> None:
        self._vectors, self._patients, self._k = vectors, patients, k
        self._found: dict[bytes, VotingRecords] = {}

    def among(self, known: Bools) -> VotingRecords:
        """The neighbours of every record among those that are known, (n,)."""
        name = np.packbits(known).tobytes()
        if name not in self._found:
            self._found[name] = self._find(np.flatnonzero(known))
        return self._found[name]

    def _find(self, known: NDArray[np.int64]) -> VotingRecords:
        vectors, owners = self._vectors, [self._patients[row] for row in known]
        asking, opened = [(patient,) for patient in self._patients], open_rows(owners)
        found, cosines = nearest_rows(vectors, vectors[known], self._k, allowed=lambda block: opened(asking[block]))
        sample = np.linspace(0, len(known) - 1, min(len(known), _SAMPLE)).astype(np.int64)
        scale = neighbour_distance(vectors[known], sample, lambda rows: opened([(owners[row],) for row in rows]))
        weights = vote_weights(cosines, "distance", scale)
        return VotingRecords(known, np.where(found >= 0, known[found], -1), cosines, weights, mean_cosine(cosines))


@dataclass(frozen=True, slots=True, eq=False)
class Votes:
    """What neighbours say of n records and c values. near: they. recorded: (m,) the number of the value of each record
    that has one. shares: (n, c). limits: (c,) how close the records of a value lie to their neighbours, nearly all.
    """

    near: VotingRecords
    recorded: NDArray[np.int64]
    shares: Floats
    limits: Floats


@dataclass(frozen=True, slots=True)
class Calibrated:
    """threshold: of the lead; None where neighbours do not tell these values. found: the share of planted errors beyond
    it. wrong: the share of values that seem wrong. agree: the share of records whose neighbours say what is recorded.
    """

    threshold: float | None
    found: float
    wrong: float
    agree: float


def neighbours_vote(near: VotingRecords, values: NDArray[np.int64]) -> Votes:
    """What the neighbours of records say. values: (n,) the number of each record's value, -1: there is none."""
    recorded, count = values[near.known], int(values.max()) + 1
    return Votes(near, recorded, _shares(near.rows, near.weights, values, count), _limits(near, recorded, count))


def _shares(rows: RowNumbers, weights: Floats, values: NDArray[np.int64], count: int) -> Floats:
    """Each value's share of the vote, (q, count), where every neighbour has one value."""
    places = np.arange(len(rows))[:, None] * count + values[rows]
    told = np.bincount(places.ravel(), np.where(rows >= 0, weights, 0).ravel(), len(rows) * count)
    return np.asarray(told.reshape(len(rows), count))


def _limits(near: VotingRecords, recorded: NDArray[np.int64], count: int) -> Floats:
    """How close all but few of the records of a value lie, (count,); infinite where it has none."""
    own = [near.close[near.known][recorded == value] for value in range(count)]
    return np.array([np.quantile(each, _UNUSUAL) if len(each) else np.inf for each in own])


def leads(shares: Floats, recorded: NDArray[np.int64]) -> tuple[Floats, NDArray[np.int64]]:
    """The lead (n,) of the best other value over the recorded one, and which it is."""
    each = np.arange(len(recorded))
    others = shares.copy()
    others[each, recorded] = -1
    best = others.argmax(axis=1)
    return shares[each, best] - shares[each, recorded], best


def lies_among(votes: Votes, rows: NDArray[np.int64], values: NDArray[np.int64]) -> Bools:
    """Whether records lie as near to their neighbours as the records of a value do: what is unlike everything here is
    no evidence. rows, values: (m,).
    """
    return np.asarray(votes.near.close[rows] >= votes.limits[values])


def calibrated_lead(votes: Votes, seed: int) -> Calibrated:
    """The lead from which on a recorded value is taken for wrong, by errors that are planted."""
    planted, rest = _planted_leads(votes, np.random.default_rng(seed))
    found, raised = (np.array([(lead >= step).mean() for step in _STEPS]) for lead in (planted, rest))
    agree = float((votes.shares[votes.near.known].argmax(axis=1) == votes.recorded).mean())
    wrong, false = _told_apart(found, raised)
    share = max(wrong, _LEAST_WRONG)
    precise = share * found / np.maximum(share * found + _DOUBT * false, _TINY) >= _PRECISION
    listed = np.flatnonzero(precise & (_STEPS >= 0) & (found >= _LEAST_FOUND))
    if wrong > _MOST_WRONG or not len(listed):
        return Calibrated(None, 0.0, wrong, agree)
    return Calibrated(round(float(_STEPS[listed[0]]), 4), float(found[listed[0]]), wrong, agree)


def _told_apart(found: Floats, raised: Floats) -> tuple[float, Floats]:
    """The share of values that are wrong, and at each step the share of all that is raised by a mistake of the vote.

    Wrong values stand out as planted ones do; mistakes get exponentially rarer with the lead, which is seen on the side
    where the vote agrees, too: ``raised = wrong * found + a * exp(-b * lead)``, by non-negative least squares over
    intervals of the lead.
    """
    from scipy.optimize import nnls

    planted, observed = _by_interval(found), _by_interval(raised)
    weights = 1 / np.sqrt(observed + _RARE)
    best = (np.inf, 0.0, np.zeros(len(found)))
    for rate in _RATES:
        decay = np.exp(-rate * _STEPS)
        parts = np.stack([planted, _by_interval(decay)], axis=1) * weights[:, None]
        (wrong, scale), rest = nnls(parts, observed * weights)
        best = min(best, (rest, float(wrong), scale * decay), key=lambda each: each[0])
    return best[1], best[2]


def _by_interval(beyond: Floats) -> Floats:
    """The share in each interval of the lead, from the shares beyond its steps; the last one is open."""
    return np.asarray(-np.diff(np.append(beyond[::_COARSE], 0.0)))


def _planted_leads(votes: Votes, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """The leads of values that were changed, and of those that were not, over all rounds; -1 where a record does not
    lie among those of the other value.
    """
    known, rows = votes.near.known, votes.near.rows[votes.near.known]
    neighbours, weights = np.where(rows >= 0, np.searchsorted(known, rows), -1), votes.near.weights[known]
    count, values_there = len(known), votes.shares.shape[1]
    shares = np.bincount(votes.recorded, minlength=values_there) / count
    planted, rest = [], []
    for _ in range(_ROUNDS):
        changed = rng.choice(count, max(1, round(_PLANTED * count)), replace=False)
        values = votes.recorded.copy()
        values[changed] = [_other(rng, shares, value) for value in values[changed]]
        lead, best = leads(_shares(neighbours, weights, values, values_there), values)
        lead = np.where(lies_among(votes, known, best), lead, -1)
        touched = np.isin(np.arange(count), changed)
        planted.append(lead[touched])
        rest.append(lead[~touched])
    return np.concatenate(planted), np.concatenate(rest)


def _other(rng: np.random.Generator, shares: Floats, value: int) -> int:
    """Another value, as often as it is recorded."""
    weights = np.where(np.arange(len(shares)) == value, 0, shares)
    return int(rng.choice(len(shares), p=weights / weights.sum()))


def agreed_share(votes: Votes) -> float | None:
    """The share of the vote from which on recorded values agree with it, so that missing ones may be proposed; None
    where they never do.
    """
    known = votes.shares[votes.near.known]
    best, agrees = known.max(axis=1), known.argmax(axis=1) == votes.recorded
    for step in _STEPS[_STEPS >= _LEAST_AGREED]:
        sure = best >= step
        if sure.sum() >= 1 / (1 - _AGREED) and agrees[sure].mean() >= _AGREED:
            return float(step)
    return None
