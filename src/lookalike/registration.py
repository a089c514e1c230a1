"""Registration: do two pictures agree when one is laid over the other by the best affine map?

Pictures of different patients look alike from afar: chests and heads are alike. Copies agree in their details. So
two pictures are registered (Lucas and Kanade, with gain and offset: Baker and Matthews, IJCV 56, 2004), from coarse to
fine, and then correlated after the local mean and contrast have been taken out, so that every part counts, and not
the outline alone. The tenth of the overlap that agrees least is left out: corners that a rotation filled, burnt-in
text. Pairs that disagree when they are coarse are not looked at more closely.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

_Stack: TypeAlias = NDArray[np.float32]  # (pairs, side, side)

_WORST: Final = 10  # percent of the overlap
_FLAT: Final = 3  # grey levels within 3 x 3 pixels
_AROUND: Final = 3  # pixels around a flat part that its edge blurs
_NOISE: Final = 4.0  # grey levels: contrast below it is no detail
_STEP: Final = 0.12  # the most that one step moves the map
_FEWEST: Final = 50  # pixels of an overlap that can be correlated


class _Level(NamedTuple):
    """steps: of the registration. detail: the width of the local mean, in pixels. least: a lower score ends it."""

    steps: int
    detail: float
    least: float


_LEVELS: Final = (_Level(6, 1.0, 0.87), _Level(5, 1.5, 0.93), _Level(5, 3.0, -1.0))  # a quarter, half, full size


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """Of each pair: score (n,) the correlation after registration, -1 where it was given up. maps: (n, 2, 3) from the
    fixed to the moving picture, both from -1 to 1. cover: (n,) the share of the details of either that overlap.
    """

    score: NDArray[np.float64]
    maps: NDArray[np.float64]
    cover: NDArray[np.float64]


def _turned(degrees: float, scale: float) -> NDArray[np.float32]:
    angle = np.deg2rad(degrees)
    turn = [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0]]
    return np.array(turn, np.float32) * np.float32(scale)


_STARTS: Final = np.stack([_turned(degrees, scale) for degrees in (0, -6, 6, -12, 12) for scale in (1, 0.87, 1.15)])


def align(fixed: NDArray[np.uint8], moving: NDArray[np.uint8], aligned: NDArray[np.bool_]) -> Alignment:
    """Lay pairs of square pictures (n, side, side) on one another; side is a multiple of 4.

    aligned (n,): pairs that lie nearly so already; the others are first tried turned by up to 12 degrees and scaled by
    up to 15 %.
    """
    count = len(fixed)
    score, cover = np.full(count, -1.0), np.zeros(count)
    levels = _pyramid(_contrasted(fixed), _contrasted(moving))
    maps = np.repeat(_STARTS[:1], count, axis=0)
    maps[~aligned] = _best_start(_rows(levels[0], np.flatnonzero(~aligned)))
    left = np.arange(count)
    for level, pictures in zip(_LEVELS, levels, strict=True):
        if not len(left):
            break
        here = _rows(pictures, left)
        maps[left] = _registered(here, maps[left], level.steps)
        score[left], cover[left] = _agreement(here, maps[left], level.detail)
        keep = score[left] >= level.least
        score[left[~keep]] = -1
        left = left[keep]
    return Alignment(score, maps.astype(np.float64), cover)


class _Pictures(NamedTuple):
    """One level. fixed (n, s, s) and its weights, 0 where it is flat; moving (n, s, s, 4): value, its gradients along x
    and y, weight.
    """

    fixed: _Stack
    weights: _Stack
    moving: NDArray[np.float32]


def _rows(level: _Pictures, rows: NDArray[np.int64]) -> _Pictures:
    return _Pictures(level.fixed[rows], level.weights[rows], level.moving[rows])


def _contrasted(squares: NDArray[np.uint8]) -> _Stack:
    """Grey values with about the same contrast in every picture."""
    low, high = np.percentile(squares.reshape(len(squares), -1), [2, 98], axis=1)
    gain = np.clip(200 / np.maximum(high - low, 1), 0.5, 4)
    contrasted: _Stack = (squares * gain[:, None, None]).astype(np.float32)
    return contrasted


def _pyramid(fixed: _Stack, moving: _Stack) -> Sequence[_Pictures]:
    """The pictures at a quarter, at half and at full size."""
    weights, others, levels = _detailed(fixed), _detailed(moving), []
    for _ in _LEVELS:
        smooth: _Stack = _blurred(moving, 1.0) / _blurred(np.ones_like(moving[:1]), 1.0)
        down, across = np.gradient(smooth, axis=(1, 2))
        even: _Stack = _blurred(fixed, 1.0) / _blurred(np.ones_like(fixed[:1]), 1.0)
        levels.append(_Pictures(even, weights, np.stack([smooth, across, down, others], axis=-1)))
        fixed, weights, moving, others = (_halved(each) for each in (fixed, weights, moving, others))
    return levels[::-1]


def _halved(stack: _Stack) -> _Stack:
    halved: _Stack = (
        stack[:, ::2, ::2] + stack[:, 1::2, ::2] + stack[:, ::2, 1::2] + stack[:, 1::2, 1::2]
    ) / np.float32(4)
    return halved


def _detailed(stack: _Stack) -> _Stack:
    """1 where a picture has details, 0 in flat parts (margins, filled corners) and close to them."""
    flat = _around(stack, np.maximum) - _around(stack, np.minimum) <= _FLAT
    core = _around(flat.astype(np.int8), np.minimum)
    for _ in range(_AROUND):
        core = _around(core, np.maximum)
    return (1 - core).astype(np.float32)


def _around(stack: NDArray[Any], least_or_most: np.ufunc) -> NDArray[Any]:
    """The least or the greatest value within 3 x 3 pixels."""
    padded = np.pad(stack, ((0, 0), (1, 1), (1, 1)), mode="edge")
    down = least_or_most(least_or_most(padded[:, 1:-1], padded[:, :-2]), padded[:, 2:])
    found: NDArray[Any] = least_or_most(least_or_most(down[:, :, 1:-1], down[:, :, :-2]), down[:, :, 2:])
    return found


@cache
def _bell(side: int, width: float) -> NDArray[np.float32]:
    places = np.arange(side)
    return np.exp(-((places[:, None] - places) ** 2) / (2 * width * width)).astype(np.float32)


def _blurred(stack: _Stack, width: float) -> _Stack:
    """Sums weighted by a Gaussian; what lies outside counts nothing."""
    bell = _bell(stack.shape[-1], width)
    blurred: _Stack = (bell @ stack @ bell).astype(np.float32, copy=False)
    return blurred


@cache
def _grid(side: int) -> NDArray[np.float32]:
    """(side * side, 2): x and y of every pixel, from -1 to 1."""
    places = ((np.arange(side) + 0.5) / side * 2 - 1).astype(np.float32)
    return np.stack(np.broadcast_arrays(places[None, :], places[:, None]), axis=-1).reshape(-1, 2)


def _sampled(moving: NDArray[np.float32], maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """The four channels of each moving picture where the map takes the pixels of the fixed one: (n, side * side, 4).

    Outside of the picture the weight, the last channel, is 0.
    """
    count, side, _, _ = moving.shape
    places = _grid(side) @ maps[:, :, :2].transpose(0, 2, 1) + maps[:, None, :, 2]
    places = (places + 1) * np.float32(side / 2) - np.float32(0.5)
    inside = ((places > -0.5) & (places < side - 0.5)).all(axis=-1)
    places = np.clip(places, 0, np.float32(side - 1.001))
    whole = places.astype(np.int32)
    across, down = np.split(places - whole, 2, axis=-1)
    first = whole[..., 1] * side + whole[..., 0] + (np.arange(count, dtype=np.int32) * side * side)[:, None]
    # The four channels of a pixel, 16 bytes, are fetched as one number: several times as quick.
    pixels = np.ascontiguousarray(moving).view(np.complex128).ravel()
    shape = (*first.shape, 4)
    corners = (pixels.take(first + step).view(np.float32).reshape(shape) for step in (0, 1, side, side + 1))
    upper, right, lower, last = corners
    upper += across * (right - upper)
    lower += across * (last - lower)
    found: NDArray[np.float32] = upper + down * (lower - upper)
    found[..., 3] *= inside
    return found


def _best_start(level: _Pictures) -> NDArray[np.float32]:
    """Of each pair the start with the highest correlation."""
    count, side, tried = len(level.fixed), level.fixed.shape[1], len(_STARTS)
    rows = np.repeat(np.arange(count), tried)
    maps = np.tile(_STARTS, (count, 1, 1))
    found = _sampled(level.moving[rows], maps)
    fixed, weights = (each[rows].reshape(len(rows), side * side) for each in (level.fixed, level.weights))
    score = _correlation(fixed, found[..., 0], weights * found[..., 3]).reshape(count, tried)
    best: NDArray[np.float32] = _STARTS[score.argmax(axis=1)]
    return best


def _centred(values: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    mean = (values * weights).sum(axis=1, keepdims=True) / (weights.sum(axis=1, keepdims=True) + np.float32(1e-3))
    centred: NDArray[np.float32] = values - mean
    return centred


def _correlation(
    values: NDArray[np.float32], others: NDArray[np.float32], weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(n,): the weighted correlation of rows (n, pixels)."""
    one, two = _centred(values, weights), _centred(others, weights)
    spread = ((weights * one * one).sum(axis=1) + 1e-3) * ((weights * two * two).sum(axis=1) + 1e-3)
    found: NDArray[np.float32] = (weights * one * two).sum(axis=1) / np.sqrt(spread)
    return found


