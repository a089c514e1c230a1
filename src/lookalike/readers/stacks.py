"""The rule for what makes a volume, for files of one slice, multi-frame files and mosaics alike. Pure functions.

Slices of one series, size, spacing and direction lie at places along their normal. They are one volume if every place
holds one slice and the places are equally far apart; the step may lean (a tilted gantry), and positions may be written
with few decimals. If every place holds the same number of slices, they are as many volumes: what tells these apart (b
value, echo, time, magnitude and phase ...) is looked for among the dimensions, at last in the order of acquisition.
Anything else (gaps, doubles, mixtures) is refused: a wrong spacing would go unnoticed. Numbers are compared with a
tolerance and never rounded, since rounding parts equal ones at every border.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UnreadableImageError
from lookalike.readers.geometry import SeriesPart, SliceGeometry, normal_of, slice_affine

LEAST_SLICES: Final = 3
"""Slices at fewer places are no volume but single pictures."""

_SAME_DIRECTION: Final = 0.01  # difference of two direction cosines: half a degree
_SAME_SPACING: Final = 0.01  # relative difference
_OFF_PLACE: Final = 0.1  # mm that a slice may lie off its place, or
_OFF_PLACE_OF_STEP: Final = 0.01  # this share of the step, whichever is more,
_MOST_OFF_PLACE: Final = 0.3  # but never more than this share of the step
_MOST_UNEQUAL: Final = 0.45  # relative difference of a step from the mean
_MOST_LEANING: Final = 0.5  # cosine of the step's angle with the normal: 60 degrees
_LISTED: Final = 8  # places listed in a refusal

_Points: TypeAlias = NDArray[np.float64]  # (n, 3) mm
_Places: TypeAlias = NDArray[np.int64]  # (n,) the number of each slice's place along the normal


@dataclass(frozen=True, slots=True)
class Stack:
    """One volume. slices: the indices of its slices, along their normal. affine: (4, 4) float64, (depth, row, column)
    indices -> patient mm, RAS+.
    """

    slices: tuple[int, ...]
    affine: NDArray[np.float64]


def alike(slices: Sequence[SliceGeometry]) -> list[list[int]]:
    """The indices of slices of one size, pixel spacing and direction, group by group, in order of first appearance."""
    groups: list[list[int]] = []
    for index, each in enumerate(slices):
        group = next((group for group in groups if _are_alike(slices[group[0]], each)), None)
        if group is None:
            groups.append([index])
        else:
            group.append(index)
    return groups


def _are_alike(one: SliceGeometry, other: SliceGeometry) -> bool:
    turned = max(abs(a - b) for a, b in zip(one.orientation, other.orientation, strict=True))
    scaled = max(abs(a - b) / max(a, b) for a, b in zip(one.pixel_spacing, other.pixel_spacing, strict=True))
    return one.shape == other.shape and turned <= _SAME_DIRECTION and scaled <= _SAME_SPACING


def count_places(slices: Sequence[SliceGeometry]) -> int:
    """At how many places slices that are ``alike`` lie; each has its own if they are no numbers."""
    points, normal = _geometry(slices)
    if not np.isfinite(points @ normal).all():
        return len(slices)
    return int(_places(points @ normal, slices[0].pixel_spacing).max()) + 1


def slices_of_files(parts: Sequence[SeriesPart]) -> list[SliceGeometry]:
    """The slices of several files, one after the other. The file is a dimension where files hold several slices."""
    if all(len(part.slices) == 1 for part in parts):
        return [part.slices[0] for part in parts]
    return [
        replace(each, dimensions={"file": str(number), **each.dimensions})
        for number, part in enumerate(parts)
        for each in part.slices
    ]


def is_volume(parts: Sequence[SeriesPart]) -> bool:
    """Whether slices that are ``alike`` lie at enough places for a volume, be it a spoiled one."""
    return count_places(slices_of_files(parts)) >= LEAST_SLICES


def stacks_of(slices: Sequence[SliceGeometry]) -> list[Stack]:
    """The volumes that slices which are ``alike`` make, in the order of acquisition.

    Raises UnreadableImageError: "incomplete-series" with what is missing, doubled or unequal, "damaged-geometry" for
    places that are no numbers.
    """
    points, normal = _geometry(slices)
    if not np.isfinite(points @ normal).all():
        raise UnreadableImageError("damaged-geometry")
    places = _places(points @ normal, slices[0].pixel_spacing)
    counts = np.bincount(places)
    parts = _parts(slices, places) if len(counts) > 1 and len(set(counts.tolist())) == 1 else None
    if parts is None or not all(_is_regular(points[part], normal) for part in parts):
        raise UnreadableImageError("incomplete-series", _what_is_wrong(slices, points, places, normal))
    parts.sort(key=lambda part: (min(slices[i].number for i in part), part))
    return [_stack(slices, part) for part in parts]


def _geometry(slices: Sequence[SliceGeometry]) -> tuple[_Points, NDArray[np.float64]]:
    return np.array([each.position for each in slices], np.float64), normal_of(slices[0].orientation)


def _stack(slices: Sequence[SliceGeometry], part: Sequence[int]) -> Stack:
    first, last = slices[part[0]], slices[part[-1]]
    step = np.subtract(last.position, first.position) / (len(part) - 1)
    return Stack(tuple(part), slice_affine(first.position, first.orientation, first.pixel_spacing, step))


def _places(heights: NDArray[np.float64], pixel_spacing: Sequence[float]) -> _Places:
    """The number of each slice's place. Slices nearer to each other than a tenth of the usual step are at one place."""
    order = np.argsort(heights, kind="stable")
    steps = np.diff(heights[order])
    least = 0.02 * min(pixel_spacing)
    apart = steps[steps > least]
    near = max(least, 0.1 * float(np.median(apart)) if len(apart) else 0.0)
    places = np.zeros(len(heights), np.int64)
    places[order[1:]] = np.cumsum(steps > near)
    return places


