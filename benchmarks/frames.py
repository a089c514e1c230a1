"""Does a frame around a picture ruin its search? Hits of framed queries beside those of the clean ones.

Every picture of a collection asks the whole collection, once as it is and once changed: its original has to come
first, and the ten others to stay the same. What that costs on clean pictures is P@1 and P@5, patient-disjoint, against
the encoder that pads; the interval is of the difference, by patient.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from benchmarks.data import folder
from benchmarks.report import Figure
from lookalike import encoders, metrics, readers
from lookalike.encoders import Encoder
from lookalike.pixels import from_array, picture, prepare
from lookalike.types import Image, Vectors

Grey: TypeAlias = NDArray[np.uint8]
K: Final = 10
SHARE: Final = 0.05  # of each side
PADDED, CROPPED = "lite0-inner", "lite0"


class Collection(NamedTuple):
    """The name of a folder, and its table's columns of labels and patients; "" where every picture is another's."""

    name: str
    labels: str
    patients: str


COLLECTIONS: Final = (
    Collection("chest-xray-dicom5", "class", "patient_id"),
    Collection("brain-mri-tumor", "class", ""),
    Collection("breast-us-busi", "class", ""),
    Collection("mammo-mias", "class", "patient_pair"),
    Collection("chest-xray-nih", "labels", "patient_id"),
)


def _framed(shown: Grey, level: int) -> Grey:
    deep = [(max(1, round(SHARE * side)),) * 2 for side in shown.shape[:2]]
    return np.pad(shown, [*deep, (0, 0)], constant_values=level)


def _wider(shown: Grey) -> Grey:
    return np.pad(shown, [(0, 0), (0, round(0.3 * shown.shape[1])), (0, 0)])


def _collimated(shown: Grey) -> Grey:
    (top, bottom), (left, right) = ((round(SHARE * n), n - round(SHARE * n)) for n in shown.shape[:2])
    dark = np.zeros_like(shown)
    dark[top:bottom, left:right] = shown[top:bottom, left:right]
    return dark


def _squeezed(shown: Grey) -> Grey:
    drawn = PIL.Image.fromarray(shown.squeeze())
    wide = drawn.resize((round(shown.shape[1] * 4 / 3), shown.shape[0]), PIL.Image.Resampling.BICUBIC)
    return np.asarray(wide).reshape(shown.shape[0], -1, shown.shape[2])


CHANGES: Final[dict[str, tuple[Callable[[Grey], Grey], float, float]]] = {
    "black frame 5 %": (lambda shown: _framed(shown, 0), 0.90, 0.97),
    "white frame 5 %": (lambda shown: _framed(shown, 255), 0.65, 0.80),
    "one side + 30 %": (_wider, 0.85, 0.95),
    "collimation 5 %": (_collimated, 0.65, 0.95),
    "squeezed to 4:3": (_squeezed, 0.90, 0.97),
}
"""The change, and what is asked of the overlap with the clean query's hits and of the originals found first."""


def run(data: Path | None) -> list[Figure]:
    """Every picture of five collections in five changes, by the encoder that crops and the one that pads."""
    measured = [_measured(each, folder(each.name, data)) for each in COLLECTIONS]
    figures = []
    for number, (change, (_, overlap, first)) in enumerate(CHANGES.items()):
        for which, target in enumerate((overlap, first)):
            cropped, padded = (np.mean([m.kept[name][number][which] for m in measured]) for name in (CROPPED, PADDED))
            what = ("overlap@10", "original first")[which]
            notes = (
                f"{PADDED}: {padded:.2f}; by collection "
                + ", ".join(f"{m.name} {m.kept[CROPPED][number][which]:.2f}" for m in measured),
            )
            figures.append(Figure(f"{change}, {what}", float(cropped), target, "", notes=notes))
    return figures + [_cost(m) for m in measured]


class Measured(NamedTuple):
    """kept: by encoder, the overlap and the originals first of each change. figures: macro P@1 and P@5 of the two
    encoders; gain: the difference with its interval."""

    name: str
    kept: dict[str, list[tuple[float, float]]]
    figures: dict[str, NDArray[np.float64]]
    gain: tuple[NDArray[np.float64], NDArray[np.float64]]


def _measured(collection: Collection, place: Path) -> Measured:
    rows = list(csv.DictReader((place / "labels.csv").open()))
    shown = [shown_picture(next(iter(readers.read([place / row["file"]])))) for row in rows]
    labels = [row[collection.labels].split("|") for row in rows]
    members = metrics.membership(labels, sorted({name for row in labels for name in row}))
    patients = np.array([row.get(collection.patients) or row["file"] for row in rows])
    kept, per_query = {}, {}
    for name in (CROPPED, PADDED):
        encoder = encoders.load(name)
        clean = encoded(encoder, shown)
        kept[name] = [
            _agreement(clean, encoded(encoder, [change(one) for one in shown])) for change, *_ in CHANGES.values()
        ]
        per_query[name] = precisions(clean, members, patients)
    difference = per_query[CROPPED] - per_query[PADDED]
    interval = metrics.bootstrap_interval(difference, metrics.numbered(patients), "macro", members)
    figures = {name: metrics.macro(values, members) for name, values in per_query.items()}
    return Measured(collection.name, kept, figures, (metrics.macro(difference, members), interval))


def shown_picture(image: Image) -> Grey:
    values: Grey = np.asarray(picture(image, (1.0, 99.0)))
    return values if values.ndim == 3 else values[..., None]


def encoded(encoder: Encoder, pictures: list[Grey]) -> Vectors:
    recipe: Any = encoder.spec.preprocessing
    return encoder.encode_inputs(np.stack([prepare(from_array(one), recipe) for one in pictures]))


def _agreement(clean: Vectors, changed: Vectors) -> tuple[float, float]:
    """How many of the clean query's ten nearest others the changed one finds; how often its original comes first."""
    before, after = clean @ clean.T, changed @ clean.T
    first = float((after.argmax(axis=1) == np.arange(len(clean))).mean())
    for scores in (before, after):
        np.fill_diagonal(scores, -np.inf)
    tops = (np.argsort(-scores, axis=1)[:, :K] for scores in (before, after))
    overlap = [len(set(a) & set(b)) / K for a, b in zip(*tops, strict=True)]
    assert len(overlap) == len(clean)
    return float(np.mean(overlap)), first


def precisions(vectors: Vectors, members: NDArray[np.bool_], patients: NDArray[Any]) -> NDArray[np.float64]:
    """(queries, 2): P@1 and P@5 among the pictures of other patients."""
    scores = vectors @ vectors.T
    scores[patients[:, None] == patients] = -np.inf
    shared = (members.astype(int) @ members.T.astype(int)) > 0
    found = np.take_along_axis(shared, np.argsort(-scores, axis=1), axis=1)[:, :5]
    return np.stack([found[:, 0], found.mean(axis=1)], axis=1).astype(np.float64)


def _cost(measured: Measured) -> Figure:
    """Met unless the interval of the difference lies below 0 at 1 or at 5."""
    middle, (low, high) = measured.gain
    notes = tuple(
        f"P@{k}: {CROPPED} {measured.figures[CROPPED][i]:.3f}, {PADDED} {measured.figures[PADDED][i]:.3f}, "
        f"{middle[i]:+.3f} [{low[i]:+.3f}, {high[i]:+.3f}]"
        for i, k in enumerate((1, 5))
    )
    return Figure(f"{measured.name}, clean: highest gain that the data allow", float(high.min()), 0.0, "", notes=notes)