def _registered(level: _Pictures, maps: NDArray[np.float32], steps: int) -> NDArray[np.float32]:
    """Gauss-Newton steps of the six numbers of each map, with gain and offset (forward additive)."""
    count, side, _ = level.fixed.shape
    x, y = _grid(side).T
    values, weights = level.fixed.reshape(count, -1), level.weights.reshape(count, -1)
    for _ in range(steps):
        found = _sampled(level.moving, maps)
        there = weights * found[..., 3]
        one, two = _centred(values, there), _centred(found[..., 0], there)
        gain = (there * one * two).sum(axis=1) / ((there * two * two).sum(axis=1) + 1e-3)
        slope = (np.clip(gain, 0.1, 10) * (side / 2)).astype(np.float32)[:, None]
        across, down = slope * found[..., 1], slope * found[..., 2]
        rest = one - gain[:, None].astype(np.float32) * two
        # What the other picture does not show, such as a filled corner, must not pull: Cauchy's weights.
        usual = (there * rest * rest).sum(axis=1, keepdims=True) / (there.sum(axis=1, keepdims=True) + np.float32(1e-3))
        there = there / (1 + rest * rest / (usual + np.float32(1e-3)))
        ways = np.stack([across * x, across * y, across, down * x, down * y, down, two, np.ones_like(two)], axis=-1)
        weighted = (ways * there[..., None]).transpose(0, 2, 1)
        normal = (weighted @ ways).astype(np.float64)
        wanted = (weighted @ rest[..., None]).astype(np.float64)
        diagonal = np.einsum("nii->ni", normal)
        normal += np.eye(8) * (1e-3 * diagonal + 1e-2)[:, None, :]
        step = np.linalg.solve(normal, wanted)[:, :6, 0]
        maps = maps + np.clip(step, -_STEP, _STEP).reshape(-1, 2, 3).astype(np.float32)
    return maps


