"""map: every record as a point in a plane, so that records with similar vectors lie together."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.asking.candidates import Candidates, candidates, checked_filter
from lookalike.asking.one_encoder import of_one_encoder
from lookalike.asking.pooling import pooled_vectors
from lookalike.errors import UsageError
from lookalike.filters import Filter
from lookalike.gallery import Gallery
from lookalike.locks import between_erasures
from lookalike.mapping.earlier import read_earlier
from lookalike.mapping.groups import find_groups
from lookalike.mapping.kept import MapDrawing, id_bytes, read_drawing, write_drawing
from lookalike.mapping.layout import MAP_METHODS, Method, lay_out, unit_square
from lookalike.plugins import suggestion
from lookalike.progress import Progress
from lookalike.store import BASE
from lookalike.store.erasures import erasures
from lookalike.store.record_ids import ids_by_key
from lookalike.types import Keys


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
    gallery: Gallery,
    *,
    method: Method = "umap",
    space: str = BASE,
    seed: int = 0,
    where: str | Filter | None = None,
    progress: Progress | None = None,
) -> MapResult:
    """Lay out the records of a space in a plane, neighbours by cosine beside each other.

    "umap": McInnes et al., arXiv 1802.03426 (needs ``lookalike[maps]``); "tsne": van der Maaten and Hinton, JMLR
    9, 2008. The same seed gives the same map on one machine. A volume is one point, the mean of its slices.
    Of more than ``MOST_FITTED`` records so many, drawn at random, are fitted; the others lie beside their nearest.
    where: only records that satisfy the filter. Fewer than ``FEWEST_RECORDS`` records are laid along their two main
    axes. Maps are kept in the gallery folder until the vectors change.

    Raises UsageError (method, space, seed or filter), MissingExtraError, DamagedFileError.
    """
    started = time.monotonic()
    erased = erasures(gallery.store).number
    path, made_of, who = _planned(gallery, method, space, seed, where)
    drawn = _kept(gallery, path, made_of)
    cached = drawn is not None
    if drawn is None:
        drawn = _draw(gallery, method, space, seed, who, progress)
        with suppress(OSError):  # the file only saves time: the disk may be full
            if gallery.keeps_maps:
                drawn = _keep(gallery, drawn, path, made_of, erased)
    return _result(method, space, drawn, started, cached=cached)


def _keep(gallery: Gallery, drawn: MapDrawing, path: Path, made_of: Mapping[str, Any], erased: int) -> MapDrawing:
    """Keep a map without what was removed since that count of erasures, and return that; where anything else has
    changed meanwhile it is not kept. Raises OSError.
    """
    with between_erasures(gallery.locks):
        removals = erasures(gallery.store).number - erased
        if removals:
            there = list(_ids_there(gallery, drawn.keys))
            drawn = drawn.among(np.isin(drawn.keys, there))
        version = made_of["version"] + removals  # each counts one
        if gallery.store.version() == version:
            write_drawing(path, {**made_of, "version": version}, drawn)
    return drawn


def kept_map(gallery: Gallery, *, method: Method = "umap", space: str = BASE, seed: int = 0) -> MapResult | None:
    """The stored map of all records as they are now; None if ``map_gallery`` has not made it. Raises UsageError."""
    started = time.monotonic()
    drawn = kept_drawing(gallery, method=method, space=space, seed=seed)
    return None if drawn is None else _result(method, space, drawn, started, cached=True)


def kept_drawing(gallery: Gallery, *, method: Method = "umap", space: str = BASE, seed: int = 0) -> MapDrawing | None:
    """As ``kept_map``, in arrays: a million points are no million objects."""
    path, made_of, _ = _planned(gallery, method, space, seed, None)
    return _kept(gallery, path, made_of)


def _kept(gallery: Gallery, path: Path, made_of: Mapping[str, Any]) -> MapDrawing | None:
    """The kept map, if there is one of exactly this; one of an earlier version too."""
    found = read_drawing(path, made_of)
    return found or read_earlier(path.with_suffix(".json"), made_of, gallery.store, made_of["seed"])


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
    return gallery.folder / "maps" / f"{_request(space, method, seed, tree, gallery.part)}.map", made_of, who


def _result(method: str, space: str, drawn: MapDrawing, started: float, *, cached: bool) -> MapResult:
    x, y = (tuple(np.round(column.astype(np.float64), 6).tolist()) for column in drawn.plane.T)
    return MapResult(method, space, drawn.ids, x, y, cached, drawn.parameters, time.monotonic() - started)


def _draw(
    gallery: Gallery, method: Method, space: str, seed: int, who: Candidates, progress: Progress | None
) -> MapDrawing:
    stored = pooled_vectors(gallery, space=space)
    keys, vectors = stored.records, stored.vectors
    if who.among is not None:
        rows = np.flatnonzero(np.isin(keys, who.records(gallery, keys)))
        keys, vectors = keys[rows], vectors[rows]
    vectors = gallery.project(vectors, space) if len(keys) else np.empty((0, 1), np.float32)
    plane, parameters = lay_out(vectors, method, seed, progress)
    plane = unit_square(plane)
    groups, ids = find_groups(plane, seed), _ids_there(gallery, keys)
    there = np.isin(keys, list(ids))  # records may have been removed meanwhile
    return MapDrawing(keys[there], id_bytes(list(ids.values())), plane[there], groups[there], parameters)


def _ids_there(gallery: Gallery, keys: Keys) -> dict[int, str]:
    """The ids of those of some records that are there, by their keys, in this order."""
    known = ids_by_key(gallery.store)
    return {key: known[key] for key in keys.tolist() if key in known}


def _request(space: str, method: str, seed: int, tree: Filter | None, part: str) -> str:
    """The file's name: one for each request, so that a newer map replaces the older one."""
    digest = hashlib.sha256(json.dumps([space, seed, repr(tree), *([part] if part else [])]).encode()).hexdigest()
    return f"{method}-{digest[:16]}"
