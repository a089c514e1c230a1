"""What ``audit metadata`` lists of values that were changed, and what it lists where nothing was.

Over the shared collections that say how their pictures were taken. A twentieth of a field's values is changed at
random, twenty times over; a listed value that was not changed counts as false, though some of the collections' own
values may be wrong. Beside it the same without a change: whatever is listed is counted as false.
"""

from __future__ import annotations

import csv
import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks import data
from benchmarks.report import Figure
from lookalike.asking.pooling import pooled_vectors
from lookalike.evaluation.metadata_report import audited_field
from lookalike.gallery import Gallery, open_gallery
from lookalike.types import Record, Vectors
from lookalike.verbs.index import index
from lookalike.voting import share_interval

PLANTED: Final = 0.05
DRAWS: Final = 10
NEIGHBOURS: Final = 15
EACH: Final = 60  # pictures of a kind in the mixture
KINDS: Final = (
    *(("chest-xray-nih", "images/*", "CR", "CHEST"), ("brain-mri-tumor", "*/*.jpg", "MR", "BRAIN")),
    *(("breast-us-busi", "*/*.png", "US", "BREAST"), ("mammo-mias", "images/*", "MG", "BREAST")),
    *(("mednist", "AbdomenCT/*", "CT", "ABDOMEN"), ("mednist", "ChestCT/*", "CT", "CHEST")),
    *(("mednist", "HeadCT/*", "CT", "HEAD"), ("mednist", "Hand/*", "CR", "HAND")),
    ("mednist", "BreastMRI/*", "MR", "BREAST"),
)
"""Of which the mixture is made: folder, files, Modality, BodyPartExamined."""
TABLES: Final = {
    "chest-xray-nih": ("labels.csv", "labels", ("view",)),
    "chest-xray-dicom5": ("labels.csv", "class", ("ViewPosition",)),
    "volumes": ("volumes.csv", "organ", ("modality", "body_region", "sequence", "plane", "modality+sequence")),
}
"""By collection: its table, its column of labels, the fields that are audited."""


@dataclass(frozen=True, slots=True)
class Counts:
    """planted: values that were changed; found: of them listed. listed: all that were. clean: without a change."""

    field: str
    records: int
    planted: int
    found: int
    listed: int
    clean: int

    def line(self) -> str:
        """As printed."""
        recall, precision = _told(self.found, self.planted), _told(self.found, self.listed)
        return (
            f"{self.field:38} n {self.records:4}  recall {recall}  precision {precision}  "
            f"without errors {self.clean} of {self.records} listed"
        )


def _told(part: int, whole: int) -> str:
    if not whole:
        return "-" + " " * 17
    low, high = share_interval(part / whole, whole)
    return f"{part / whole:.2f} ({low:.2f} to {high:.2f})"


def run(given: Path | None) -> list[Figure]:
    """Precision and recall of planted errors over all fields that are listed, and false alarms without any."""
    with tempfile.TemporaryDirectory() as scratch:
        counted = [*_mixture(given, Path(scratch)), *_collections(given, Path(scratch))]
    heard = [each for each in counted if each.listed]
    found, planted, listed = (sum(getattr(each, name) for each in heard) for name in ("found", "planted", "listed"))
    clean, records = sum(each.clean for each in counted), sum(each.records for each in counted)
    notes = tuple(each.line() for each in counted)
    return [
        Figure("metadata, precision of planted errors", found / max(listed, 1), 0.9, "", notes=notes),
        Figure("metadata, recall in fields that are listed", found / max(planted, 1), None, ""),
        Figure("metadata, listed without errors", clean / records, 0.02, "of values", at_least=False),
    ]


def _mixture(given: Path | None, scratch: Path) -> Iterator[Counts]:
    """Pictures of nine kinds in one gallery."""
    rows, files, rng = [["file", "Modality", "BodyPartExamined"]], [], random.Random(1)
    for name, pattern, modality, part in KINDS:
        for path in rng.sample(sorted(data.folder(name, given).glob(pattern)), EACH):
            files.append(path)
            rows.append([str(path), modality, part])
    table = scratch / "mixture.csv"
    with table.open("w", encoding="utf-8", newline="") as opened:
        csv.writer(opened).writerows(rows)
    with open_gallery(scratch / "mixture", create=True) as gallery:
        index(gallery, files, labels=table)
        records, vectors = _of(gallery)
    for field in ("Modality", "BodyPartExamined"):
        yield _counted(f"mixture of nine kinds: {field}", field, records, vectors)


def _collections(given: Path | None, scratch: Path) -> Iterator[Counts]:
    for name, (table, label, fields) in TABLES.items():
        folder = data.folder(name, given)
        with open_gallery(scratch / name, create=True) as gallery:
            index(gallery, [folder], labels=folder / table, label_columns=[label])
            records, vectors = _of(gallery)
        for field in fields:
            yield _counted(f"{name}: {field}", field, records, vectors)


def _of(gallery: Gallery) -> tuple[list[Record], Vectors]:
    stored, records = pooled_vectors(gallery), gallery.store.records()
    return [records[int(key)] for key in stored.records], stored.vectors


def _counted(title: str, field: str, records: Sequence[Record], vectors: Vectors) -> Counts:
    planted = found = listed = 0
    for seed in range(DRAWS):
        changed, wrong = _with_errors(field, records, np.random.default_rng(seed))
        _, suspects, _ = audited_field(field, changed, vectors, NEIGHBOURS, seed)
        ids = {each.id for each in suspects}
        planted, found, listed = planted + len(wrong), found + len(ids & wrong), listed + len(ids)
    told, suspects, _ = audited_field(field, records, vectors, NEIGHBOURS, 0)
    return Counts(title, told.records, planted, found, listed, len(suspects))


def _with_errors(field: str, records: Sequence[Record], rng: np.random.Generator) -> tuple[list[Record], set[str]]:
    """The records with some values changed to others of the field, and the ids of these."""
    name = field.rpartition("+")[2]
    known = [i for i, record in enumerate(records) if record.attributes.get(name)]
    values = sorted({str(records[i].attributes[name]) for i in known})
    changed, wrong = list(records), set()
    for i in rng.choice(known, max(1, round(PLANTED * len(known))), replace=False):
        others = [value for value in values if value != str(records[i].attributes[name])]
        told = {**records[i].attributes, name: str(rng.choice(others))}
        changed[i] = replace(records[i], attributes=told)
        wrong.add(records[i].id)
    return changed, wrong
