"""The background of a gallery: how similar its own records are to each other, to compare scores with.

The same cosine means a near-duplicate among radiographs and nothing special among slices of one modality. So a
score is also reported as a percentile: the share of pairs of records of different patients that are less similar.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from lookalike.asking.candidates import Candidates, candidates, may_answer
from lookalike.asking.kept import finite, kept_fields
from lookalike.asking.nearest import nearest_open
from lookalike.asking.query import Query
from lookalike.asking.ranked import Ranked
from lookalike.errors import DamagedFileError
from lookalike.gallery import Gallery
from lookalike.indexes import FilteringIndex
from lookalike.store.browse import sample_vectors
from lookalike.types import Keys, Scores, Vectors

ABSTAIN: Final = 0.01  # share of the gallery's own records that would be judged unlike all others
_VIEWS: Final = 1024  # vectors that are compared with each other
_FEWEST: Final = 8  # records sampled at least, however many slices they have
_NEAREST: Final = 200  # sampled records whose nearest record in the whole gallery is looked up
_QUANTILES: Final = 1000
_BINS: Final = 40
_REMEMBERED: Final = 1000  # queries


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """scores (q,): ascending, of pairs of records of different patients. nearest (n,): ascending, of sampled
    records with the most similar record of another patient. Empty where all are of one patient.
    """

    scores: NDArray[np.float64]
    nearest: NDArray[np.float64]

    def percentile(self, score: float) -> float | None:
        """The percentage of the pairs that are less similar, 0 to 100."""
        if not len(self.scores):
            return None
        return round(100 * float(np.searchsorted(self.scores, score, "left")) / len(self.scores), 2)

    def nearness(self, score: float) -> float | None:
        """The percentage of the records whose most similar record is less similar than this, 0 to 100."""
        if not len(self.nearest):
            return None
        return round(100 * float(np.searchsorted(self.nearest, score, "left")) / len(self.nearest), 2)

    def unlike(self, score: float, share: float = ABSTAIN) -> bool:
        """Whether a best score is lower than that of all but a share of the gallery's own records."""
        return len(self.nearest) > 0 and bool(score < self.nearest[int(share * (len(self.nearest) - 1))])

    def histogram(self) -> dict[str, list[float]]:
        """edges (bins + 1,) and counts (bins,) of the pairs' scores."""
        counts, edges = np.histogram(self.scores, _BINS)
        return {"edges": edges.round(4).tolist(), "counts": counts.tolist()}


_KEPT: WeakKeyDictionary[Gallery, dict[tuple[str, bool], tuple[Any, Background]]] = WeakKeyDictionary()
_LOCK: Final = threading.Lock()


def space_background(gallery: Gallery, space: str, *, whole: bool = False) -> Background:
    """The background of a space. whole: volumes are compared by all of their slices; else each slice by itself.

    From a sample, the same for the same records; kept with the open gallery and beside its indexes.
    """
    index = gallery.index_base(space)  # the background is valid as long as this index is
    kept = _KEPT.setdefault(gallery, {})
    if (found := kept.get((space, whole))) is not None and found[0] is index:
        return found[1]
    with _LOCK:
        if (space, whole) not in kept or kept[space, whole][0] is not index:
            row = gallery.space(space)
            made_of = [gallery.store.id, row.version, row.adapter, gallery.spec.identity]
            made_of += [gallery.part] if gallery.part else []
            try:
                kept[space, whole] = index, _read_or_made(gallery, space, whole, made_of)
            except DamagedFileError:  # an answer that needs none of the damaged vectors is still valid
                return Background(np.empty(0), np.empty(0))
        return kept[space, whole][1]


def _read_or_made(gallery: Gallery, space: str, whole: bool, made_of: Any) -> Background:
    def made() -> dict[str, Any]:
        background = _make(gallery, space, whole)
        return {"scores": background.scores.tolist(), "nearest": background.nearest.tolist()}

    path = gallery.folder / "indexes" / f"{space}.background{'.whole' if whole else ''}.json"
    kept = kept_fields(path, made_of, made, _read, keep=gallery.store.writable)
    if gallery.store.writable and gallery.store.version() != made_of[1]:
        # What was removed meanwhile must not stay in a file.
        with suppress(OSError):
            path.unlink(missing_ok=True)
    return kept


def _read(fields: dict[str, Any]) -> Background:
    scores, nearest = (np.sort(finite(fields[name], np.float64)) for name in ("scores", "nearest"))
    return Background(scores, nearest)


