"""map: every record as a point in a plane, so that records with similar vectors lie together."""

from __future__ import annotations

import hashlib
import json
import time
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from lookalike.asking.candidates import Candidates, candidates, checked_filter
from lookalike.asking.one_encoder import of_one_encoder
from lookalike.asking.pooling import pooled_vectors
from lookalike.atomic import write_atomically
from lookalike.errors import MissingExtraError, UsageError
from lookalike.filters import Filter
from lookalike.gallery import Gallery
from lookalike.plugins import suggestion
from lookalike.store import BASE
from lookalike.types import Vectors

Method: TypeAlias = Literal["umap", "tsne"]
MAP_METHODS: Final[tuple[str, ...]] = get_args(Method)
FEWEST_RECORDS: Final = 10  # with fewer records neither method has enough neighbours
_COMPONENTS: Final = 50  # principal components that the neighbours are searched in
_NEIGHBOURS: Final = 15
_PERPLEXITY: Final = 30.0
_KEPT: Final = 32  # maps of one gallery kept on disk
_LAYOUT: Final = 1  # of the file; another number invalidates every map

Layout: TypeAlias = NDArray[np.float32]  # (n, 2)


@dataclass(frozen=True, slots=True)
class MapResult:
    """ids: of the records, in the order of x and y, which lie in [0, 1] with one scale for both. cached: it was
    read from the gallery folder. parameters: what is needed to repeat it. seconds: duration of this call.
    """

    method: str
    space: str
    ids: tuple[str, ...]
    x: tuple[float, ...]
    y: tuple[float, ...]
    cached: bool
    parameters: Mapping[str, Any]
    seconds: float


@of_one_encoder
def map_gallery(
    gallery: Gallery, *, method: Method = "umap", space: str = BASE, seed: int = 0, where: str | Filter | None = None
) -> MapResult:
    """Lay out the records of a space in a plane, neighbours by cosine beside each other.

    "umap": McInnes et al., arXiv 1802.03426 (needs ``lookalike[maps]``); "tsne": van der Maaten and Hinton, JMLR
    9, 2008. The same seed gives the same map on one machine. A volume is one point, the mean of its slices.
    where: only records that satisfy the filter. Fewer than ``FEWEST_RECORDS`` records are laid along their two main
    axes. Maps are kept in the gallery folder until the vectors change.

    Raises UsageError (method, space, seed or filter), MissingExtraError, DamagedFileError.
    """
    started = time.monotonic()
    path, made_of, who = _planned(gallery, method, space, seed, where)
    drawn = _load(path, made_of)
    cached = drawn is not None
    if drawn is None:
        drawn = _draw(gallery, method, space, seed, who)
        with suppress(OSError):  # the file only saves time: the disk may be full
            if gallery.keeps_maps:
                _save(path, made_of, drawn)
                if gallery.store.version() != made_of["version"]:  # what was removed meanwhile must not stay in a file
                    path.unlink(missing_ok=True)
    return _result(method, space, drawn, started, cached=cached)


def kept_map(gallery: Gallery, *, method: Method = "umap", space: str = BASE, seed: int = 0) -> MapResult | None:
    """The stored map of all records as they are now; None if ``map_gallery`` has not made it. Raises UsageError."""
    started = time.monotonic()
    path, made_of, _ = _planned(gallery, method, space, seed, None)
    drawn = _load(path, made_of)
    return None if drawn is None else _result(method, space, drawn, started, cached=True)


def _planned(
    gallery: Gallery, method: str, space: str, seed: int, where: str | Filter | None
) -> tuple[Path, dict[str, Any], Candidates]:
    """The path of a map's file, what it must have been made from, and its records. Raises UsageError."""
    if method not in MAP_METHODS:
        raise UsageError(f"no map method is called {method!r}.{suggestion(method, MAP_METHODS)}")
    if not 0 <= seed < 2**32:
        raise UsageError(f"the seed must be from 0 to {2**32 - 1}, got {seed}")
    row = gallery.space(space)
    tree = checked_filter(gallery, where)
    who = candidates(gallery, where=tree)
    made_of = {
        "gallery": gallery.store.id,
        "version": row.version,
        "adapter": row.adapter,
        "encoder": gallery.spec.identity,
        "space": space,
        "method": method,
        "seed": seed,
        "among": None if who.among is None else hashlib.sha256(who.among.tobytes()).hexdigest(),
        **({"part": gallery.part} if gallery.part else {}),
    }
    return gallery.folder / "maps" / f"{_request(space, method, seed, tree, gallery.part)}.json", made_of, who


def _result(method: str, space: str, drawn: Mapping[str, Any], started: float, *, cached: bool) -> MapResult:
    return MapResult(
        method,
        space,
        tuple(drawn["ids"]),
        tuple(drawn["x"]),
        tuple(drawn["y"]),
        cached,
        drawn["parameters"],
        time.monotonic() - started,
    )


