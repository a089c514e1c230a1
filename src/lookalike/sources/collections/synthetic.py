"""Synthetic chest radiographs (``thorax``) written as real DICOM files. Nothing here comes from a patient."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset

from lookalike.errors import UsageError
from lookalike.sources.collections.film import Film, FilmPlane
from lookalike.sources.collections.thorax import FINDINGS, draw_thorax

_DEVICES: Final = {
    "AP": ("CR", uid.ComputedRadiographyImageStorage),
    "PA": ("DX", uid.DigitalXRayImageStorageForPresentation),
}
_WHITE: Final = 4095


def _roster(count: int) -> Iterator[tuple[str, int, int]]:
    """(finding, patient number, exposure) of each file; every fourth patient of a finding has two."""
    left = {finding: len(range(i, count, len(FINDINGS))) for i, finding in enumerate(FINDINGS)}
    for number in range(count):
        finding = FINDINGS[number % len(FINDINGS)]
        films = min(left[finding], 2 if number // len(FINDINGS) % 4 == 3 else 1)
        left[finding] -= films
        yield from ((finding, number + 1, exposure) for exposure in range(films))


def _header(film: Film, number: int, exposure: int, seed: int) -> Dataset:
    """Everything but the pixels. Nothing in it reveals the finding."""
    ds = Dataset()
    ds.PatientID, ds.PatientName = f"SYN-{number:04d}", f"Synthetic^{number:04d}"
    ds.PatientSex, ds.PatientAge, ds.PatientBirthDate = film.sex, f"{film.age:03d}Y", ""
    ds.Modality, ds.SOPClassUID = _DEVICES[film.view]
    ds.PresentationIntentType, ds.PresentationLUTShape = "FOR PRESENTATION", "IDENTITY"
    ds.BodyPartExamined, ds.ViewPosition, ds.PatientOrientation = "CHEST", film.view, ["L", "F"]
    ds.ImageType, ds.Manufacturer = ["DERIVED", "PRIMARY"], "lookalike (synthetic)"
    ds.StudyDescription, ds.SeriesDescription = "SYNTHETIC chest", f"SYNTHETIC chest {film.view}"
    ds.ImageComments = "SYNTHETIC: drawn by a program, not a patient"
    ds.StudyDate, ds.StudyTime, ds.StudyID = f"200001{1 + exposure:02d}", "120000", str(1 + exposure)
    ds.SeriesNumber = ds.InstanceNumber = 1
    ds.AccessionNumber = ds.ReferringPhysicianName = ""
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        sources = ["lookalike synthetic", str(seed), str(number), str(exposure), keyword]
        setattr(ds, keyword, uid.generate_uid(entropy_srcs=sources))
    return ds


def _add_pixels(ds: Dataset, picture: FilmPlane, rng: np.random.Generator, inverted: bool) -> None:
    """Store 12 bits in 16; an inverted file is MONOCHROME1 and looks the same."""
    ds.file_meta = FileMetaDataset()
    ds.file_meta.ImplementationClassUID = uid.generate_uid(entropy_srcs=["lookalike synthetic"])
    ds.file_meta.ImplementationVersionName = "LOOKALIKE"
    compressed, implicit = rng.random() < 0.15, rng.random() < 0.3  # a compressed file is explicit
    plain = uid.ImplicitVRLittleEndian if implicit and not compressed else uid.ExplicitVRLittleEndian
    ds.file_meta.TransferSyntaxUID = plain
    stored, kind = np.rint(picture * _WHITE).astype(np.uint16), "MONOCHROME2"
    if inverted:
        stored, kind, ds.PresentationLUTShape = _WHITE - stored, "MONOCHROME1", "INVERSE"
    ds.set_pixel_data(stored, kind, 12, generate_instance_uid=False)
    # Only computed radiography may rescale: the standard fixes slope 1 and intercept 0 for digital X-ray.
    slope, intercept = ((1, 0), (1, -1024), (0.25, 0))[int(rng.integers(3)) if ds.Modality == "CR" else 0]
    ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = slope, intercept, "US"
    if rng.random() < 0.5:
        ds.WindowCenter, ds.WindowWidth = slope * 2048 + intercept, round(slope * rng.uniform(3500, 4096))
    if compressed:
        ds.compress(uid.RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)


def write_collection(folder: Path, *, count: int = 100, seed: int = 0) -> Path:
    """Draw `count` radiographs into ``images/*.dcm`` and return the path of their ``labels.csv``.

    Classes are balanced; some patients have two files, of one label; a tenth of the files is
    MONOCHROME1; transfer syntax, rescale and window vary. ``labels.csv`` has the columns file, label,
    patient_id, sex, age, view. The same count and seed give the same bytes. Raises UsageError for a
    count below 1 or a negative seed.
    """
    if count < 1 or seed < 0:
        raise UsageError(f"count must be at least 1 and seed at least 0, not {count} and {seed}")
    (folder / "images").mkdir(parents=True, exist_ok=True)
    inverted = set(np.random.default_rng((seed, 5)).permutation(count)[: round(count / 10)].tolist())
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["file", "label", "patient_id", "sex", "age", "view"])
        for row, (finding, number, exposure) in enumerate(_roster(count)):
            person = seed * 100_000 + number
            film, picture = Film(person, exposure, 512), draw_thorax(finding, person, exposure=exposure)
            ds, rng = _header(film, number, exposure, seed), np.random.default_rng((seed, 6, row))
            _add_pixels(ds, picture, rng, row in inverted)
            name = f"images/{ds.PatientID}_{exposure + 1}.dcm"
            ds.save_as(folder / name, enforce_file_format=True)
            table.writerow([name, finding, ds.PatientID, film.sex, film.age, film.view])
    return folder / "labels.csv"
