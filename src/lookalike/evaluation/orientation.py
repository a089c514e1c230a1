"""Which pictures stand otherwise than the others: upside down, on a side, mirrored, or with black and white exchanged.

What is upright is learnt from the pictures themselves, most of which are: a kernel ridge regression tells histograms of
oriented gradients (Dalal, Triggs, CVPR 2005) of the pictures as they are from those of the same pictures turned,
mirrored and inverted, and judges the pictures of other patients. By how much a picture must fit better another way is
calibrated by the same pictures turned on purpose; where that does not part them, as the sides of mammograms, nothing is
listed. A mirrored picture is as upright as any other: the two sides are told by a regression of their own, on the
difference between a picture and its mirror image. It learns from each picture a little turned, shifted and scaled, too:
no two patients lie quite alike, which would else count for more than a heart's side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from lookalike.evaluation.quality_report import FaultName
from lookalike.fingerprints import ORIENTATIONS, SQUARE, oriented
from lookalike.metrics import Bools, Floats, numbered
from lookalike.voting import BLOCK

WAYS: Final[dict[FaultName, tuple[int, ...]]] = {
    "inverted": (ORIENTATIONS,),
    "upside-down": (2, 3),
    "turned": (4, 5, 6, 7),
    "mirrored": (1,),
}
"""What a picture is taken for where it fits best in one of these versions (``versions``)."""

LEARNT_FROM: Final = 20  # pictures, for the others to be learnt from
_CELLS: Final = 8  # a side, of the histograms
_BINS: Final = 8  # directions of gradients, centred at multiples of 45 degrees
_VERSIONS: Final = 2 * ORIENTATIONS
_FOLDS: Final = 5
_MOST: Final = 400  # pictures that are learnt from at once
_OTHERS: Final = 0.5  # of them in each other version
_RIDGE: Final = 0.01
_SIDES_RIDGE: Final = 0.1  # of the regression that tells a picture from its mirror image
_SWAYED: Final = 3  # more versions of each picture that the sides are learnt from:
_TURN: Final = 6.0  # degrees to either side, at most
_SHIFT: Final = 0.06  # of the side
_SCALE: Final = 0.1  # the logarithm of how much larger or smaller
_SURE: Final = 5.0  # the least logarithm of the likelihood ratio
_UPRIGHT: Final = 2.5  # standard deviations below the median fit of all, at most
_TOLD: Final = 0.25  # of the pictures that are turned on purpose, at least, are found

_Fold: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True, slots=True, eq=False)
class Stance:
    """How pictures stand, by one fault. margins: (n,) how much better each fits as it is. threshold: below which it is
    listed, None where pictures do not tell. fix: (n,) the version in which it fits best. listed: (n,). found: the share
    of pictures turned on purpose that would be listed.
    """

    margins: Floats
    threshold: float | None
    fix: NDArray[np.int64]
    listed: Bools
    found: float


def gradient_histogram(square: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(8, 8, 8): of a picture (64, 64), by row and column of cells and by direction of the gradient."""
    side = SQUARE // _CELLS
    down, across = np.gradient(square.astype(np.float32))
    bins = np.rint(np.arctan2(down, across) * (_BINS / (2 * np.pi))).astype(np.int64) % _BINS
    places = np.arange(SQUARE) // side
    flat = (places[:, None] * _CELLS + places) * _BINS + bins
    sums = np.bincount(flat.ravel(), np.hypot(down, across).ravel(), _CELLS * _CELLS * _BINS)
    return np.sqrt(sums).astype(np.float32).reshape(_CELLS, _CELLS, _BINS)


def versions(histograms: NDArray[np.float32], count: int = _VERSIONS) -> NDArray[np.float32]:
    """(16, n, 512) unit vectors: of each picture in the eight orientations of ``fingerprints.oriented``, and of its
    inverse in these: a turned picture has the same numbers in other places. count: of the first ones only.
    """
    made = [_version(histograms, version).reshape(len(histograms), -1) for version in range(count)]
    lengths = np.linalg.norm(made[0], axis=1, keepdims=True)
    return np.asarray(np.stack(made) / np.maximum(lengths, 1e-6), np.float32)


def _version(histograms: NDArray[np.float32], version: int) -> NDArray[np.float32]:
    turned, bins = histograms, np.arange(_BINS)
    if version & 4:
        turned = turned.swapaxes(1, 2)[..., (2 - bins) % _BINS]
    if version & 1:
        turned = turned[:, :, ::-1][..., (4 - bins) % _BINS]
    if version & 2:
        turned = turned[:, ::-1][..., -bins % _BINS]
    return turned[..., (bins + 4) % _BINS] if version >= ORIENTATIONS else turned


