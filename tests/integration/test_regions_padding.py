"""What an encoder pads a narrow picture with answers no region; what it takes off a picture cannot ask."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

import lookalike
from lookalike.errors import UnseenRegionError
from lookalike.gallery import Gallery
from lookalike.hits import Hit
from lookalike.types import Box
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


MARGIN = 48  # pixels of black at the top of a picture of 160


@pytest.fixture
def framed(tmp_path: Path) -> Iterator[Gallery]:
    """Of the default encoder, which takes margins off."""
    folder = tmp_path / "framed"
    folder.mkdir()
    for seed in range(PICTURES):
        drawn = (110 + scene(seed, 160) / 2).clip(0, 255).astype(np.uint8)
        drawn[:MARGIN] = 0
        PIL.Image.fromarray(drawn).save(folder / f"{seed}.png")
    with lookalike.open(tmp_path / "g", create=True) as opened:
        assert lookalike.index(opened, [folder], patches=True).added == PICTURES
        yield opened


@pytest.mark.parametrize("box", [(0.0, 0.0, 1.0, MARGIN / 160), (0.2, 0.1, 0.5, 0.2)])
def test_a_region_in_a_margin_that_is_taken_off_is_refused(framed: Gallery, box: Box, tmp_path: Path) -> None:
    query, first = tmp_path / "framed" / "0.png", next(iter(framed.store.records().values())).id
    mask = np.zeros((160, 160), bool)
    left, top, right, bottom = (round(edge * 160) for edge in box)
    mask[top:bottom, left:right] = True
    asked: list[dict[str, Any]] = [{"box": box}, {"mask": mask}, {"box": box, "context": False}]
    for region in asked:
        for how in ({"query": query}, {"id": first}):
            with pytest.raises(UnseenRegionError, match=r"in a margin of the picture .*migrate --encoder lite0-inner"):
                lookalike.search(framed, **how, **region)
        with pytest.raises(UnseenRegionError, match="in a margin of the picture"):
            lookalike.explain(framed, query, record=first, **region)


def test_a_region_that_reaches_into_a_margin_is_asked_by_what_is_seen(framed: Gallery, tmp_path: Path) -> None:
    query = tmp_path / "framed" / "0.png"
    seen = (0.0, MARGIN / 160, 0.5, 0.7)
    found, whole = (lookalike.search(framed, query, box=box, k=PICTURES).hits for box in (seen, (0.0, 0.0, 0.5, 0.7)))
    assert [(hit.id, hit.score) for hit in found] == [(hit.id, hit.score) for hit in whole]
    for hit in found:
        assert hit.region is not None
        assert hit.region.box[3] > MARGIN / 160  # nothing is found in the margin alone


def area(box: Box) -> float:
    left, top, right, bottom = box
    return (right - left) * (bottom - top)