def _agreement(
    level: _Pictures, maps: NDArray[np.float32], detail: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The correlation of the details in the overlap without the tenth that agrees least, and the share of the details
    of either picture that overlap.
    """
    count, side, _ = level.fixed.shape
    found = _sampled(level.moving, maps)
    weights = level.weights * found[..., 3].reshape(count, side, side)
    one = _details(level.fixed, weights, detail)
    two = _details(found[..., 0].reshape(count, side, side), weights, detail)
    kept = _without_worst(np.abs(one - two), weights)
    spread = (kept * one * one).sum((1, 2)) * (kept * two * two).sum((1, 2)) + 1e-3
    score = (kept * one * two).sum((1, 2)) / np.sqrt(spread)
    overlap, area = weights.sum((1, 2)), np.abs(np.linalg.det(maps[:, :, :2].astype(np.float64)))
    own, others = level.weights.sum((1, 2)), level.moving[..., 3].sum((1, 2))
    cover = np.minimum(overlap / np.maximum(own, 1), overlap * area / np.maximum(others, 1))
    few = (weights > 0.5).sum((1, 2)) < _FEWEST * side / 64
    return np.where(few, -1.0, score), cover


def _details(values: _Stack, weights: _Stack, width: float) -> _Stack:
    """Values without their local mean, in units of their local contrast."""
    there = _blurred(weights, width) + np.float32(1e-3)
    rest = values - _blurred(values * weights, width) / there
    contrast = _blurred(weights * rest * rest, width) / there
    details: _Stack = (rest / np.sqrt(contrast + np.float32(_NOISE**2))).astype(np.float32, copy=False)
    return details


def _without_worst(distance: _Stack, weights: _Stack) -> _Stack:
    """The weights, 0 in the tenth of the overlap with the greatest distance."""
    ranked = np.where(weights > 0.5, distance, np.nan).reshape(len(distance), -1)
    there = np.isfinite(ranked).any(axis=1)
    limit = np.full(len(distance), np.inf)
    if there.any():
        limit[there] = np.nanpercentile(ranked[there], 100 - _WORST, axis=1)
    return weights * (distance <= limit[:, None, None])