def _is_regular(points: _Points, normal: NDArray[np.float64]) -> bool:
    """Whether points, in order, lie equally far apart on a straight line that leans from the normal by 60 degrees at
    most. They may lie off their places by what rounding to their own decimals explains.
    """
    numbers = np.arange(len(points)) - (len(points) - 1) / 2
    step = numbers @ points / (numbers @ numbers)
    length = float(np.linalg.norm(step))
    if not step @ normal > _MOST_LEANING * length:
        return False
    off = np.abs(points - points.mean(axis=0) - numbers[:, None] * step).max(axis=0)
    allowed = np.maximum(max(_OFF_PLACE, _OFF_PLACE_OF_STEP * length), 0.75 * _rounded_to(points))
    unequal = np.abs(np.diff(points @ normal) / (step @ normal) - 1).max()
    return bool((off <= np.minimum(allowed, _MOST_OFF_PLACE * length)).all() and unequal <= _MOST_UNEQUAL)


def _rounded_to(points: _Points) -> NDArray[np.float64]:
    """(3,) 1 mm or a tenth, if all numbers along an axis are whole multiples of it; else 0: the limits allow more."""
    whole = [(np.abs(points - np.round(points, digits)) < 1e-6).all(axis=0) for digits in (0, 1)]
    return np.where(whole[0], 1.0, np.where(whole[1], 0.1, 0.0))


def _parts(slices: Sequence[SliceGeometry], places: _Places) -> list[list[int]] | None:
    """The slices of each volume, along their normal, where every place holds as many slices; None if nothing tells
    the volumes apart.
    """
    groups = [np.argsort(places, kind="stable")]
    count = int(places.max()) + 1
    for name in _names(slices):
        if all(len(group) == count for group in groups):
            break
        finer = [part for group in groups for part in _by_value(slices, group, name, count)]
        if all(_is_even(places[part], count) for part in finer):
            groups = finer
    ordered = [part for group in groups for part in _by_acquisition(slices, group, places)]
    return [part.tolist() for part in ordered] if all(len(part) == count for part in ordered) else None


def _names(slices: Sequence[SliceGeometry]) -> list[str]:
    """The dimensions that have several values, in the order in which readers give them."""
    values: dict[str, set[str]] = {name: set() for each in slices for name in each.dimensions}
    for each in slices:
        for name, found in values.items():
            found.add(each.dimensions.get(name, ""))
    return [name for name, found in values.items() if len(found) > 1]


