"""Shift: are queries unlike the gallery? A two-sample test on how far each lies from its nearest record.

The queries' nearest cosines among the gallery's records are compared with those that the gallery's own records have,
their own patients left out. Under the null hypothesis queries and gallery are patients of one kind, so that whole
patients may be exchanged between the two and the nearest records found anew: an exact permutation test, whatever the
dependence between neighbours. The effect is that of Mann and Whitney (Ann. Math. Statist. 18, 1947).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike import calibration, metrics
from lookalike.asking.candidates import may_answer
from lookalike.evaluation.labelled import Labelled, Queries
from lookalike.evaluation.permutations import Codes, permutation_null, shuffles
from lookalike.metrics import Floats
from lookalike.types import Vectors

ALPHA: Final = 0.05
_MOST_QUERIES: Final = 500  # compared, whole patients at random
_MOST_RECORDS: Final = 1500
_NEAR: Final = 64  # neighbours among which the nearest one of the gallery is looked for first


@dataclass(frozen=True, slots=True)
class Shift:
    """effect: how probable it is that a query lies farther from its nearest record than a record of the gallery lies
    from its own nearest of another patient; .5 = no difference, 1 = every query. p: how often this is so, or more,
    while whole patients change sides (one-sided). shifted: p < .05. queries, records: that were compared.
    """

    shifted: bool
    p: float
    effect: float
    queries: int
    records: int

    @property
    def figures(self) -> str:
        """What every table of these queries carries in its title."""
        return f"queries {'un' if self.shifted else ''}like the gallery: effect {self.effect:.2f}, {self._p}"

    @property
    def _p(self) -> str:
        return f"p {self.p:.3f}" if self.p >= 0.001 else "p < .001"

    @property
    def sentence(self) -> str:
        """What was found, for the notes of a report."""
        found = (
            f"in {100 * self.effect:.0f} % of the pairs of a query and a record the query lies farther from its "
            f"nearest record ({self._p}, permutation by patient, {self.queries} queries, {self.records} records)"
        )
        if not self.shifted:
            return f"The queries are no more unlike the gallery than its own records are: {found}."
        return (
            f"WARNING, shift: the queries are unlike the gallery: {found}. What was measured on the gallery's own "
            "records, its calibration and thresholds too, does not hold for them."
        )


def shift_of(queries: Queries, among: Labelled, seed: int) -> Shift | None:
    """Whether labelled queries are unlike a gallery; see ``shift_test``."""
    data = queries.data
    asking = [{*own, unit} for own, unit in zip(queries.patients, data.patients, strict=True)]
    return shift_test(data.vectors, asking, data.patients, among.vectors, among.patients, seed)


def shift_test(
    queries: Vectors,
    asking: Sequence[Collection[str]],
    units: Sequence[str],
    gallery: Vectors,
    owners: Sequence[str],
    seed: int,
) -> Shift | None:
    """Compare queries (q, dim) with a gallery (n, dim) in the base space.

    asking: all patients of each query, whose records are not its nearest; units: the one patient that it counts for in
    the permutations. owners: the patient of each record. None with fewer than two patients on a side.
    """
    if min(len(set(units)), len(set(owners))) < 2:
        return None
    asked, known = drawn_patients(units, _MOST_QUERIES, seed), drawn_patients(owners, _MOST_RECORDS, seed)
    vectors = np.concatenate([queries[asked], gallery[known]])
    patients = [*(units[i] for i in asked), *(owners[i] for i in known)]
    theirs = [*({units[i], *asking[i]} for i in asked), *({owners[i]} for i in known)]
    codes = np.repeat([1, 0], [len(asked), len(known)])
    farther = _Farther(vectors, may_answer(theirs, patients))
    observed = float(farther(codes[None])[0])
    changed = shuffles(codes, metrics.numbered(patients), np.zeros_like(codes), seed)
    p = permutation_null(observed, farther, changed).p
    return Shift(p < ALPHA, round(p, 6), round(observed, 6), len(asked), len(known))


def drawn_patients(patients: Sequence[str], most: int, seed: int) -> NDArray[np.int64]:
    """Rows of whole patients, at random, about as many as are compared; ascending."""
    numbers = metrics.numbered(patients)
    place = np.random.default_rng(seed).permutation(numbers.max() + 1)[numbers]
    return np.sort(np.argsort(place, kind="stable")[:most])


class _Farther:
    """The statistic of the test: (b, n) codes, 1 for a query -> (b,) effects."""

    def __init__(self, vectors: Vectors, open_: NDArray[np.bool_]) -> None:
        self.similar = np.where(open_, vectors @ vectors.T, -np.inf)
        order = np.argsort(-self.similar, axis=1, kind="stable")[:, :_NEAR]
        self.near, self.cosines = order, np.take_along_axis(self.similar, order, axis=1)

    def __call__(self, codes: Codes) -> Floats:
        one = np.zeros(codes.shape[1], np.int64)
        effects = [calibration.auc(-self._nearest(row == 0), row == 1, one) for row in codes]
        return np.array([0.5 if effect is None else effect for effect in effects])

    def _nearest(self, gallery: NDArray[np.bool_]) -> Floats:
        """The cosine of each row with the nearest row of the gallery."""
        there = gallery[self.near]
        first = there.argmax(axis=1)[:, None]
        nearest = np.take_along_axis(self.cosines, first, axis=1)[:, 0].astype(np.float64)
        for row in np.flatnonzero(~there.any(axis=1)):
            nearest[row] = self.similar[row][gallery].max(initial=-np.inf)
        return np.asarray(nearest)
