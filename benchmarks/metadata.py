"""What ``audit metadata`` lists of values that were changed, and what it lists where nothing was.

Over shared pictures of which it is known how they were taken. A twentieth of a field's values is changed at random,
twenty times over; a listed value that was not changed counts as false, though some of the collections' own values may
be wrong. Beside it the same without a change: whatever is listed is counted as false. The neighbours of a field are
found once. Intervals (95 %, Wilson) take the draws for independent. No shared collection tells contrast media.
"""

from __future__ import annotations

import csv
import random
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from benchmarks import data
from benchmarks.report import Figure
from lookalike.asking.pooling import pooled_vectors
from lookalike.errors import UsageError
from lookalike.evaluation.metadata_report import audited_field
from lookalike.evaluation.metadata_votes import Neighbourhood
from lookalike.gallery import open_gallery
from lookalike.types import Record
from lookalike.verbs.index import index
from lookalike.voting import share_interval

PLANTED: Final = 0.05
DRAWS: Final = 20
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
SEQUENCES: Final = re.compile(r"T1|T2\*|T2|FLAIR|PD|FDG-PET|CT")
"""How the names of sequences in the table of volumes begin; others are left out."""
CUTS: Final = (0.4, 0.5, 0.6)  # of a volume's extent, along each of its axes
PLANES: Final = ("sagittal", "coronal", "axial")  # that are cut across the axes of a volume in RAS order
SMALLEST: Final = 24  # pixels of a side


@dataclass(frozen=True, slots=True)
class Counts:
    """planted: values that were changed; found: of them listed. listed: all that were. clean: without a change."""

    field: str
    records: int
    values: int
    planted: int
    found: int
    listed: int
    clean: int
    agree: float

    def line(self) -> str:
        """As printed."""
        shares = [_told(self.found, self.planted), _told(self.found, self.listed), _told(self.clean, self.records)]
        return (
            f"{self.field:36} n {self.records:4}, {self.values:2} values, agree {self.agree:.2f}: "
            f"recall {shares[0]}, precision {shares[1]}, without errors {self.clean} listed {shares[2]}"
        )


def _told(part: int, whole: int) -> str:
    if not whole:
        return "-"
    low, high = share_interval(part / whole, whole)
    return f"{part / whole:.3f} ({low:.3f} to {high:.3f})"


def run(given: Path | None) -> list[Figure]:
    """Precision and recall of planted errors over all fields that are listed, and false alarms without any."""
    with tempfile.TemporaryDirectory() as scratch:
        counted = [
            *_counts(Path(scratch) / "mixture", "nine kinds", _mixture(given), ("Modality", "BodyPartExamined")),
            *_counts(Path(scratch) / "nih", "radiographs of NIH", _views(given, "chest-xray-nih"), ("ViewPosition",)),
            *_counts(Path(scratch) / "five", "of two hospitals", _views(given, "chest-xray-dicom5"), ("ViewPosition",)),
            *_counts(Path(scratch) / "mias", "mammograms", _sides(given), ("Laterality",)),
            *_counts(Path(scratch) / "slices", "slices", _slices(given, Path(scratch)), ("plane", "Modality+sequence")),
        ]
    found, planted, listed = (sum(getattr(each, name) for each in counted) for name in ("found", "planted", "listed"))
    clean, records = sum(each.clean for each in counted), sum(each.records for each in counted)
    heard = sum(each.planted for each in counted if each.listed)
    notes = tuple(each.line() for each in counted)
    return [
        Figure("metadata, precision of planted errors", found / max(listed, 1), 0.9, "", notes=notes),
        Figure("metadata, recall", found / max(planted, 1), None, ""),
        Figure("metadata, recall in fields that are listed", found / max(heard, 1), None, ""),
        Figure("metadata, listed without errors", clean / records, 0.02, "of values", at_least=False),
    ]


@dataclass(frozen=True, slots=True)
class _Picture:
    """A file with what is known of how it was taken. patient: "" if not known."""

    path: Path
    patient: str
    fields: dict[str, str]


def _mixture(given: Path | None) -> Iterator[_Picture]:
    """Pictures of nine kinds."""
    rng = random.Random(1)
    for name, pattern, modality, part in KINDS:
        for path in rng.sample(sorted(data.folder(name, given).glob(pattern)), EACH):
            yield _Picture(path, "", {"Modality": modality, "BodyPartExamined": part})


def _views(given: Path | None, name: str) -> Iterator[_Picture]:
    folder = data.folder(name, given)
    for row in _rows(folder / "labels.csv"):
        yield _Picture(folder / row["file"], row["patient_id"], {"ViewPosition": row["view"]})


def _sides(given: Path | None) -> Iterator[_Picture]:
    """Mammograms, of which even numbers are of the one side and odd ones of the other (README of MIAS)."""
    folder = data.folder("mammo-mias", given)
    for row in _rows(folder / "labels.csv"):
        side = "L" if int(row["mias_id"].removeprefix("mdb")) % 2 == 0 else "R"
        yield _Picture(folder / row["file"], row["patient_pair"], {"Laterality": side})