def _by_value(slices: Sequence[SliceGeometry], group: _Places, name: str, count: int) -> list[_Places]:
    if len(group) == count:
        return [group]
    values = np.array([slices[i].dimensions.get(name, "") for i in group])
    return [group[values == value] for value in dict.fromkeys(values.tolist())]


def _is_even(places: _Places, count: int) -> bool:
    """Whether each of ``count`` places occurs, and equally often."""
    counts = np.bincount(places, minlength=count)
    return bool(counts.min() == counts.max() > 0)


def _by_acquisition(slices: Sequence[SliceGeometry], group: _Places, places: _Places) -> list[_Places]:
    """Volumes that were taken one after the other, or whose slices were taken place by place; else the group."""
    count = int(places.max()) + 1
    taken = sorted(group.tolist(), key=lambda i: slices[i].number)
    if len({slices[i].number for i in taken}) < len(taken):
        return [group]
    by_volume = np.array(taken).reshape(-1, count)
    by_place = np.array(taken).reshape(count, -1).T
    if all(_is_even(places[part], count) for part in by_volume):
        found = by_volume
    elif all(_is_even(places[part], count) for part in by_place) and (np.ptp(places[by_place], axis=0) == 0).all():
        found = by_place
    else:
        return [group]
    return [part[np.argsort(places[part])] for part in found]


def _what_is_wrong(
    slices: Sequence[SliceGeometry], points: _Points, places: _Places, normal: NDArray[np.float64]
) -> str:
    """Which places hold several slices, where slices are missing, and what was seen, in numbers only."""
    counts = np.bincount(places)
    heights = np.array([(points[places == place] @ normal).mean() for place in range(len(counts))])
    faults = []
    doubled = [
        f"{_mm(heights[place])} mm (InstanceNumber {_numbers(slices, places == place)})"
        for place in np.flatnonzero(counts > 1)
    ]
    if doubled:
        faults.append(f"{len(doubled)} of {len(counts)} places hold several slices: {_some(doubled)}")
    steps = np.diff(heights)
    usual = float(np.median(steps)) if len(steps) else 0.0
    wide = np.flatnonzero(steps > 1.5 * usual)
    if usual and len(wide):
        missing = int(np.rint(steps[wide] / usual - 1).sum())
        gaps = [f"{_mm(heights[i])} to {_mm(heights[i + 1])} mm" for i in wide]
        faults.append(f"{missing} missing at the usual distance of {_mm(usual)} mm: {_some(gaps)}")
    if not faults:
        faults.append(_unequal(steps, points[np.argsort(places, kind="stable")], normal))
    return f"{'; '.join(faults)}; seen: {len(slices)} slices at {len(counts)} places"


def _unequal(steps: NDArray[np.float64], points: _Points, normal: NDArray[np.float64]) -> str:
    if not len(steps):
        return "one place only"
    across = points - (points @ normal)[:, None] * normal
    shifts = [float(np.linalg.norm(b - a)) for a, b in pairwise(across)]
    said = f"slices lie {_mm(steps.min())} to {_mm(steps.max())} mm apart"
    if max(shifts) - min(shifts) > _OFF_PLACE:
        said += f", shifted beside each other by {_mm(min(shifts))} to {_mm(max(shifts))} mm"
    return said


def _numbers(slices: Sequence[SliceGeometry], chosen: NDArray[np.bool_]) -> str:
    """What people call the slices, sorted: the InstanceNumber, or in one file the number of the frame."""
    several = len({each.number[0] for each in slices}) > 1
    numbers = sorted(slices[int(i)].number for i in np.flatnonzero(chosen))
    return ", ".join(str(instance if several or not frame else frame) for instance, frame in numbers)


def _mm(number: float) -> str:
    return f"{round(float(number), 2) + 0.0:g}"


def _some(parts: Sequence[str]) -> str:
    return ", ".join(parts[:_LISTED]) + (f" and {len(parts) - _LISTED} more" if len(parts) > _LISTED else "")
