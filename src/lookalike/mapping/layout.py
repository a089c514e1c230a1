"""Vectors laid out in a plane: all of them by the method, or of many a sample, and the others beside their neighbours.

A vector that was not fitted lies at the median, axis by axis, of the places of its three nearest that were: the mean
lies between two groups where neighbours do, in the middle of nothing.
"""

from __future__ import annotations

import io
import re
import warnings
from importlib.metadata import version
from typing import Any, Final, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import MissingExtraError
from lookalike.progress import Progress
from lookalike.types import Vectors

Method: TypeAlias = Literal["umap", "tsne"]
Layout: TypeAlias = NDArray[np.float32]  # (n, 2)

MAP_METHODS: Final[tuple[str, ...]] = get_args(Method)
FEWEST_RECORDS: Final = 10  # with fewer records neither method has enough neighbours
MOST_FITTED: Final = 30_000  # of more records so many are fitted
_COMPONENTS: Final = 50  # principal components that the neighbours are searched in
_NEIGHBOURS: Final = 15
_PERPLEXITY: Final = 30.0
_BESIDE: Final = 3  # fitted neighbours that say where another vector lies
_APART: Final = 0.3  # of the distance between fitted places: no two vectors lie on each other
_BLOCK: Final = 20_000  # vectors placed at once
_OF_PROGRESS: Final = 1000  # steps that a whole layout is told in


def lay_out(
    vectors: Vectors, method: Method, seed: int = 0, progress: Progress | None = None
) -> tuple[Layout, dict[str, Any]]:
    """Unit vectors (n, dim) -> the method's coordinates (n, 2), and its parameters."""
    count = len(vectors)
    if count < FEWEST_RECORDS:
        return _main_axes(vectors), {"layout": "main axes", "records": count}
    reduced, share = _reduced(vectors)
    shared = {
        "records": count,
        "metric": "cosine",
        "components": reduced.shape[1],
        "kept": round(share, 4),
        "seed": seed,
    }
    fit = _umap if method == "umap" else _tsne
    if count <= MOST_FITTED:
        plane, own = fit(reduced, seed, progress)
        return np.asarray(plane, np.float32), {**own, **shared}
    fitted = np.sort(np.random.default_rng(seed).choice(count, MOST_FITTED, replace=False))
    # Placing takes about as long for 100,000 vectors as fitting takes for ten epochs.
    placing = min(0.9, count / 100_000 * 0.05)
    plane, own = fit(reduced[fitted], seed, _part(progress, 0.0, 1 - placing))
    placed = _beside(reduced, fitted, np.asarray(plane, np.float32), seed, _part(progress, 1 - placing, 1.0))
    return placed, {**own, **shared, "fitted": MOST_FITTED, "placed_by": _BESIDE}


def _part(progress: Progress | None, start: float, end: float) -> Progress | None:
    """Progress of a part of the work, as one of the whole."""
    if progress is None:
        return None

    def told(done: int, total: int) -> None:
        progress(int((start + (end - start) * done / max(total, 1)) * _OF_PROGRESS), _OF_PROGRESS)

    return told


