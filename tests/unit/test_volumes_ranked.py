"""Volumes among each other, against formulas: where slices lie, and how deep the candidates are looked for."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

import lookalike
from filled import fill, unit
from lookalike.gallery import Gallery

DIM = 384
SIGMA = 0.2


def gaussian(views: tuple[int, ...], depth: int) -> list[float]:
    """exp(-(z - .5)^2 / (2 sigma^2)), summing to 1, z from the first to the last slice of the whole volume."""
    weights = [math.exp(-((view / (depth - 1) - 0.5) ** 2) / (2 * SIGMA**2)) for view in views]
    return [weight / sum(weights) for weight in weights]


def test_a_slice_lies_where_it_lies_in_the_whole_volume(make_gallery: Callable[..., Gallery]) -> None:
    """The end slices of both volumes are blank and were left out, most of them at one end."""
    rng = np.random.default_rng(1)
    views, depths = [tuple(range(2, 11)), tuple(range(1, 8)), tuple(range(5, 16))], [20, 24, 21]
    volumes = [unit(rng.normal(size=(len(each), DIM)) + 1) for each in views]
    gallery = make_gallery()
    ids = fill(gallery, volumes, ["a", "b", "c"], attributes=[{"slices": float(d)} for d in depths], views=views)
    pooled = [
        unit(sum(w * row for w, row in zip(gaussian(each, depth), volume, strict=True)))
        for each, depth, volume in zip(views, depths, volumes, strict=True)
    ]
    hits = lookalike.search(gallery, id=ids[0], k=2, rank="pool", weights=f"gaussian:{SIGMA}").hits
    found = {hit.id: hit.score for hit in hits}
    assert found == pytest.approx({ids[i]: float(pooled[0] @ pooled[i]) for i in (1, 2)}, abs=1e-6)


@pytest.mark.parametrize("rank", ["auto", "max"])
def test_one_large_volume_does_not_hide_the_others(make_gallery: Callable[..., Gallery], rank: str) -> None:
    """The 300 slices most alike the query are all of one volume: the next five volumes are found all the same."""
    rng = np.random.default_rng(2)
    query = unit(rng.normal(size=DIM))
    large = query + rng.normal(size=(300, DIM)) * 0.01
    small = [query + rng.normal(size=(3, DIM)) * (0.05 + 0.02 * i) for i in range(5)]
    gallery = make_gallery()
    ids = fill(gallery, [large, *small], [f"p{i}" for i in range(6)])
    best = [max(float(row @ query) for row in unit(volume)) for volume in (large, *small)]
    found = lookalike.search(gallery, vector=query, k=5, rank=rank).hits
    assert [hit.id for hit in found] == [ids[i] for i in sorted(range(6), key=lambda i: -best[i])[:5]]
    assert [hit.score for hit in found] == pytest.approx(sorted(best, reverse=True)[:5], abs=1e-5)


@pytest.mark.parametrize("rank", ["count", "sum"])
def test_a_large_volume_does_not_beat_the_same_volume(make_gallery: Callable[..., Gallery], rank: str) -> None:
    """A volume of 400 slices like the query's own, among small ones, and the query's copy: the copy comes first."""
    rng = np.random.default_rng(3)
    query = unit(rng.normal(size=DIM) + 0.3 * rng.normal(size=(6, DIM)))
    large = np.repeat(query, 67, axis=0) + rng.normal(size=(402, DIM)) * 0.01
    others = [query + rng.normal(size=(6, DIM)) for _ in range(12)]
    gallery = make_gallery()
    ids = fill(gallery, [large, query, *others], [f"p{i}" for i in range(14)])
    found = lookalike.search(gallery, id=ids[1], k=12, rank=rank, same_patient=True).hits
    assert found[0].id == ids[1]
    assert len({hit.id for hit in found}) == 12
    assert found[0].score == pytest.approx(1, abs=1e-5)
