"""What an encoder pads a narrow picture with is no part of the picture: it answers no region."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

import lookalike
from lookalike.gallery import Gallery
from lookalike.types import Box, Hit
from planted import scene

ROWS, COLUMNS, PICTURES = 240, 80, 6  # a third as wide as high: two thirds of the network's input are padding


def hits_of_region(gallery: Gallery, query: Any, box: Box, k: int) -> tuple[Hit, ...]:
    """The one place that says how a region is searched."""
    search: Any = getattr(lookalike, "search_regions", lookalike.search)
    found: tuple[Hit, ...] = search(gallery, query, box=box, k=k).hits
    return found


def narrow(seed: int) -> NDArray[np.uint8]:
    """A bright drawing (240, 80) without anything black."""
    drawn = scene(seed, ROWS)[:, :COLUMNS]
    return (110 + drawn * 140 / drawn.max()).clip(0, 255).astype(np.uint8)


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[Gallery]:
    folder = tmp_path / "narrow"
    folder.mkdir()
    for seed in range(PICTURES):
        PIL.Image.fromarray(narrow(seed)).save(folder / f"{seed}.png")
    with lookalike.open(tmp_path / "g", create=True, encoder="lite0-inner") as opened:  # it pads
        assert lookalike.index(opened, [folder], patches=True).added == PICTURES
        yield opened


@pytest.mark.parametrize("box", [(0.0, 0.0, 1.0, 0.35), (0.0, 0.6, 0.7, 1.0), (0.3, 0.3, 1.0, 0.7)])
def test_a_black_region_is_not_found_in_the_padding(gallery: Gallery, box: Box) -> None:
    query = narrow(99)
    left, top, right, bottom = (round(edge * length) for edge, length in zip(box, (COLUMNS, ROWS) * 2, strict=True))
    query[top:bottom, left:right] = 0
    hits = hits_of_region(gallery, query, box, PICTURES)
    assert len(hits) == PICTURES
    for hit in hits:
        assert hit.region is not None
        assert area(hit.region.box) >= 0.5 * area(box), hit.region.box


def area(box: Box) -> float:
    left, top, right, bottom = box
    return (right - left) * (bottom - top)