def _slices(given: Path | None, scratch: Path) -> Iterator[_Picture]:
    """Slices along three planes of one volume for each patient and sequence; hearts along their short axis."""
    folder, seen = data.folder("volumes", given), set[tuple[str, str]]()
    for row in _rows(folder / "volumes.csv"):
        kind = SEQUENCES.match(row["sequence"])
        if row["format"] != "nifti" or kind is None or (row["patient_id"], kind[0]) in seen:
            continue
        seen.add((row["patient_id"], kind[0]))
        for plane, number, picture in _cut(folder / row["path"]):
            path = scratch / f"{row['patient_id']}-{kind[0].strip('*')}-{len(kind[0])}-{plane}-{number}.png"
            PIL.Image.fromarray(picture).save(path)
            yield _Picture(path, row["patient_id"], {"plane": plane, "Modality": row["modality"], "sequence": kind[0]})
    hearts = data.folder("heart-mr-sunnybrook", given)
    for row in _rows(hearts / "labels.csv"):
        told = {"plane": "", "Modality": "MR", "sequence": "SSFP"}
        yield _Picture(hearts / row["slice_png"], row["patient_id"], told)


def _cut(path: Path) -> Iterator[tuple[str, int, NDArray[np.uint8]]]:
    """Slices of a NIfTI file with square pixels: the plane, the number of the cut, and what is seen."""
    import nibabel

    canonical: Any = nibabel.as_closest_canonical
    volume = canonical(nibabel.load(path))
    values, zooms = np.asarray(volume.dataobj, np.float32), volume.header.get_zooms()[:3]
    low, high = np.percentile(values, (1, 99.5))
    grey = np.clip((values - low) * (255 / max(float(high - low), 1e-6)), 0, 255).astype(np.uint8)
    for axis, plane in enumerate(PLANES):
        across, up = (float(zooms[n]) for n in range(3) if n != axis)
        for number, share in enumerate(CUTS):
            seen = PIL.Image.fromarray(np.ascontiguousarray(np.take(grey, int(share * grey.shape[axis]), axis).T[::-1]))
            least = min(across, up)
            size = round(seen.width * across / least), round(seen.height * up / least)
            if min(size) >= SMALLEST:
                yield plane, number, np.asarray(seen.resize(size))


def _rows(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def _counts(folder: Path, title: str, pictures: Iterator[_Picture], fields: Sequence[str]) -> Iterator[Counts]:
    """A gallery of pictures, and what is found in each of its fields."""
    given, table = list(pictures), folder.with_suffix(".csv")
    names = list(given[0].fields)
    with table.open("w", encoding="utf-8", newline="") as opened:
        rows = csv.writer(opened)
        rows.writerow(["file", "patient_id", "label", *names])
        rows.writerows([each.path, each.patient, title, *(each.fields[name] for name in names)] for each in given)
    with open_gallery(folder, create=True) as gallery:
        index(gallery, [each.path for each in given], labels=table)
        stored, known = pooled_vectors(gallery), gallery.store.records()
        records = [known[int(key)] for key in stored.records]
        around = Neighbourhood(stored.vectors, [record.patient for record in records], NEIGHBOURS)
    for field in fields:
        yield _counted(f"{title}: {field}", field, records, around)


def _counted(title: str, field: str, records: Sequence[Record], around: Neighbourhood) -> Counts:
    planted = found = listed = 0
    for seed in range(DRAWS):
        changed, wrong = _with_errors(field, records, np.random.default_rng(seed))
        _, suspects, _ = audited_field(field, changed, around, seed)
        ids = {each.id for each in suspects}
        planted, found, listed = planted + len(wrong), found + len(ids & wrong), listed + len(ids)
    told, suspects, _ = audited_field(field, records, around, 0)
    return Counts(title, told.records, told.values, planted, found, listed, len(suspects), told.agree or 0.0)


def _with_errors(field: str, records: Sequence[Record], rng: np.random.Generator) -> tuple[list[Record], set[str]]:
    """The records with some values changed to others of the field, and the ids of these. Raises UsageError."""
    name = field.rpartition("+")[2]
    known = [i for i, record in enumerate(records) if record.attributes.get(name)]
    values = sorted({str(records[i].attributes[name]) for i in known})
    if len(values) < 2:
        raise UsageError(f"the collection tells nothing apart by {name}")
    changed, wrong = list(records), set()
    for i in rng.choice(known, max(1, round(PLANTED * len(known))), replace=False):
        others = [value for value in values if value != str(records[i].attributes[name])]
        told = {**records[i].attributes, name: str(rng.choice(others))}
        changed[i] = replace(records[i], attributes=told)
        wrong.add(records[i].id)
    return changed, wrong
