"""How a region should be scored: patterns planted in drawn pictures, among pictures with another pattern.

Whole pictures, MaxSim (each patch of the region has its own best answer, wherever it lies) and the window that
region search uses (the answers lie as the region does). Every picture without the pattern holds the same
squares in another order, or other squares, at the same strength: a hard case. Cut out: the window again, with the
region encoded alone on a flat ground, so that what lies around it in the query has no say.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from benchmarks.report import Figure
from lookalike import encoders
from lookalike.encoders.preprocessing.grid import cells_in_box, grid_of
from lookalike.errors import UsageError
from lookalike.pixels import from_array, prepare
from lookalike.ranking import window_scores
from lookalike.types import Box, Displayed

SIDE, PICTURES, PLANTED = 256, 100, 10
CASES = ((36, 0.5, True), (60, 0.4, False), (60, 0.6, True), (84, 0.4, True), (84, 0.4, False), (108, 0.3, True))
"""Side of the pattern in pixels, its share of the grey value, whether the others hold its quarters swapped."""


def run(_data: Path | None) -> list[Figure]:
    """Recall of the pictures that hold the pattern, among as many first hits as there are."""
    encoder = encoders.load()
    if not isinstance(encoder, encoders.PatchEncoder):
        raise UsageError("the default encoder gives no patches")
    rows = [_case(encoder, *case) for case in CASES]
    notes = ["pattern  strength  others    whole  MaxSim  window  cut out"]
    for (side, strength, swapped), scores in zip(CASES, rows, strict=True):
        others = "swapped" if swapped else "other"
        notes.append(f"{side:4} px  {strength:8}  {others:8}  " + "  ".join(f"{score:5.2f}" for score in scores))
    mean = np.mean(rows, axis=0)
    notes.append("mean" + " " * 25 + "  ".join(f"{score:5.2f}" for score in mean))
    return [Figure("planted", float(mean[2]), unit="recall of the window", notes=tuple(notes))]


def _case(encoder: encoders.PatchEncoder, side: int, strength: float, swapped: bool) -> list[float]:
    """Whole pictures, MaxSim, window, cut out."""
    pictures, boxes = _pictures(side, strength, swapped)
    recipe = encoder.spec.preprocessing
    inputs = np.stack([prepare(from_array(picture), recipe) for picture in pictures])
    vectors, patches = encoder.encode_inputs_with_patches(inputs)
    alone = encoder.encode_inputs_with_patches(np.stack([*map(_cut_out, inputs, boxes)]))[1]
    grid = grid_of(Displayed(SIDE, SIDE), recipe, *patches.shape[1:3])
    recalls = []
    for number, box in enumerate(boxes):
        cells = cells_in_box(grid, box)
        at = np.argwhere(cells)
        seen, cut = (
            np.einsum("mc,nrkc->mnrk", each[number][cells], patches, optimize=True) for each in (patches, alone)
        )
        windows = [window_scores(similar, at - at.min(axis=0)).max(axis=(1, 2)) for similar in (seen, cut)]
        scores = [vectors @ vectors[number], seen.max(axis=(2, 3)).mean(axis=0), *windows]
        recalls.append([_recall(one, number) for one in scores])
    means: list[float] = np.mean(recalls, axis=0).tolist()
    return means


def _cut_out(picture: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """A prepared picture with its mean grey around the box."""
    ground = np.full_like(picture, picture.mean())
    left, top, right, bottom = (round(edge * picture.shape[0]) for edge in box)
    ground[top:bottom, left:right] = picture[top:bottom, left:right]
    return ground


def _recall(scores: NDArray[np.float32], asked: int) -> float:
    order = [row for row in np.argsort(-scores, kind="stable").tolist() if row != asked][: PLANTED - 1]
    return float(np.mean([row < PLANTED for row in order]))


def _pictures(side: int, strength: float, swapped: bool) -> tuple[list[NDArray[np.uint8]], list[Box]]:
    """The first ones hold the pattern; their boxes."""
    random = np.random.default_rng(5)
    pattern, half = _squares(1, side), side // 2
    moved = np.roll(pattern, (half, half), axis=(0, 1))  # its quarters change places
    pictures, boxes = [], []
    for number in range(PICTURES):
        picture = _blots(100 + number)
        top, left = random.integers(0, SIDE - side, 2).tolist()
        planted = pattern if number < PLANTED else moved if swapped else _squares(number, side)
        planted = planted * random.uniform(0.9, 1.1) + random.normal(0, 5, planted.shape)
        place = picture[top : top + side, left : left + side]
        place += strength * (planted - place)
        pictures.append(picture.clip(0, 255).astype(np.uint8))
        if number < PLANTED:
            boxes.append((left / SIDE, top / SIDE, (left + side) / SIDE, (top + side) / SIDE))
    return pictures, boxes


def _squares(seed: int, side: int) -> NDArray[np.float64]:
    coarse = np.random.default_rng(seed).integers(0, 2, (6, 6)).astype(np.float64) * 200 + 25
    squares: NDArray[np.float64] = coarse.repeat(side // 6, axis=0).repeat(side // 6, axis=1)
    return squares


def _blots(seed: int) -> NDArray[np.float64]:
    total = np.zeros((SIDE, SIDE))
    for number, (cells, share) in enumerate(((4, 0.5), (12, 0.3), (40, 0.2))):
        coarse = np.random.default_rng(seed * 7 + number).integers(0, 256, (cells, cells), dtype=np.uint8)
        layer = PIL.Image.fromarray(coarse).resize((SIDE, SIDE), PIL.Image.Resampling.BICUBIC)
        total += share * np.asarray(layer, np.float64)
    return total
