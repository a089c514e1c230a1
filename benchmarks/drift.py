"""What ``audit drift`` finds of planted drift between twenty patients and twenty others, and how often it warns.

Planted in all pictures after: another grey scale (gamma 1.3), four fifths of the contrast, noise. In the labels: one of
them three times as probable among those after. Nothing was chosen on these collections.
"""

from __future__ import annotations

import csv
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks import data
from benchmarks.report import Figure
from lookalike.asking.query import read_frames
from lookalike.evaluation.recorded_fields import LABEL
from lookalike.gallery import open_gallery
from lookalike.store import Batch, NewRecord
from lookalike.types import Vectors
from lookalike.verbs.audit import audit_drift
from lookalike.voting import share_interval

COLLECTIONS: Final = ("breast-us-busi", "brain-mri-tumor", "chest-xray-nih")
DRAWS: Final = 40
PATIENTS: Final = 20  # of each side
MOST_FALSE: Final = 0.05
OFTENER: Final = 3.0

Inputs = NDArray[Any]
CHANGES: Final[dict[str, Callable[[Inputs], Inputs]]] = {
    "nothing": lambda shown: shown,
    "gamma": lambda shown: 255 * (shown / 255) ** np.float32(1.3),
    "contrast": lambda shown: 128 + (shown - 128) * 0.8,
    "noise": lambda shown: shown + np.random.default_rng(0).normal(0, 12, shown.shape).astype(np.float32),
}
_LABELS: Final = "labels"


class Pictures(NamedTuple):
    """vectors: of the pictures, by what was changed. patients, labels: of each."""

    vectors: dict[str, Vectors]
    patients: NDArray[np.str_]
    labels: NDArray[np.str_]


class Told(NamedTuple):
    """What a run of the verb says to differ."""

    nearest: bool
    distribution: bool
    pictures: bool
    labels: bool


def run(given: Path | None) -> Iterator[Figure]:
    """Found and false, by what was planted; the notes tell each test and collection."""
    found: dict[str, list[list[Told]]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name in COLLECTIONS:
            pictures = _read(data.folder(name, given), Path(scratch) / name)
            for kind in (*CHANGES, _LABELS):
                place = Path(scratch) / f"{name}-{kind}"
                told = [_drawn(pictures, kind, seed, place / str(seed)) for seed in range(DRAWS)]
                found.setdefault(kind, []).append(told)
    for kind, of_each in found.items():
        every = [told for each in of_each for told in each]
        hit = sum(told.labels if kind == _LABELS else told.pictures for told in every)
        notes = [f"{name:18} {_line(each)}" for name, each in zip(COLLECTIONS, of_each, strict=True)]
        low, high = share_interval(hit / len(every), len(every))
        notes.append(f"all: 95 % {low:.2f} to {high:.2f}, {_line(every)}")
        target = MOST_FALSE + 0.04 if kind == "nothing" else None
        yield Figure(f"drift, {kind}", hit / len(every), target, "of draws", at_least=False, notes=tuple(notes))


def _line(every: list[Told]) -> str:
    counts = ", ".join(f"{name} {sum(getattr(told, name) for told in every)}" for name in Told._fields)
    return f"{counts} of {len(every)}"


def _read(folder: Path, place: Path) -> Pictures:
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    with open_gallery(place, create=True) as gallery:
        shown = np.stack([read_frames(gallery, str(folder / row["file"]))[0].input for row in rows])
        vectors = {
            name: gallery.encoder.encode_inputs(np.clip(change(shown.astype(np.float32)), 0, 255).astype(shown.dtype))
            for name, change in CHANGES.items()
        }
    patients = np.array([row.get("patient_id") or row["file"] for row in rows])
    return Pictures(vectors, patients, np.array([row.get("class") or row["labels"].split("|")[0] for row in rows]))


def _drawn(pictures: Pictures, kind: str, seed: int, place: Path) -> Told:
    """Twenty patients before, twenty others after, through the verb."""
    rng = np.random.default_rng(seed)
    names = rng.permutation(np.unique(pictures.patients))
    before, rest = names[:PATIENTS], names[PATIENTS:]
    if kind == _LABELS:
        oftener = Counter(pictures.labels.tolist()).most_common(1)[0][0]
        bearing = np.isin(rest, pictures.patients[pictures.labels == oftener])
        weights = np.where(bearing, OFTENER, 1.0)
        rest = rng.choice(rest, PATIENTS, replace=False, p=weights / weights.sum())
    first, second = (np.flatnonzero(np.isin(pictures.patients, side)) for side in (before, rest[:PATIENTS]))
    after = pictures.vectors[kind if kind in CHANGES else "nothing"][second]
    vectors, batch = np.concatenate([pictures.vectors["nothing"][first], after]), Batch()
    for number, row in enumerate([*first, *second]):
        side = {"side": "before" if number < len(first) else "after"}
        patient, labels = str(pictures.patients[row]), (str(pictures.labels[row]),)
        vector = vectors[number : number + 1]
        batch.records.append(NewRecord(f"{number}.png", f"{number:064x}", 0, patient, labels, side, vector, b""))
    with open_gallery(place, create=True, encoder=f"imported:drift:{vectors.shape[1]}") as gallery:
        gallery.store.write(batch)
        audit = audit_drift(gallery, "side=before", "side=after", seed=seed)
    assert audit.pictures is not None
    assert audit.distribution is not None
    labels_changed = any(each.field == LABEL and each.p < MOST_FALSE for each in audit.shares)
    return Told(audit.pictures.shifted, audit.distribution.p < MOST_FALSE, audit.differ, labels_changed)
