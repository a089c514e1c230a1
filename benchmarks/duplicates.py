"""How many planted copies the audit for near-duplicates finds, by what was done to them, and what else it calls copies.

Of some pictures of each collection every kind of copy is made, from the picture at its own size, and indexed with the
whole collection. A pair of two different originals is no copy, unless it is one of the pairs known to be true.
"""

from __future__ import annotations

import csv
import io
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import PIL.Image
import PIL.ImageOps

import lookalike
from benchmarks.data import folder
from benchmarks.report import Figure
from lookalike import pixels, readers
from lookalike.errors import UsageError

PLANTED: Final = 20  # pictures of each collection
MOST: Final = 500  # pictures of a collection, at random


class Collection(NamedTuple):
    """true: sets of files that are copies of one another, by their names without a suffix."""

    name: str
    true: tuple[frozenset[str], ...] = ()


COLLECTIONS: Final = (
    Collection("chest-xray-dicom5"),
    Collection("chest-xray-nih"),
    Collection(
        "breast-us-busi",
        tuple(map(frozenset, (("benign_163", "benign_86"), ("normal_122", "normal_25"), ("normal_42", "normal_49")))),
    ),
    Collection(
        "brain-mri-tumor",
        tuple(map(frozenset, (("image201", "image53", "image_40"), ("image246", "image_26"), ("image28", "image_56")))),
    ),
    Collection("mammo-mias"),
    Collection("mednist"),
)
NO_FALSE_PAIR: Final = ("chest-xray-dicom5", "chest-xray-nih")


def _compressed(picture: PIL.Image.Image, quality: int) -> PIL.Image.Image:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return PIL.Image.open(out).convert("L")


def _noisy(picture: PIL.Image.Image) -> PIL.Image.Image:
    values = np.asarray(picture, np.float64)
    values = values + np.random.default_rng(0).normal(0, 8, values.shape)
    return PIL.Image.fromarray(values.clip(0, 255).astype(np.uint8))


def _brighter(picture: PIL.Image.Image) -> PIL.Image.Image:
    return picture.point(lambda value: min(255, round(255 * (value / 255) ** 0.8 * 1.1 + 10)))


def _cropped(picture: PIL.Image.Image, share: float) -> PIL.Image.Image:
    left, top = (round(side * (1 - share) / 2) for side in picture.size)
    return picture.crop((left, top, picture.width - left, picture.height - top))


def _framed(picture: PIL.Image.Image) -> PIL.Image.Image:
    return PIL.ImageOps.expand(picture, round(0.05 * max(picture.size)), 0)


def _quarter(picture: PIL.Image.Image) -> PIL.Image.Image:
    return picture.resize((max(8, picture.width // 4), max(8, picture.height // 4)), PIL.Image.Resampling.BICUBIC)


COPIES: Final[dict[str, tuple[float, Callable[[PIL.Image.Image], PIL.Image.Image]]]] = {
    "JPEG q60": (0.95, lambda picture: _compressed(picture, 60)),
    "JPEG q30": (0.95, lambda picture: _compressed(picture, 30)),
    "quarter size": (0.95, _quarter),
    "noise": (0.95, _noisy),
    "brightness": (0.95, _brighter),
    "frame 5 %": (0.95, _framed),
    "crop 95 %": (0.95, lambda picture: _cropped(picture, 0.95)),
    "mirror": (0.95, PIL.ImageOps.mirror),
    "rotation 5 degrees": (0.8, lambda picture: picture.rotate(5, PIL.Image.Resampling.BICUBIC)),
}
"""The least recall that is wanted, and how the copy is made."""


class _Counts(NamedTuple):
    """found: planted copies by kind, of how many planted. missed, false: pairs of originals."""

    planted: int
    found: Counter[str]
    missed: int
    false: tuple[str, ...]


def run(data: Path | None) -> list[Figure]:
    """Recall of each kind of copy, and pairs that are none."""
    measured = {name: counts for each in COLLECTIONS for name, counts in _measured(each, data)}
    if not measured:
        raise UsageError("none of the collections is there; name the folder above them with --data")
    planted = sum(counts.planted for counts in measured.values())
    figures = []
    for kind, (target, _) in COPIES.items():
        notes = [f"{name:18} {counts.found[kind] / counts.planted:.2f}" for name, counts in measured.items()]
        recall = sum(counts.found[kind] for counts in measured.values()) / planted
        figures.append(Figure(f"duplicates, {kind}", recall, target, "recall", notes=tuple(notes)))
    false = [pair for name in NO_FALSE_PAIR if name in measured for pair in measured[name].false]
    other = [
        f"{name}: {len(counts.false)} other pairs of originals ({', '.join(counts.false[:5])})"
        for name, counts in measured.items()
        if counts.false
    ]
    missed = sum(counts.missed for counts in measured.values())
    return [
        *figures,
        Figure("duplicates, false pairs", len(false), 0, "pairs", at_least=False, notes=tuple(other)),
        Figure("duplicates, true pairs of originals missed", missed, 0, "pairs", at_least=False),
    ]


def _measured(each: Collection, data: Path | None) -> Iterator[tuple[str, _Counts]]:
    """The counts of a collection, if it is there."""
    try:
        root = folder(each.name, data)
    except UsageError:
        return
    with (root / "labels.csv").open(encoding="utf-8") as table:
        files = sorted({root / row["file"] for row in csv.DictReader(table)})
    files = sorted(random.Random(0).sample(files, min(MOST, len(files))))
    with tempfile.TemporaryDirectory() as work:
        copies, planted = Path(work) / "copies", random.Random(1).sample(files, min(PLANTED, len(files)))
        origin = {file.resolve(): number for number, file in enumerate(files)}
        for number, file in enumerate(planted):
            for kind, path in _plant(file, copies, number):
                origin[path.resolve()] = origin[file.resolve()]
                assert kind in path.name
        with lookalike.open(Path(work) / "gallery", create=True) as gallery:
            lookalike.index(gallery, [*files, copies])
            pairs = lookalike.audit_duplicates(gallery).pairs
        both = [(Path(pair.first.source).resolve(), Path(pair.second.source).resolve()) for pair in pairs]
        yield each.name, _counted(each, both, origin, len(planted))


def _plant(file: Path, copies: Path, number: int) -> Iterator[tuple[str, Path]]:
    picture = pixels.picture(next(iter(readers.read([file]))), (0, 100)).convert("L")
    for kind, (_, change) in COPIES.items():
        path = copies / f"{number:03} {kind}.png"
        path.parent.mkdir(exist_ok=True)
        change(picture).save(path)
        yield kind, path


def _counted(each: Collection, both: list[tuple[Path, Path]], origin: dict[Path, int], planted: int) -> _Counts:
    found: Counter[str] = Counter()
    others: set[frozenset[str]] = set()
    originals = {number: path for path, number in reversed(origin.items())}
    for one, two in both:
        if origin[one] != origin[two]:
            others.add(frozenset(originals[origin[path]].stem for path in (one, two)))
        elif originals[origin[one]] in (one, two):
            found[(two if originals[origin[one]] == one else one).stem[4:]] += 1
    known = [pair for pair in others if any(pair <= group for group in each.true)]
    true = sum(len(group) * (len(group) - 1) // 2 for group in each.true)
    false = tuple(sorted("/".join(sorted(pair)) for pair in others - set(known)))
    return _Counts(planted, found, true - len(known), false)
