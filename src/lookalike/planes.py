"""The planes of volumes: along which axis a volume was taken, and how radiologists look at it. Pure functions.

A volume is turned to the patient's axes, which come from the affine, never from the order in which the array happens
to be stored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.types import Image

Plane: TypeAlias = Literal["native", "axial", "coronal", "sagittal"]

# Directions of (depth, rows, columns) in RAS+ patient space: (axis, sign). Rows run down the picture and
# columns to its right, as radiologists look at it: anterior or superior on top, the patient's left to the right.
_DIRECTIONS: Final[dict[str, tuple[tuple[int, int], ...]]] = {
    "axial": ((2, 1), (1, -1), (0, -1)),
    "coronal": ((1, -1), (2, -1), (0, -1)),
    "sagittal": ((0, -1), (2, -1), (1, -1)),
}
_OF_AXIS: Final = ("sagittal", "coronal", "axial")  # the plane whose slices follow each other along x, y, z

_LETTERS: Final = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}

_CLEARLY_LARGER: Final = 1.5  # the largest spacing by the next one: slices lie that far apart, pixels do not
_ODD: Final = 0.01  # of the logarithm of a spacing: below it the axes are alike
_ALIKE: Final = 0.25  # how much two spacings may differ, as a share of their distance to the third
_FEW: Final = 0.9  # slices by pixels of a square picture
_LEAST_SIDE: Final = 64  # pixels of a square picture: smaller ones are crops


def orient(volume: Image, plane: Plane = "axial") -> Image:
    """The volume with (depth, rows, columns) along the patient's axes for this plane.

    Axes are permuted and flipped to the nearest ones, nothing is resampled; without an affine the array's
    own order is kept. The affine maps (depth, row, column) indices to patient mm, RAS+.
    """
    if volume.affine is None:
        return volume
    return _turned(volume, volume.affine, _DIRECTIONS[plane_of(volume, plane)])


def plane_of(volume: Image, plane: Plane = "native") -> str:
    """axial, coronal or sagittal: the plane that a volume is cut along; "" without an affine.

    "native" is the one it was taken in, by its depth axis; that of a single slice is always its own.
    """
    if volume.affine is None or (plane != "native" and len(volume.pixels) > 1):
        return "" if volume.affine is None else plane
    return _OF_AXIS[_nearest_axes(volume.affine)[0]]


def along(volume: Image, axes: str) -> Image:
    """``orient`` for any three directions: where depth, rows and columns grow, as letters (``VolumeInput.axes``)."""
    if volume.affine is None:
        return volume
    return _turned(volume, volume.affine, [_LETTERS[letter] for letter in axes])


def _turned(volume: Image, affine: NDArray[np.float64], wanted: Sequence[tuple[int, int]]) -> Image:
    nearest = _nearest_axes(affine)
    order = [nearest.index(axis) for axis, _ in wanted]
    pixels, affine = np.transpose(volume.pixels, (*order, 3)), affine[:, [*order, 3]].copy()
    for i, (axis, sign) in enumerate(wanted):
        if np.sign(affine[axis, i]) != sign:
            pixels = np.flip(pixels, i)
            affine[:3, 3] += affine[:3, i] * (pixels.shape[i] - 1)
            affine[:3, i] = -affine[:3, i]
    return _placed(volume, pixels, affine)


def _placed(volume: Image, pixels: NDArray[np.generic], affine: NDArray[np.float64]) -> Image:
    z, y, x = (float(v) for v in np.linalg.norm(affine[:3, :3], axis=0))
    return replace(volume, pixels=pixels, affine=affine, spacing=(z, y, x))


def _nearest_axes(affine: NDArray[np.float64]) -> list[int]:
    """For each array axis the patient axis that it runs along, each used once, the clearest assigned first."""
    columns = affine[:3, :3] / np.maximum(np.linalg.norm(affine[:3, :3], axis=0), 1e-12)
    closeness, nearest = np.abs(columns), [-1, -1, -1]
    for _ in range(3):
        patient, array = np.unravel_index(np.argmax(closeness), (3, 3))
        nearest[int(array)] = int(patient)
        closeness[patient, :], closeness[:, array] = -1, -1
    return nearest


def slices_first(volume: Image, axis: int | None = None) -> Image:
    """The volume with its array turned so that depth is the axis along which its slices were taken.

    axis: what the file itself names. Without it: the axis of length 1; else that of the clearly largest spacing, or
    the one that differs from two equal ones; else the short one beside two of equal length; else, of an isotropic
    volume, the one along the patient. It depends on where the voxels lie, not on how the array is stored.
    """
    if volume.affine is None:
        return volume
    if axis is None or 1 in volume.pixels.shape[:3]:
        axis = _slice_axis(volume.pixels.shape[:3], volume.affine)
    order = [axis, *(other for other in range(3) if other != axis)]
    return _placed(volume, np.transpose(volume.pixels, (*order, 3)), volume.affine[:, [*order, 3]])


def _slice_axis(shape: Sequence[int], affine: NDArray[np.float64]) -> int:
    if sorted(shape)[0] == 1 < sorted(shape)[1]:
        return list(shape).index(1)
    spacing = [float(n) for n in np.linalg.norm(affine[:3, :3], axis=0)]
    for found in (_clearly_largest(spacing), _odd_one(spacing), _few_slices(shape)):
        if found is not None:
            return found
    return _nearest_axes(affine).index(2)


def _clearly_largest(spacing: Sequence[float]) -> int | None:
    _, second, largest = sorted(spacing)
    return spacing.index(largest) if largest >= _CLEARLY_LARGER * second else None


def _odd_one(spacing: Sequence[float]) -> int | None:
    """The axis whose spacing differs from that of two that are alike: pixels are square."""
    logs = [math.log(n) for n in spacing]
    for axis in range(3):
        one, other = (logs[i] for i in range(3) if i != axis)
        apart = abs(logs[axis] - (one + other) / 2)
        if apart > _ODD and abs(one - other) <= _ALIKE * apart:
            return axis
    return None


def _few_slices(shape: Sequence[int]) -> int | None:
    """The short axis beside two of equal length: square pictures, and fewer of them than they have rows."""
    shortest, second, longest = sorted(shape)
    square = second == longest >= _LEAST_SIDE
    return list(shape).index(shortest) if square and shortest <= _FEW * longest else None
