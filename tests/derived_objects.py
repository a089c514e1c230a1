"""The objects that `send` makes, of small images, without a gallery."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, DigitalXRayImageStorageForPresentation

from conftest import texture
from dicoms import data_set, save
from lookalike.readers.source_image import SourceImage, describe_source_image, source_image_of
from lookalike.sending.documents import SearchMethod, SimilarCase, similar_cases_report, similar_cases_selection
from lookalike.sending.headers import reference, with_whole_header
from lookalike.sending.heat_objects import heat_map, heat_segmentation
from lookalike.types import DicomIdentity, VolumeRecipe

ROOT: Final = "1.2.826.0.7.612"
_PLACED: Final[dict[str, Any]] = {
    "FrameOfReferenceUID": f"{ROOT}.9",
    "PositionReferenceIndicator": "",
    "ImagePositionPatient": [0, 0, 0],
    "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
    "PixelSpacing": [1, 1],
    "SliceThickness": 1,
}
SIDE: Final = 64


def source(folder: Path, *, placed: bool = True, **said: Any) -> SourceImage:
    """An image that is asked with. placed: a slice in a frame of reference; else a radiograph."""
    kind = CTImageStorage if placed else DigitalXRayImageStorageForPresentation
    own = {"SOPClassUID": kind, "Modality": "CT" if placed else "DX", **(_PLACED if placed else {})}
    uids = {"StudyInstanceUID": f"{ROOT}.1", "SeriesInstanceUID": f"{ROOT}.2", "SOPInstanceUID": f"{ROOT}.3"}
    file = save(data_set(texture(0, SIDE), **own, **uids, **said), folder / "source.dcm")
    return with_whole_header(source_image_of(describe_source_image([file], 0, 0, VolumeRecipe())))


def derived(image: SourceImage, label: str = "effusion") -> dict[str, Dataset]:
    """The objects by their kinds; a parametric map only where the image can have one."""
    images = [
        reference(DicomIdentity(f"{ROOT}.4.{n}", f"{ROOT}.5.{n}", None, CTImageStorage), f"{ROOT}.6.{n}")
        for n in (1, 2)
    ]
    cases = [SimilarCase(image, rank, 0.9 / rank, (label,)) for rank, image in enumerate(images, 1)]
    method = SearchMethod("lite0", "base", 10, "ImageNet")
    heat = np.linspace(0, 1, SIDE * SIDE, dtype=np.float32).reshape(SIDE, SIDE)
    head = image.header
    made = {
        "sr": similar_cases_report(head, cases, method),
        "kos": similar_cases_selection(head, cases),
        "seg": heat_segmentation(image, heat),
    }
    return {**made, "map": heat_map(image, heat)} if "FrameOfReferenceUID" in head else made
