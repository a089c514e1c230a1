"""How surely neighbours tell that a recorded value is wrong: votes, and thresholds learnt from planted errors.

Every record is asked of its nearest records of other patients. ``lead``: how much more of their vote goes to the best
other value than to the recorded one, from -1 to 1. In the gallery itself some values are changed at random; the lead
from which on these are told from the untouched ones is the threshold (the idea is that of confident learning,
Northcutt, Jiang, Chuang, JAIR 70, 2021: few values are wrong, so most records can be learnt from).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.asking.candidates import open_rows
from lookalike.metrics import Bools, Floats
from lookalike.types import Vectors
from lookalike.voting import RowNumbers, mean_cosine, nearest_rows, neighbour_distance, vote, vote_weights

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
class Votes:
    """What neighbours say of n records and c values. known: rows of the records with a value; recorded: (known,) its
    number. rows, cosines: (n, k) neighbours among all records, -1 pads. weights: (n, k). shares: (n, c). close: (n,)
    the mean cosine with them.
    """

    known: NDArray[np.int64]
    recorded: NDArray[np.int64]
    rows: RowNumbers
    cosines: Floats
    weights: Floats
    shares: Floats
    close: Floats


@dataclass(frozen=True, slots=True)
class Calibrated:
    """threshold: of the lead; None where neighbours do not tell these values. found: the share of planted errors beyond
    it. wrong: the share of values that seem wrong. agree: the share of records whose neighbours say what is recorded.
    """

    threshold: float | None
    found: float
    wrong: float
    agree: float


def neighbours_vote(vectors: Vectors, patients: tuple[str, ...], values: NDArray[np.int64], k: int) -> Votes:
    """Ask every record's k nearest records of other patients that have a value. values: (n,), -1: there is none."""
    known = np.flatnonzero(values >= 0)
    owners = [patients[row] for row in known]
    asking, opened = [(patient,) for patient in patients], open_rows(owners)
    found, cosines = nearest_rows(vectors, vectors[known], k, allowed=lambda block: opened(asking[block]))
    sample = np.linspace(0, len(known) - 1, min(len(known), _SAMPLE)).astype(np.int64)
    scale = neighbour_distance(vectors[known], sample, lambda rows: opened([(owners[row],) for row in rows]))
    weights = vote_weights(cosines, "distance", scale)
    recorded = values[known]
    shares = vote(found, weights, _members(recorded, int(values.max()) + 1))
    rows = np.where(found >= 0, known[found], -1)
    return Votes(known, recorded, rows, cosines, weights, shares, mean_cosine(cosines))


def _members(values: NDArray[np.int64], count: int) -> Bools:
    return np.asarray(values[:, None] == np.arange(count)[None, :])


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
    own = votes.close[votes.known]
    limits = np.array(
        [
            np.quantile(own[votes.recorded == value], _UNUSUAL) if (votes.recorded == value).any() else np.inf
            for value in range(votes.shares.shape[1])
        ]
    )
    return np.asarray(votes.close[rows] >= limits[values])


def calibrated_lead(votes: Votes, seed: int) -> Calibrated:
    """The lead from which on a recorded value is taken for wrong, by errors that are planted."""
    planted, rest = _planted_leads(votes, np.random.default_rng(seed))
    found, raised = (np.array([(lead >= step).mean() for step in _STEPS]) for lead in (planted, rest))
    agree = float((votes.shares[votes.known].argmax(axis=1) == votes.recorded).mean())
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
    count, places = len(votes.known), np.searchsorted(votes.known, votes.rows[votes.known])
    neighbours = np.where(votes.rows[votes.known] >= 0, places, -1)
    shares = np.bincount(votes.recorded, minlength=votes.shares.shape[1]) / count
    planted, rest = [], []
    for _ in range(_ROUNDS):
        changed = rng.choice(count, max(1, round(_PLANTED * count)), replace=False)
        values = votes.recorded.copy()
        values[changed] = [_other(rng, shares, value) for value in values[changed]]
        lead, best = leads(vote(neighbours, votes.weights[votes.known], _members(values, len(shares))), values)
        lead = np.where(lies_among(votes, votes.known, best), lead, -1)
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
    best = votes.shares[votes.known].max(axis=1)
    agrees = votes.shares[votes.known].argmax(axis=1) == votes.recorded
    for step in _STEPS[_STEPS >= _LEAST_AGREED]:
        sure = best >= step
        if sure.sum() >= 1 / (1 - _AGREED) and agrees[sure].mean() >= _AGREED:
            return float(step)
    return None