def fits(histograms: NDArray[np.float32], patients: Sequence[str], seed: int) -> Floats:
    """(n, 16): how upright each version of each picture looks, to what has learnt from other patients."""
    rng, found = np.random.default_rng(seed), np.zeros((len(patients), _VERSIONS))
    for learnt, judged in _folds(patients, rng):
        upright = _learnt(versions(histograms[learnt]), rng)
        for start in range(0, len(judged), BLOCK):
            rows = judged[start : start + BLOCK]
            found[rows] = np.stack([upright(version) for version in versions(histograms[rows])], axis=1)
    return found


def side_fits(squares: NDArray[np.uint8], patients: Sequence[str], seed: int) -> Floats:
    """(n,): by how much each picture (64, 64) fits better as it is than mirrored, to what has learnt from other
    patients: twice, the second time without those that lay the other way at first, which would teach the wrong side.
    """
    rng = np.random.default_rng(seed)
    folds = list(_folds(patients, rng))
    first = _side_fits(squares, folds, rng)
    sound = [(learnt[first[learnt] >= min(0.0, np.median(first[learnt]))], judged) for learnt, judged in folds]
    return _side_fits(squares, sound, rng)


def _side_fits(squares: NDArray[np.uint8], folds: Sequence[_Fold], rng: np.random.Generator) -> Floats:
    found = np.zeros(len(squares))
    for learnt, judged in folds:
        known = [squares[learnt], *(_swayed(squares[learnt], rng) for _ in range(_SWAYED))]
        told = _sides_learnt(_both_sides(np.concatenate(known)))
        for start in range(0, len(judged), BLOCK):
            rows = judged[start : start + BLOCK]
            found[rows] = told(_both_sides(squares[rows]))
    return found


