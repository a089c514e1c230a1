"""Two spaces on the same queries: the difference of their scores, its interval, and whether chance gives as much.

If neither space were better, the differences of any patient might as well have the other sign. So signs are flipped,
those of a patient's queries together, and p is how often the mean difference is as far from 0 then as it is
(Fisher, "The Design of Experiments", 1935; by cluster: Pesarin, "Multivariate Permutation Tests", 2001).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from lookalike import metrics
from lookalike.evaluation.experiment import Askers, Measured, MeasuredSpace, Rival
from lookalike.evaluation.measures import PLAIN, PerQuery
from lookalike.evaluation.permutations import holm
from lookalike.evaluation.scores import Mean, ScoreSummary, Scoring, gain_of, scores_of
from lookalike.evaluation.tables import TableRows, cell
from lookalike.metrics import Floats

_EXACT: Final = 13  # patients whose 8,192 ways to flip are all tried
_FLIPS: Final = 9999  # drawn for more patients
_CELLS: Final = 1 << 22  # of flips in memory at once


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference of means with its 95 % interval. p: two-sided, by patient; p_adjusted: corrected for the number of
    depths (Holm). None where it cannot be computed, p where the two sides have other queries.
    """

    value: float | None
    low: float | None
    high: float | None
    p: float | None = None
    p_adjusted: float | None = None


@dataclass(frozen=True, slots=True)
class Matched:
    """Two galleries of the same records. records: that both hold and that were scored; only_here, only_there: labelled
    records of this gallery, records of the other, that were not. other_labels: labelled otherwise there; what this
    gallery says counts.
    """

    records: int
    only_here: int
    only_there: int
    other_labels: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """The evaluated space minus another, on the same queries. against: the other's name; encoder, adapter, scores: its
    own. patients: those whose scores differ at some depth, which alone can tell. matched: of two galleries.
    """

    against: str
    encoder: Mapping[str, Any]
    adapter: Mapping[str, Any] | None
    scores: ScoreSummary
    micro: dict[str, Difference]
    macro: dict[str, Difference]
    patients: int
    matched: Matched | None = None

    @property
    def sentence(self) -> str:
        """What is shown at the deepest k, macro, once it is corrected for the number of depths."""
        name, found = list(self.macro.items())[-1]
        if found.value is None or found.p_adjusted is None:
            return f"Against {self.against}: no query could be scored."
        words = f"Against {self.against}: macro {name} {cell(found.value, (found.low, found.high), sign=True)}, "
        words += f"p {shown_p(found.p)}, corrected for {len(self.macro)} depths {shown_p(found.p_adjusted)}"
        if found.p_adjusted >= 0.05:
            return f"{words}: no difference is shown."
        return f"{words}: {'better' if found.value > 0 else 'worse'} than chance explains."


def compared(space: str, rival: Rival, matched: Matched | None, measured: Measured, scoring: Scoring) -> Comparison:
    """A space against a rival that was measured on the same queries."""
    names = [f"P@{k}" for k in scoring.ks]
    own, other = (measured.per_query[name][PLAIN] for name in (space, rival.name))
    askers = measured.askers
    moved = np.nan_to_num(own - other).any(axis=1)
    return Comparison(
        rival.name,
        described(rival.space),
        rival.space.facts(),
        scores_of(other, names, askers, scoring),
        differences(own, other, names, askers, scoring, "micro"),
        differences(own, other, names, askers, scoring, "macro"),
        len(set(askers.patients[moved].tolist())),
        matched,
    )


def described(space: MeasuredSpace) -> dict[str, Any]:
    """A space's encoder, and what it was trained on, as a report names it."""
    spec = space.spec
    return {**spec.identity, "trained_on": sorted(spec.trained_on), "note": spec.note}


def differences(
    first: PerQuery, second: PerQuery, names: Sequence[str], askers: Askers, scoring: Scoring, mean: Mean
) -> dict[str, Difference]:
    """first - second, (q, names) of the same queries; one that either could not score counts nowhere."""
    gap = first - second
    shares = patient_shares(gap, askers, mean)
    p = sign_flip_p(shares, scoring.seed)
    found = gain_of(gap, names, askers, scoring, mean)
    known = [found[name][0] is not None for name in names]
    return {
        name: Difference(*found[name], *((float(p[i]), float(adjusted)) if known[i] else (None, None)))
        for i, (name, adjusted) in enumerate(zip(names, holm(p), strict=True))
    }


def patient_shares(gap: PerQuery, askers: Askers, mean: Mean) -> Floats:
    """(patients, m): what each patient's queries add to the mean of the gaps (q, m)."""
    scored = ~np.isnan(gap)
    labels = np.ones((len(gap), 1), bool) if mean == "micro" else askers.labels
    counts = labels.T.astype(float) @ scored  # (classes, m)
    each = np.divide(1.0, counts, out=np.zeros_like(counts), where=counts > 0)
    weights = labels @ each / np.maximum((counts > 0).sum(axis=0), 1)
    codes = metrics.numbered(askers.patients)
    shares = np.zeros((int(codes.max(initial=-1)) + 1, gap.shape[1]))
    np.add.at(shares, codes, np.where(scored, gap, 0) * weights)
    return shares


def sign_flip_p(shares: Floats, seed: int) -> Floats:
    """(patients, m) -> (m,): how often the sum is as far from 0 as it is, or more so, while the patients' signs are
    flipped at random; of at most 13 patients that differ in every way there is.
    """
    moving = shares[(shares != 0).any(axis=1)]
    least = np.abs(moving.sum(axis=0)) - 1e-12
    beyond, total = np.zeros(shares.shape[1]), 0
    for signs in _signs(len(moving), seed):
        beyond += (np.abs(signs @ moving) >= least).sum(axis=0)
        total += len(signs)
    drawn = 0 if len(moving) <= _EXACT else 1  # that nothing is flipped is one of all ways, and not one of those drawn
    return np.asarray((beyond + drawn) / (total + drawn))


def _signs(patients: int, seed: int) -> Iterator[Floats]:
    if patients <= _EXACT:
        yield np.array(list(itertools.product((-1.0, 1.0), repeat=patients)))
        return
    rng, left = np.random.default_rng(seed), _FLIPS
    while left:
        block = min(left, max(1, _CELLS // patients))
        left -= block
        yield np.where(rng.random((block, patients)) < 0.5, -1.0, 1.0)


def shown_p(p: float | None) -> str:
    """A p value with three places."""
    if p is None:
        return "-"
    return "<.001" if p < 0.001 else f"{p:.3f}"


def comparison_table(found: Comparison, space: str) -> tuple[str, TableRows]:
    """The other space's scores, the differences, and their p values."""
    names = list(found.macro)
    rows = [["paired", *names]]
    for mean, of, bounds, gaps in (
        ("macro", found.scores.macro, found.scores.macro_intervals, found.macro),
        ("micro", found.scores.micro, found.scores.micro_intervals, found.micro),
    ):
        rows.append([f"{found.against}, {mean}", *(cell(of[name], bounds[name]) for name in names)])
        rows.append([f"difference, {mean}", *(cell(g.value, (g.low, g.high), sign=True) for g in gaps.values())])
        rows.append([f"p, {mean}", *(shown_p(gap.p) for gap in gaps.values())])
        rows.append([f"p, corrected, {mean}", *(shown_p(gap.p_adjusted) for gap in gaps.values())])
    return f"{space} against {found.against}, on the same queries", rows