def _draw(gallery: Gallery, method: Method, space: str, seed: int, who: Candidates) -> dict[str, Any]:
    stored = pooled_vectors(gallery, space=space)
    rows = np.flatnonzero(np.isin(stored.records, who.records(gallery, stored.records)))
    records = gallery.store.records(stored.records[rows])
    vectors = gallery.project(stored.vectors[rows], space) if len(rows) else np.empty((0, 1), np.float32)
    plane, parameters = lay_out(vectors, method, seed)
    x, y = (_plain(column) for column in unit_square(plane).T)
    ids = [records[int(key)].id for key in stored.records[rows]]
    return {"ids": ids, "x": x, "y": y, "parameters": parameters}


def lay_out(vectors: Vectors, method: Method, seed: int = 0) -> tuple[Layout, dict[str, Any]]:
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
    plane, own = (_umap if method == "umap" else _tsne)(reduced, seed)
    return np.asarray(plane, np.float32), {**own, **shared}


def _umap(vectors: Vectors, seed: int) -> tuple[Layout, dict[str, Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from umap import UMAP
        except ImportError:
            raise MissingExtraError("the UMAP map (--method tsne does without)", "maps") from None
        neighbours = min(_NEIGHBOURS, len(vectors) - 1)
        # Opposite vectors have the distance 2: with this limit no vector is disconnected and left without a place.
        reducer = UMAP(
            n_neighbors=neighbours,
            min_dist=0.1,
            metric="cosine",
            random_state=seed,
            n_jobs=1,
            disconnection_distance=3.0,
        )
        plane = reducer.fit_transform(vectors)
    return plane, {"library": f"umap-learn {version('umap-learn')}", "n_neighbors": neighbours, "min_dist": 0.1}


def _tsne(vectors: Vectors, seed: int) -> tuple[Layout, dict[str, Any]]:
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    perplexity = min(_PERPLEXITY, (len(vectors) - 1) / 3)
    start = _main_axes(vectors)
    start *= 1e-4 / max(float(start[:, 0].std()), 1e-6)
    with threadpool_limits(1, "openmp"):  # sums split over threads differ from run to run
        reducer = TSNE(perplexity=perplexity, metric="cosine", init=start, random_state=seed)
        plane = reducer.fit_transform(vectors)
    return plane, {"library": f"scikit-learn {version('scikit-learn')}", "perplexity": round(perplexity, 4)}


def _reduced(vectors: Vectors) -> tuple[Vectors, float]:
    """The strongest components, at unit length again, and the share of the squared length that they keep."""
    if vectors.shape[1] <= _COMPONENTS:
        return vectors, 1.0
    strengths, basis = np.linalg.eigh(vectors.T.astype(np.float64) @ vectors)
    reduced = vectors @ basis[:, -_COMPONENTS:].astype(np.float32)
    lengths = np.linalg.norm(reduced, axis=1, keepdims=True)
    return reduced / np.maximum(lengths, 1e-12), float(strengths[-_COMPONENTS:].sum() / strengths.sum())


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


def _plain(column: NDArray[np.float32]) -> list[float]:
    """Coordinates rounded to six places, the same when they are read from the file again."""
    return [round(float(value), 6) for value in column]


def _request(space: str, method: str, seed: int, tree: Filter | None, part: str) -> str:
    """The file's name: one for each request, so that a newer map replaces the older one."""
    digest = hashlib.sha256(json.dumps([space, seed, repr(tree), *([part] if part else [])]).encode()).hexdigest()
    return f"{method}-{digest[:16]}"


def _digest(made_of: Mapping[str, Any], drawn: Mapping[str, Any]) -> str:
    text = json.dumps([_LAYOUT, made_of, drawn], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _load(path: Path, made_of: Mapping[str, Any]) -> dict[str, Any] | None:
    """The map if its file is intact and was made from exactly this, otherwise None."""
    try:
        held = json.loads(path.read_bytes())
        drawn = held["map"]
        whole = held["made_of"] == made_of and held["sha256"] == _digest(made_of, drawn)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return dict(drawn) if whole and _is_map(drawn) else None


def _is_map(drawn: Any) -> bool:
    """Whether a stored map is one: the checksum of a file of somebody else's gallery fits whatever it holds."""
    match drawn:
        case {"ids": [*ids], "x": [*x], "y": [*y], "parameters": {}} if len(ids) == len(x) == len(y):
            placed = all(isinstance(at, float) and 0 <= at <= 1 for at in (*x, *y))
            return placed and all(isinstance(one, str) for one in ids)
    return False


def _save(path: Path, made_of: Mapping[str, Any], drawn: Mapping[str, Any]) -> None:
    """Raises OSError: the gallery may be read but not written to, or the disk is full."""
    path.parent.mkdir(exist_ok=True)
    held = {"made_of": made_of, "map": drawn, "sha256": _digest(made_of, drawn)}
    write_atomically(path, json.dumps(held).encode())
    by_age = sorted(path.parent.glob("*.json"), key=lambda file: file.stat().st_mtime_ns)
    for old in by_age[:-_KEPT]:
        old.unlink(missing_ok=True)