def _both_sides(squares: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(2, n, 512): of pictures and of their mirror images."""
    return versions(np.stack([gradient_histogram(each) for each in squares]), 2)


def _sides_learnt(known: NDArray[np.float32]) -> Callable[[NDArray[np.float32]], Floats]:
    """A kernel ridge regression on 1, of the difference between a picture and its mirror image."""
    own, mirrored = known
    cosines = own @ own.T
    width = 1 / max(float(np.median(2 - 2 * cosines)), 1e-6)
    kernel = _odd(cosines, own @ mirrored.T, width)
    ridge = _SIDES_RIDGE * max(float(np.trace(kernel)) / len(kernel), 1e-6)
    told = np.linalg.solve(kernel + ridge * np.eye(len(kernel)), np.ones(len(kernel)))

    def margins(asked: NDArray[np.float32]) -> Floats:
        own_again = np.ones(asked.shape[1], np.float32)
        apart = np.sqrt(np.maximum(_odd(own_again, (asked[0] * asked[1]).sum(axis=1), width), 1e-6))
        return np.asarray(_odd(asked[0] @ own.T, asked[0] @ mirrored.T, width) @ told / apart)

    return margins


def _swayed(squares: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Pictures (n, 64, 64), each a little turned, shifted and scaled its own way; its margins go on outside."""
    size, margin = (SQUARE, SQUARE), SQUARE // 4
    middle, framed = SQUARE / 2, np.pad(squares, ((0, 0), (margin, margin), (margin, margin)), mode="edge")
    made = np.empty_like(squares)
    for row, picture in enumerate(framed):
        angle, scale = np.deg2rad(rng.uniform(-_TURN, _TURN)), np.exp(rng.uniform(-_SCALE, _SCALE))
        along, aside = scale * np.cos(angle), scale * np.sin(angle)
        across, down = rng.uniform(-_SHIFT, _SHIFT, 2) * SQUARE + margin + middle
        place = (along, aside, across - (along + aside) * middle, -aside, along, down + (aside - along) * middle)
        turned = PIL.Image.fromarray(picture).transform(
            size, PIL.Image.Transform.AFFINE, place, PIL.Image.Resampling.BILINEAR
        )
        made[row] = np.asarray(turned)
    return made


def _odd(cosines: NDArray[np.float32], crossed: NDArray[np.float32], width: float) -> Floats:
    """A Gaussian kernel less that with the mirror image, so that a picture and its mirror image have opposite fits."""
    own, other = (np.exp(width * (2 * each.astype(np.float64) - 2)) for each in (cosines, crossed))
    return np.asarray(own - other)


def _folds(patients: Sequence[str], rng: np.random.Generator) -> Iterator[_Fold]:
    """Rows to learn from, and rows of other patients that are judged."""
    codes = numbered(patients)
    fold = rng.permutation(np.arange(codes.max() + 1) % _FOLDS)[codes]
    for number in np.unique(fold):
        learnt = np.flatnonzero(fold != number)
        if len(learnt) > _MOST:
            learnt = rng.choice(learnt, _MOST, replace=False)
        yield learnt, np.flatnonzero(fold == number)


def _learnt(made: NDArray[np.float32], rng: np.random.Generator) -> Callable[[NDArray[np.float32]], Floats]:
    """A kernel ridge regression on 1 and -1 with a Gaussian kernel, whose width is the median distance. made: the
    versions (16, n, 512) of some pictures; it learns from the first one and from some of each other.
    """
    count, some = made.shape[1], max(1, round(_OTHERS * made.shape[1]))
    others = [version[rng.choice(count, some, replace=False)] for version in made[1:]]
    known = np.concatenate([made[0], *others])
    weights = np.repeat([1.0, count / (some * len(others))], [count, some * len(others)])
    cosines = known @ known.T
    width = 1 / max(float(np.median(2 - 2 * cosines)), 1e-6)
    kernel = np.exp(width * (2 * cosines.astype(np.float64) - 2))
    ridge = _RIDGE * len(known) / weights.sum() / weights
    told = np.linalg.solve(kernel + np.diag(ridge), np.where(np.arange(len(known)) < count, 1.0, -1.0))
    return lambda asked: np.exp(width * (2 * asked @ known.T - 2)) @ told


def stance(fitted: Floats, sides: Floats, fault: FaultName) -> Stance:
    """How pictures stand by one fault. fitted, sides: as ``fits`` and ``side_fits`` give.

    A picture is listed if it fits better another way, and in that looks as upright as the others do: what is like
    nothing here fits no way.
    """
    ways = list(WAYS[fault])
    margins, best = _margins(fitted, ways, 0)
    turned = [_margins(fitted, ways, way) for way in ways]
    planted, fixed = (np.concatenate(each) for each in zip(*turned, strict=True))
    if fault == "mirrored":
        margins, planted = sides, -sides
    usual, other = float(np.median(margins)), float(np.median(planted))
    spread = max(spread_of(margins), spread_of(planted), 1e-6)
    fix = np.array(ways)[fitted[:, ways].argmax(axis=1)]
    apart = (usual - other) / spread
    if apart <= 0:
        return Stance(margins, None, fix, np.zeros(len(margins), np.bool_), 0.0)
    threshold = min(0.0, (usual + other) / 2 - _SURE * spread / apart)
    upright, all_ways = float(np.median(fitted[:, 0])), float(np.median(fitted))
    least = min(upright - _UPRIGHT * spread_of(fitted[:, 0]), (upright + all_ways) / 2)
    found = float(((planted < threshold) & (fixed >= least)).mean())
    told = found >= _TOLD
    return Stance(margins, threshold if told else None, fix, told & (margins < threshold) & (best >= least), found)


def _margins(fitted: Floats, ways: Sequence[int], shown: int) -> tuple[Floats, Floats]:
    """By how much pictures fit better as they are than another way, were they shown in a version; and how well they
    fit that way.
    """
    seen = fitted[:, _COMPOSED[:, shown]]
    best = seen[:, ways].max(axis=1)
    return np.asarray(seen[:, 0] - best), np.asarray(best)


def spread_of(values: Floats) -> float:
    """The standard deviation (n,) as the median distance from the median tells it: a few that lie far off change
    nothing.
    """
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def _composed() -> NDArray[np.int64]:
    """(16, 16): which version the version ``first`` is in, seen in the version ``second``: [second, first]."""
    corners = np.arange(4).reshape(2, 2)
    seen = [oriented(corners, each).tobytes() for each in range(ORIENTATIONS)]
    table = np.empty((_VERSIONS, _VERSIONS), np.int64)
    for second in range(_VERSIONS):
        for first in range(_VERSIONS):
            turned = oriented(oriented(corners, first % ORIENTATIONS), second % ORIENTATIONS)
            inverted = (first >= ORIENTATIONS) != (second >= ORIENTATIONS)
            table[second, first] = seen.index(turned.tobytes()) + ORIENTATIONS * inverted
    return table


_COMPOSED: Final = _composed()
