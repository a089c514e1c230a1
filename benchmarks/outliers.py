"""How well distances from normal pictures tell those with a finding, by record and by study, through the verb.

Half of each collection's patients without a finding, at random, are the reference; the other half of them and those
with a finding are compared with it. No collection here says which pictures are of one study: all of a patient's are
taken for one. Beside it a reference that is another gallery: the radiographs of NIH for those of two hospitals, with
no patient of these among them. Nothing was chosen on any of it.
"""

from __future__ import annotations

import csv
import random
import tempfile
from collections.abc import Collection as Names
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks import data
from benchmarks.report import Figure
from lookalike.evaluation.outlier_report import KnownOutliers
from lookalike.gallery import Gallery, open_gallery
from lookalike.verbs.audit import audit_outliers
from lookalike.verbs.index import index


class Collection(NamedTuple):
    """label: the column of the finding; normal: what it says where there is none."""

    name: str
    label: str
    normal: str


NIH: Final = Collection("chest-xray-nih", "labels", "No Finding")
TWO_HOSPITALS: Final = Collection("chest-xray-dicom5", "class", "no_finding")
COLLECTIONS: Final = (NIH, TWO_HOSPITALS, Collection("brain-mri-archive", "class", "no_tumor"))
MOST: Final = 600  # pictures of a collection, of whole patients at random


def run(given: Path | None) -> Iterator[Figure]:
    """Areas under the curve, by record and by study."""
    with tempfile.TemporaryDirectory() as scratch:
        for each in COLLECTIONS:
            with _indexed(each, given, Path(scratch) / each.name, ()) as gallery:
                yield from _figures(each.name, gallery, "side=reference", None)
        known = {row["patient_id"] for row in _rows(data.folder(TWO_HOSPITALS.name, given))}
        with _indexed(NIH, given, Path(scratch) / "apart", known) as reference:
            place = reference.folder
        with open_gallery(Path(scratch) / TWO_HOSPITALS.name) as gallery:
            yield from _figures("another gallery's reference", gallery, "known=no", place)


def _figures(name: str, gallery: Gallery, reference: str, other: Path | None) -> Iterator[Figure]:
    for per in ("record", "study"):
        found = audit_outliers(gallery, reference, reference_gallery=other, outlier="known=yes", per=per)
        assert found.known is not None
        note = f"reference {found.reference}, listed as beyond 95 % of it {found.beyond} of {found.records}"
        yield Figure(
            f"outliers, {name}, per {per}", found.known.auc or 0, unit="AUROC", notes=(_told(found.known), note)
        )


def _told(known: KnownOutliers) -> str:
    between = "no interval" if known.interval is None else f"95 % {known.interval[0]:.3f} to {known.interval[1]:.3f}"
    return f"{between}, {known.outliers} with a finding, {known.others} without"


def _rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def _indexed(each: Collection, given: Path | None, place: Path, without: Names[str]) -> Gallery:
    """A gallery of the collection but for some patients. Of each picture ``known`` says whether it has a finding."""
    folder, rng = data.folder(each.name, given), random.Random(5)
    rows = [row for row in _rows(folder) if row["patient_id"] not in without]
    patients = sorted({row["patient_id"] for row in rows})
    rng.shuffle(patients)
    place_of = {patient: number for number, patient in enumerate(patients)}
    rows = sorted(rows, key=lambda row: place_of[row["patient_id"]])[:MOST]
    table = [["file", "patient_id", "study_id", "known", "side"]]
    for row in rows:
        normal = row[each.label] == each.normal
        side = "reference" if normal and place_of[row["patient_id"]] % 2 == 0 else "compared"
        table.append([str(folder / row["file"]), *[row["patient_id"]] * 2, "no" if normal else "yes", side])
    written = place.with_suffix(".csv")
    with written.open("w", encoding="utf-8", newline="") as opened:
        csv.writer(opened).writerows(table)
    gallery = open_gallery(place, create=True)
    index(gallery, [row[0] for row in table[1:]], labels=written)
    return gallery
