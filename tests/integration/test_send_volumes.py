"""Answers of volumes and of files of several frames: which image of them is meant, and where the heat lies on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import PIL.Image
import pydicom
import pytest
from pydicom.uid import EnhancedCTImageStorage, UltrasoundMultiFrameImageStorage
from test_send import ROOT, errors_of, header

import lookalike
from conftest import texture
from dicoms import data_set, item, save
from lookalike.gallery import Gallery
from lookalike.verbs.send import SENT_KINDS, send

SLICES: Final = 5


def volumes_of(folder: Path) -> list[Path]:
    """Three sagittal series, a folder each, whose rows run towards the back and whose columns towards the head."""
    files = []
    for n in range(3):
        (folder / f"{n}").mkdir()
        for at in range(SLICES):
            place = {"ImagePositionPatient": [at * 2.0, 0, 0], "ImageOrientationPatient": [0, -1, 0, 0, 0, 1]}
            said = {**header(n), **place, "SOPInstanceUID": f"{ROOT}.{n}.1.{at}", "InstanceNumber": at + 1}
            file = folder / f"{n}" / f"{at}.dcm"
            files.append(save(data_set(texture(n * 10 + at), Modality="CT", **said), file))
    return files


@pytest.fixture(scope="module")
def volumes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    folder = tmp_path_factory.mktemp("volumes")
    volumes_of(folder)
    with lookalike.open(folder / "g", create=True, linked=True) as made:
        lookalike.index(made, [folder / f"{n}" for n in range(3)], patches=True)
        yield made


@pytest.mark.parametrize("kind", SENT_KINDS)
def test_of_a_series_the_slice_that_is_most_similar_is_meant(kind: str, volumes: Gallery, tmp_path: Path) -> None:
    asked = next(record for record in volumes.store.records().values() if record.source.endswith("/0"))
    assert asked.depth == SLICES
    hits = lookalike.search(volumes, id=asked.id, k=5, pictures=False).hits
    one = send(volumes, kind, id=asked.id, to=str(tmp_path))
    file = tmp_path / f"{one.sop_instance_uid}.dcm"
    assert (found := errors_of(file)) == [], found
    made = pydicom.dcmread(file)
    if kind in ("seg", "map"):
        explained = lookalike.explain(volumes, id=asked.id, record=hits[0].id)
        assert f"number {explained.query.slice}" in one.note
        (source,) = made.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence[0].SourceImageSequence
        meant = next(scan for scan in Path(asked.source).iterdir() if _uid(scan) == source.ReferencedSOPInstanceUID)
        place = made.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence[0].ImagePositionPatient
        assert place == pydicom.dcmread(meant).ImagePositionPatient
        shown = np.asarray(explained.query.heat)
        laid = np.abs(made.pixel_array - _resized(shown[::-1], made.pixel_array.shape))
        assert laid.mean() < np.abs(made.pixel_array - _resized(shown, made.pixel_array.shape)).mean()
        return
    named = {str(each.value) for each in made.iterall() if each.keyword == "ReferencedSOPInstanceUID"}
    for hit in hits:
        assert hit.match is not None
        (meant,) = (uid for uid in map(_uid, Path(hit.source).iterdir()) if uid in named)
        assert meant


@pytest.mark.parametrize("kind", ["seg", "map"])
def test_of_a_volume_in_one_file_the_frame_is_named(kind: str, tmp_path: Path) -> None:
    """Frames that lie from feet to head and are stored from head to feet."""
    (tmp_path / "files").mkdir()
    for n in range(2):
        frames = []
        for at in reversed(range(SLICES)):
            frames.append(item(PlanePositionSequence=[item(ImagePositionPatient=[0, 0, at * 2.0])]))
        upright, measures = (
            item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0]),
            item(PixelSpacing=[1, 1], SliceThickness=2),
        )
        shared = item(PlaneOrientationSequence=[upright], PixelMeasuresSequence=[measures])
        pixels = np.stack([texture(n * 10 + at) for at in reversed(range(SLICES))])
        placed = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness")
        said = {name: value for name, value in header(n).items() if name not in placed}
        ds = data_set(pixels, Modality="CT", **{**said, "SOPClassUID": EnhancedCTImageStorage})
        ds.PerFrameFunctionalGroupsSequence, ds.SharedFunctionalGroupsSequence = frames, [shared]
        save(ds, tmp_path / "files" / f"{n}.dcm")
    with lookalike.open(tmp_path / "g", create=True, linked=True) as gallery:
        lookalike.index(gallery, [tmp_path / "files"], patches=True)
        asked = next(each for each in gallery.store.records().values() if each.source.endswith("/0.dcm"))
        assert asked.depth == SLICES
        one = send(gallery, kind, id=asked.id, to=str(tmp_path))
        shown = lookalike.explain(gallery, id=asked.id, record=one.cases[0]).query.slice
    file = tmp_path / f"{one.sop_instance_uid}.dcm"
    assert (found := errors_of(file)) == [], found
    groups = pydicom.dcmread(file).PerFrameFunctionalGroupsSequence[0]
    (source,) = groups.DerivationImageSequence[0].SourceImageSequence
    assert source.ReferencedFrameNumber == SLICES - shown
    assert groups.PlanePositionSequence[0].ImagePositionPatient == [0, 0, shown * 2.0]


def _uid(file: Path) -> str:
    return str(pydicom.dcmread(file, stop_before_pixels=True).SOPInstanceUID)


def _resized(values: Any, shape: tuple[int, ...]) -> Any:
    image = PIL.Image.fromarray(np.ascontiguousarray(values, np.float32), "F")
    return np.asarray(image.resize(shape[::-1], PIL.Image.Resampling.BILINEAR))


def test_of_a_file_of_frames_the_frame_is_named(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    kept = ("PatientID", "PatientName", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "StudyDate")
    for n in range(2):
        said = {name: header(n)[name] for name in kept}
        frames = np.stack([texture(n * 10 + frame) for frame in range(3)])
        ds = data_set(frames, Modality="US", SOPClassUID=UltrasoundMultiFrameImageStorage, **said)
        save(ds, tmp_path / "files" / f"{n}.dcm")
    with lookalike.open(tmp_path / "g", create=True, linked=True) as gallery:
        lookalike.index(gallery, [tmp_path / "files"], patches=True)
        records = [each for each in gallery.store.records().values() if each.source.endswith("/0.dcm")]
        assert {each.frame for each in records} == {0, 1, 2}
        for record in records:
            one = send(gallery, "seg", id=record.id, to=str(tmp_path))
            file = tmp_path / f"{one.sop_instance_uid}.dcm"
            assert (found := errors_of(file)) == [], found
            groups = pydicom.dcmread(file).PerFrameFunctionalGroupsSequence[0]
            (source,) = groups.DerivationImageSequence[0].SourceImageSequence
            assert source.ReferencedFrameNumber == record.frame + 1