def _make(gallery: Gallery, space: str, whole: bool) -> Background:
    drawn = sample_vectors(gallery.store, _VIEWS, _FEWEST)
    sample = [(patient, gallery.project(vectors, space)) for patient, vectors in drawn]
    if len({patient for patient, _ in sample}) < 2:
        return Background(np.empty(0), np.empty(0))
    owner = np.repeat(np.arange(len(sample)), [len(vectors) for _, vectors in sample])
    patients = [patient for patient, _ in sample]
    stacked = np.concatenate([vectors for _, vectors in sample])
    starts = np.searchsorted(owner, np.arange(len(sample)))
    # Late interaction, as in ranking: each view with the most similar view of each record.
    alike = np.maximum.reduceat(stacked @ stacked.T, starts, axis=1).astype(np.float64)
    if whole:
        alike, owner = np.add.reduceat(alike, starts, axis=0) / np.bincount(owner)[:, None], np.arange(len(sample))
    scores = alike[may_answer([(patients[i],) for i in owner.tolist()], patients)]
    share = np.linspace(0, 1, min(_QUANTILES, len(scores)))
    nearest = np.sort(_nearest(gallery, space, sample[:_NEAREST], whole))
    return Background(np.quantile(scores, share).round(6), nearest[np.isfinite(nearest)].round(6))


def _nearest(gallery: Gallery, space: str, sample: Sequence[tuple[str, Vectors]], whole: bool) -> NDArray[np.float64]:
    """The ``space_closeness`` of sampled records, looked up together."""
    asking = [vectors if whole else vectors[len(vectors) // 2][None] for _, vectors in sample]
    who = {patient: candidates(gallery, [patient]) for patient in {patient for patient, _ in sample}}
    index, depth = gallery.index(space), 1 + max(len(each.closed) for each in who.values())
    most = index.deepest if isinstance(index, FilteringIndex) else depth
    keys, scores = index.search(np.concatenate(asking), min(depth, most))
    found, row = np.empty(len(sample)), 0
    for i, ((patient, _), vectors) in enumerate(zip(sample, asking, strict=True)):
        rows = slice(row, row := row + len(vectors))
        found[i] = _best(keys[rows], scores[rows], who[patient])
    return found


@dataclass(frozen=True, slots=True)
class Judgement:
    """How near the nearest records lie to a query. close: in the gallery as a whole, looked up only where what the
    filter leaves is unlike the query; kept: in what it leaves. The mean cosine of the query's vectors, each with the
    nearest; -inf where nothing may answer.
    """

    background: Background
    close: float
    kept: float

    @property
    def abstained(self) -> bool:
        """Whether nothing similar is here, whatever the filter."""
        return self.close > -np.inf and self.background.unlike(self.close)

    @property
    def filtered_away(self) -> bool:
        """Whether something similar is here, and the filter leaves nothing of it."""
        return self.kept < self.close and self.background.unlike(self.kept) and not self.background.unlike(self.close)


def judged(gallery: Gallery, query: Query, best: Sequence[Ranked], who: Candidates) -> Judgement:
    """Judge the nearest records of a query. best: its answers by cosine, best first."""
    known = space_background(gallery, query.space, whole=len(query.vectors) > 1)
    one = len(query.vectors) == 1 and len(best) > 0
    kept = best[0].score if one else space_closeness(gallery, query.space, query.vectors, who)
    if who.own:  # how near the gallery's others lie was not asked
        return Judgement(known, -np.inf, kept)
    if who.filtered is None or not known.unlike(kept):  # what lies nearer than something near is not unlike either
        return Judgement(known, kept, kept)
    return Judgement(known, _closeness_of_all(gallery, query, replace(who, filtered=None)), kept)


_CLOSE: WeakKeyDictionary[Gallery, dict[str, tuple[Any, dict[bytes, float]]]] = WeakKeyDictionary()


def _closeness_of_all(gallery: Gallery, query: Query, who: Candidates) -> float:
    """``space_closeness`` without a filter, by the query's digest until a vector changes: whoever narrows a search asks
    with one query again and again, and this takes as long as a search of everything.
    """
    row, spaces = gallery.space(query.space), _CLOSE.setdefault(gallery, {})
    state = row.version, row.adapter, gallery.part
    if query.space not in spaces or spaces[query.space][0] != state:
        spaces[query.space] = state, {}
    known = spaces[query.space][1]
    asked = hashlib.blake2b(query.vectors.tobytes() + who.closed.tobytes(), digest_size=16).digest()
    if (found := known.get(asked)) is None:
        found = space_closeness(gallery, query.space, query.vectors, who)
        if len(known) >= _REMEMBERED:
            known.clear()
        known[asked] = found
    return found


def space_closeness(gallery: Gallery, space: str, vectors: Vectors, who: Candidates) -> float:
    """The mean cosine of vectors (n, dim) of the space, each with the nearest vector among those that may answer; -inf
    where there is none.
    """
    return float(nearest_open(gallery, space, vectors, 1, who)[1].max(axis=1, initial=-np.inf).mean())


def _best(keys: Keys, scores: Scores, who: Candidates) -> float:
    return float(np.where(who.open(keys), scores, np.float32(-np.inf)).max(axis=1).mean())
