"""A gallery as people have them, for tours of the page: what jobs have found, and 10,000 real pictures beside it."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import PIL.Image

from browser.conftest import ADAPTED, http, serving
from lookalike.gallery import Gallery, open_gallery
from lookalike.store import Batch, NewRecord
from lookalike.verbs.cohorts.cohorts import save_cohort
from lookalike.verbs.cohorts.split import split_cohort
from lookalike.verbs.curation.readings import give_readings, start_round
from lookalike.verbs.index import index
from lookalike.verbs.map import map_gallery

RECORDS: Final = 10_000
SETS: Final = ("mednist", "brain-mri-archive", "chest-xray-nih64", "chest-xray-nih")
_SIDE: Final = 16  # pixels of a picture that its vector is made of
_READERS: Final = ("anna", "ben")
_PATIENCE: Final = 300.0  # seconds for a job
_JOBS: Final[tuple[tuple[str, Mapping[str, Any]], ...]] = (
    ("adapt", {"name": "second", "kind": "mlp"}),
    ("evaluate", {"space": "base", "folds": 2, "k": [1, 5], "seed": 0}),
    ("evaluate", {"space": "base", "folds": 2, "k": [1, 5], "seed": 0, "options": {"by": ["sex"]}}),
    ("audit", {"fields": ["cols"]}),
    ("audit/duplicates", {"decided": True}),
    ("audit/outliers", {"reference": "label=no_finding", "limit": 20, "decided": True}),
    ("audit/quality", {"faults": ["blank", "inverted"], "decided": True}),
    ("audit/metadata", {"decided": True}),
)


def fill(folder: Path, shared_data: Path) -> None:
    """Bring all of that into the small gallery of tests of the page."""
    _plant(folder, shared_data)
    with serving(folder) as address:
        for path, asked in _JOBS:
            _done(f"{address}api/v1", path, asked)
    with open_gallery(folder) as gallery:
        records = list(_real(shared_data, gallery.spec.dim))[:RECORDS]
        for start in range(0, len(records), 2_000):
            gallery.store.write(Batch(records=records[start : start + 2_000]))
        for space in ("base", ADAPTED, "second"):
            gallery.index(space)
        map_gallery(gallery)
        save_cohort(gallery, "hands and heads", where="label=Hand or label=HeadCT")
        save_cohort(gallery, "opacities", where="label=edema or label=effusion or label=covid19")
        split_cohort(gallery, "opacities")
        _read(gallery)


def _plant(folder: Path, shared_data: Path) -> None:
    """Two copies of radiographs under other patients, and a picture of nothing: so that audits find something."""
    more = folder.parent / "planted"
    more.mkdir()
    rows = [["file", "class", "patient_id"]]
    for number in (0, 21):
        name = f"copy-{number}.png"
        _grey(shared_data / "chest-xray-dicom5" / "files" / f"cxr_{number:03}.dcm").save(more / name)
        rows.append([name, "no_finding", f"another-{number}"])
    PIL.Image.new("L", (384, 384), 90).save(more / "nothing.png")
    rows.append(["nothing.png", "no_finding", "nobody"])
    (more / "labels.csv").write_text("\n".join(map(",".join, rows)) + "\n", encoding="utf-8")
    with open_gallery(folder) as gallery:
        index(gallery, [more], labels=more / "labels.csv", label_columns=["class"])


def _grey(file: Path) -> PIL.Image.Image:
    import pydicom

    pixels = pydicom.dcmread(file).pixel_array.astype(float)
    return PIL.Image.fromarray((255 * (pixels - pixels.min()) / np.ptp(pixels)).astype(np.uint8))


def _done(api: str, path: str, asked: Mapping[str, Any]) -> None:
    """Wait for a job, as a person would."""
    answer = http.post(f"{api}/{path}", json=asked)
    assert answer.status_code == 202, answer.text
    job, until = answer.json(), time.monotonic() + _PATIENCE
    while job["state"] in ("queued", "running"):
        assert time.monotonic() < until, (path, job)
        time.sleep(0.2)
        job = http.get(f"{api}/jobs/{job['id']}").json()
    assert job["state"] == "done", job


def _real(shared_data: Path, dim: int) -> Iterator[NewRecord]:
    """Real pictures with their labels. Near is what is alike pixel by pixel: an encoder would take minutes."""
    project = np.random.default_rng(0).standard_normal((_SIDE * _SIDE, dim)).astype(np.float32)
    for number, (picture, label, patient) in enumerate(_pictures(shared_data)):
        out = io.BytesIO()
        picture.thumbnail((96, 96))
        picture.save(out, "JPEG")
        small = np.asarray(picture.resize((_SIDE, _SIDE)), np.float32).ravel()
        vector = (small - small.mean()) @ project
        yield NewRecord(
            source=f"{label}-{number:05}.png",
            sha256=f"{number:064x}",
            frame=0,
            patient=patient,
            labels=(label,),
            attributes={"PatientSex": "FM"[number % 2], "PatientAge": float(20 + number % 70)},
            vectors=(vector / max(float(np.linalg.norm(vector)), 1e-6))[None],
            thumbnail=out.getvalue(),
        )


def _pictures(shared_data: Path) -> Iterator[tuple[PIL.Image.Image, str, str]]:
    for name in SETS:
        with (shared_data / name / "labels.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                with PIL.Image.open(shared_data / name / row["file"]) as picture:
                    label = row.get("class") or row["labels"].split("|")[0]
                    yield picture.convert("L"), label, f"{name} {row.get('patient_id') or row['file']}"
    with np.load(shared_data / "medmnist" / "pneumoniamnist.npz") as pneumonia:
        for number, (pixels, said) in enumerate(zip(pneumonia["train_images"], pneumonia["train_labels"], strict=True)):
            yield PIL.Image.fromarray(pixels), ("normal", "pneumonia")[int(said[0])], f"child {number}"
        for number, (pixels, said) in enumerate(zip(pneumonia["val_images"], pneumonia["val_labels"], strict=True)):
            yield PIL.Image.fromarray(pixels), ("normal", "pneumonia")[int(said[0])], f"val child {number}"


def _read(gallery: Gallery) -> None:
    """A round that two have read, and one that waits for the administrator eve."""
    ids = [each.id for each in gallery.store.records().values() if "edema" in each.labels or "effusion" in each.labels]
    start_round(gallery, "pilot", ids[:8], labels=["edema", "effusion"], readers=_READERS, by="eve")
    for number, one in enumerate(ids[:8]):
        give_readings(gallery, "pilot", [one], labels=["edema"], reader="anna")
        give_readings(gallery, "pilot", [one], labels=["edema" if number % 3 else "effusion"], reader="ben")
    start_round(gallery, "second pass", ids, labels=["edema", "effusion"], readers=("eve", "anna"), by="eve")