class _Epochs(io.StringIO):
    """What tqdm writes a bar of UMAP's epochs to: the only way to hear of them."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress

    def write(self, text: str) -> int:
        if told := re.search(r"(\d+)/(\d+)", text):
            self._progress(int(told[1]), int(told[2]))
        return len(text)


def _umap(vectors: Vectors, seed: int, progress: Progress | None) -> tuple[Layout, dict[str, Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from umap import UMAP
        except ImportError:
            raise MissingExtraError("the UMAP map (--method tsne does without)", "maps") from None
        neighbours = min(_NEIGHBOURS, len(vectors) - 1)
        bar = {"bar_format": "{n_fmt}/{total_fmt}", "mininterval": 0.2}
        # Opposite vectors have the distance 2: with this limit no vector is disconnected and left without a place.
        reducer = UMAP(
            n_neighbors=neighbours,
            min_dist=0.1,
            metric="cosine",
            random_state=seed,
            n_jobs=1,
            disconnection_distance=3.0,
            tqdm_kwds={**bar, "disable": progress is None, "file": _Epochs(progress) if progress else None},
        )
        plane = reducer.fit_transform(vectors)
    return plane, {"library": f"umap-learn {version('umap-learn')}", "n_neighbors": neighbours, "min_dist": 0.1}


def _tsne(vectors: Vectors, seed: int, _progress: Progress | None) -> tuple[Layout, dict[str, Any]]:
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    perplexity = min(_PERPLEXITY, (len(vectors) - 1) / 3)
    start = _main_axes(vectors)
    start *= 1e-4 / max(float(start[:, 0].std()), 1e-6)
    with threadpool_limits(1, "openmp"):  # sums split over threads differ from run to run
        reducer = TSNE(perplexity=perplexity, metric="cosine", init=start, random_state=seed)
        plane = reducer.fit_transform(vectors)
    return plane, {"library": f"scikit-learn {version('scikit-learn')}", "perplexity": round(perplexity, 4)}


def _beside(vectors: Vectors, fitted: NDArray[np.int64], plane: Layout, seed: int, progress: Progress | None) -> Layout:
    """The places (n, 2) of all vectors: those fitted have theirs, the others lie beside their nearest of these."""
    import faiss

    places = np.empty((len(vectors), 2), np.float32)
    known = np.ascontiguousarray(vectors[fitted])
    others = np.setdiff1d(np.arange(len(vectors)), fitted)
    chance, apart = np.random.default_rng(seed), _APART * _spacing(plane)
    for start in range(0, len(others), _BLOCK):
        rows = others[start : start + _BLOCK]
        asked = np.ascontiguousarray(vectors[rows])
        _, near = faiss.knn(asked, known, _BESIDE, metric=faiss.METRIC_INNER_PRODUCT)
        places[rows] = np.median(plane[near], axis=1) + apart * chance.standard_normal((len(rows), 2), np.float32)
        if progress is not None:
            progress(start + len(rows), len(others))
    places[fitted] = plane
    return places


def _spacing(plane: Layout) -> float:
    """The median distance from a place to the nearest other one."""
    from scipy.spatial import KDTree

    return float(np.median(KDTree(plane).query(plane, 2)[0][:, 1]))


def _reduced(vectors: Vectors) -> tuple[Vectors, float]:
    """The strongest components, at unit length again, and the share of the squared length that they keep."""
    if vectors.shape[1] <= _COMPONENTS:
        return vectors, 1.0
    strengths, basis = np.linalg.eigh(_products(vectors))
    reduced = vectors @ basis[:, -_COMPONENTS:].astype(np.float32)
    lengths = np.linalg.norm(reduced, axis=1, keepdims=True)
    np.divide(reduced, np.maximum(lengths, 1e-12), out=reduced)
    return reduced, float(strengths[-_COMPONENTS:].sum() / strengths.sum())


def _products(vectors: Vectors) -> NDArray[np.float64]:
    """vectors.T @ vectors in double precision, without a copy of all of them."""
    blocks = (vectors[start : start + _BLOCK] for start in range(0, len(vectors), _BLOCK))
    total: NDArray[np.float64] = sum(block.T.astype(np.float64) @ block for block in blocks)  # type: ignore[assignment]
    return total


def _main_axes(vectors: Vectors) -> Layout:
    """The two main axes of a handful of vectors."""
    plane = np.zeros((len(vectors), 2), np.float32)
    if len(vectors) > 1:
        left, strengths, _ = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
        axes = (left * strengths)[:, :2]
        plane[:, : axes.shape[1]] = axes
    return plane


def unit_square(plane: Layout) -> Layout:
    """A layout centred in [0, 1] x [0, 1], both axes scaled alike; a single place becomes (.5, .5)."""
    if not len(plane):
        return plane
    low, high = plane.min(axis=0), plane.max(axis=0)
    width = float((high - low).max())
    scaled: Layout = np.clip((plane - (low + high) / 2) / (width or 1.0) + 0.5, 0.0, 1.0).astype(np.float32)
    return scaled
