"""What else might the network be shown? Simple changes of its pictures, each beside what the default encoder sees.

Every picture of five collections asks those of other patients, all of them changed alike. What gains on most would be
adopted. letters: small bright marks in dark corners are painted over. body: cropped to the box of the largest part that
is brighter than the background. grey ranges: the picture, its darker and its brighter half, each stretched, as the
three channels, as three windows would be for CT.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
from scipy import ndimage

from benchmarks.data import folder
from benchmarks.frames import COLLECTIONS, CROPPED, Collection, Grey, encoded, precisions, shown_picture
from benchmarks.report import Figure
from lookalike import encoders, metrics, readers
from lookalike.evaluation.experiment import Askers
from lookalike.evaluation.measures import PerQuery
from lookalike.evaluation.paired import differences, shown_p
from lookalike.evaluation.scores import Scoring
from lookalike.evaluation.tables import cell

NAMES: Final = ("P@1", "P@5")
SCORING: Final = Scoring((1, 5), 2000, 0)
CORNER: Final = 0.3  # of a side: where letters are looked for
LETTER: Final = 0.08  # of a side: how high and wide a mark may be, at most
DARK, BRIGHT = 60, 160  # grey levels: around letters, of letters
PART: Final = 0.25  # of the picture: the smallest body that is cropped to


def run(data: Path | None) -> Iterator[Figure]:
    """A figure a collection and change: the gain in P@5, with intervals and p by patient."""
    for each in COLLECTIONS:
        yield from _figures(each, folder(each.name, data))


def without_letters(shown: Grey) -> Grey:
    """The picture, small bright parts in its corners painted with what lies around them where that is dark."""
    painted, (high, wide) = shown.copy(), shown.shape[:2]
    parts, _ = ndimage.label(ndimage.binary_dilation(shown.max(axis=2) >= BRIGHT))
    for number, (rows, columns) in enumerate(ndimage.find_objects(parts), 1):
        down, across = (rows.start + rows.stop) / 2 / high, (columns.start + columns.stop) / 2 / wide
        cornered = max(min(down, 1 - down), min(across, 1 - across)) <= CORNER
        size = max((rows.stop - rows.start) / high, (columns.stop - columns.start) / wide)
        if not cornered or size > LETTER:
            continue
        near = slice(max(0, rows.start - 8), rows.stop + 8), slice(max(0, columns.start - 8), columns.stop + 8)
        level = np.median(shown[near][parts[near] == 0], axis=0)
        if level.max() <= DARK:
            painted[rows, columns][parts[rows, columns] == number] = level
    return painted


def body(shown: Grey) -> Grey:
    """The box of the largest part brighter than a tenth of the grey range, if it is large enough; else the picture."""
    parts, count = ndimage.label(ndimage.binary_opening(shown.max(axis=2) > 25, iterations=2))
    if not count:
        return shown
    largest = 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
    rows, columns = ndimage.find_objects(parts)[largest - 1]
    cropped = shown[rows, columns]
    return cropped if cropped[..., 0].size >= PART * shown[..., 0].size else shown


def grey_ranges(shown: Grey) -> Grey:
    """(rows, columns, 3): the picture, and its two halves by grey level, each stretched over the whole range."""
    grey = shown.mean(axis=2)
    middle = float(np.median(grey[grey > grey.min()])) if np.ptp(grey) else 128.0
    low = np.clip(grey / max(middle, 1) * 255, 0, 255)
    high = np.clip((grey - middle) / max(255 - middle, 1) * 255, 0, 255)
    return np.stack([grey, low, high], axis=2).round().astype(np.uint8)


CHANGES: Final[dict[str, Callable[[Grey], Grey]]] = {
    "letters": without_letters,
    "body": body,
    "grey ranges": grey_ranges,
}


def _figures(collection: Collection, place: Path) -> Iterator[Figure]:
    rows = list(csv.DictReader((place / "labels.csv").open()))
    shown = [shown_picture(next(iter(readers.read([place / row["file"]])))) for row in rows]
    labels = [row[collection.labels].split("|") for row in rows]
    classes = tuple(sorted({name for row in labels for name in row}))
    members = metrics.membership(labels, classes)
    patients = np.array([row.get(collection.patients) or row["file"] for row in rows])
    askers = Askers(members, classes, patients, ())

    def asked(pictures: list[Grey]) -> PerQuery:
        return precisions(encoded(encoders.load(CROPPED), pictures), members, patients)

    base = asked(shown)
    for name, change in CHANGES.items():
        changed = [change(one) for one in shown]
        share = np.mean([a.shape != b.shape or bool((a != b).any()) for a, b in zip(shown, changed, strict=True)])
        found = asked(changed)
        gaps = differences(found, base, NAMES, askers, SCORING, "macro")
        notes = [
            f"{each}: {metrics.macro(base, members)[i]:.3f} -> {metrics.macro(found, members)[i]:.3f}, "
            f"{cell(gap.value, (gap.low, gap.high), sign=True)}, p {shown_p(gap.p)}"
            for i, (each, gap) in enumerate(gaps.items())
        ]
        gain = gaps[NAMES[-1]].value or 0.0
        about = f"{share:.2f} of {len(rows)} pictures are changed"
        yield Figure(f"{collection.name}, {name}", gain, unit="macro P@5 gained", notes=(*notes, about))
