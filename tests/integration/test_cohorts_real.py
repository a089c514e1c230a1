"""Splits of real pictures with copies planted under other patients: judged by which copy was made of what.

``pytest -m slow -s tests/integration/test_cohorts_real.py`` prints the figures of docs/cohorts.md.
"""

from __future__ import annotations

import csv
import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from lookalike.gallery import open_gallery
from lookalike.verbs.cohorts.cohorts import save_cohort, show_cohort
from lookalike.verbs.cohorts.split import CohortSplit, split_cohort
from lookalike.verbs.index import index
from lookalike.verbs.records import list_records

PLANTED = 30
COLLECTIONS = {"brain-mri-tumor": "class", "breast-us-busi": "class", "chest-xray-nih": "labels"}
"""With the column of their labels; a collection without patients gets one for each picture."""

Sides = dict[str, tuple[str, str]]
"""Of each file: part and patient."""


def write_collection(source: Path, folder: Path, column: str) -> list[tuple[str, str]]:
    """The pictures, and copies of some: mirrored, cut, framed, smaller, as JPEG. Returns which copy is of what."""
    with (source / "labels.csv").open(encoding="utf-8", newline="") as opened:
        rows = [row for row in csv.DictReader(opened) if (source / row["file"]).is_file()]
    told, copies = [], []
    for row in rows:
        (folder / row["file"]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / row["file"], folder / row["file"])
        told.append((row["file"], row[column], row.get("patient_id") or f"of {row['file']}"))
    for number, row in enumerate(random.Random(0).sample(rows, PLANTED)):
        picture = np.asarray(PIL.Image.open(source / row["file"]).convert("L"))
        height, width = picture.shape
        made = (
            picture[:, ::-1],
            picture[height // 40 : -(height // 40), width // 40 : -(width // 40)],
            np.pad(picture, width // 20),
            np.asarray(PIL.Image.fromarray(picture).resize((width * 2 // 3, height * 2 // 3))),
        )[number % 4]
        PIL.Image.fromarray(np.ascontiguousarray(made)).save(folder / f"copy{number:02}.jpg", quality=80)
        told.append((f"copy{number:02}.jpg", row[column], f"other {number}"))
        copies.append((f"copy{number:02}.jpg", row["file"]))
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as written:
        csv.writer(written).writerows([("file", "label", "patient_id"), *told])
    return copies


def split_anew(place: Path, folder: Path, runs: Sequence[Sequence[Path]]) -> tuple[CohortSplit, Sides]:
    with open_gallery(place, create=True) as gallery:
        for files in runs:
            index(gallery, files, labels=folder / "labels.csv")
        save_cohort(gallery, "all", every=True)
        found = split_cohort(gallery, "all")
        part = {each.id: each.part for each in show_cohort(gallery, "all", limit=0).items}
        records = list_records(gallery, limit=0).items
        return found, {str(Path(r.source).relative_to(folder)): (part[r.id], r.patient) for r in records}


@pytest.mark.slow
@pytest.mark.parametrize("name", COLLECTIONS)
def test_no_patient_and_no_planted_copy_is_on_two_sides(name: str, shared_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    copies = write_collection(shared_data / name, folder, COLLECTIONS[name])
    files = sorted([*folder.rglob("*.jpg"), *folder.rglob("*.png")])
    found, sides = split_anew(tmp_path / "one", folder, [files])
    assert len(sides) == len(files)
    assert sum(sides[copy][0] != sides[original][0] for copy, original in copies) == 0
    parts: dict[str, set[str]] = {}
    for part, patient in sides.values():
        parts.setdefault(patient, set()).add(part)
    assert max(map(len, parts.values())) == 1
    assert (found.patients_across, found.duplicates_across) == (0, 0)
    assert found.of_others >= PLANTED
    assert max(abs(each.got - each.asked) for each in found.parts) < 0.01
    assert found.error < 0.03
    random.Random(1).shuffle(files)
    again, _ = split_anew(tmp_path / "again", folder, [files[: len(files) // 2], files[len(files) // 2 :]])
    assert again.cohort.digest == found.cohort.digest
    got = " / ".join(f"{each.got:.1%}" for each in found.parts)
    kept = f"{len(parts)} | {found.of_others} | {found.groups}, {found.largest} | {got}"
    print(f"\n| {name} | {len(sides)} | {kept} | {100 * found.error:.1f} of {len(found.values)} values |")
