"""One volume, or several at the same places, in every way that DICOM stores them: all are alike."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from test_volumes import body, records

from dicoms import data_set, item, save
from lookalike.errors import UnreadableImageError, UsageError
from lookalike.gallery import Gallery
from lookalike.pictures import Pictures
from lookalike.readers import read
from lookalike.types import Image, VolumeRecipe
from lookalike.verbs.index import index
from lookalike.verbs.search import search

pytest.importorskip("nibabel", reason="the extra 'volumes' is not installed")

MakeGallery = Callable[..., Gallery]
STEP, SIDE, DEPTH = 3.5, 24, 6
SPACING = (2.0, 1.5)
ORIGIN = np.array([-20.0, -30.0, 40.0])
# The directions (LPS) of rows and columns; mosaics are counted to the left, the back and the head.
TURNS = {"axial": (1, 0, 0, 0, 1, 0), "coronal": (1, 0, 0, 0, 0, -1), "sagittal": (0, 1, 0, 0, 0, -1)}
COUNTED = {"axial": (0, 0, 1), "coronal": (0, 1, 0), "sagittal": (1, 0, 0)}


def elements(turn: str, number: int, **more: Any) -> dict[str, Any]:
    return {
        "Modality": "MR",
        "PatientID": "MRN-7",
        "StudyInstanceUID": "1.2.3",
        "SeriesInstanceUID": "1.2.3.4",
        "SOPInstanceUID": f"1.2.3.4.{number}",
        "InstanceNumber": number,
        "PixelSpacing": [*SPACING],
        "ImageOrientationPatient": [*TURNS[turn]],
        "SpacingBetweenSlices": STEP,
        **more,
    }


def position(turn: str, place: int) -> list[float]:
    return [float(n) for n in ORIGIN + np.array(COUNTED[turn]) * STEP * place]


def points(count: int) -> list[NDArray[np.uint16]]:
    """The volumes (depth, rows, columns)."""
    return [(body(seed) + 1024).astype(np.uint16) for seed in range(count)]


def write_slices(folder: Path, count: int = 1, turn: str = "axial", *, preamble: bool = True) -> Path:
    """A file a slice, time point by time point."""
    folder.mkdir(parents=True)
    for time, values in enumerate(points(count)):
        for place, plane in enumerate(values):
            number = time * DEPTH + place + 1
            of_time = {"ImagePositionPatient": position(turn, place), "TemporalPositionIdentifier": time + 1}
            ds = data_set(plane, **elements(turn, number, **of_time))
            save(ds, folder / f"{number:03}.dcm", preamble=preamble)
    return folder


def write_mosaics(folder: Path, count: int = 1, turn: str = "axial") -> Path:
    """A Siemens mosaic a time point."""
    folder.mkdir(parents=True)
    grid = math.ceil(math.sqrt(DEPTH))
    along_columns, along_rows = np.array(TURNS[turn], float).reshape(2, 3)
    beyond = (grid - 1) / 2 * SIDE
    corner = ORIGIN - along_columns * beyond * SPACING[1] - along_rows * beyond * SPACING[0]
    for time, values in enumerate(points(count)):
        picture = np.zeros((grid * SIDE, grid * SIDE), np.uint16)
        for place, plane in enumerate(values):
            top, left = place // grid * SIDE, place % grid * SIDE
            picture[top : top + SIDE, left : left + SIDE] = plane
        kind = {"ImageType": ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"], "ImagePositionPatient": corner.tolist()}
        ds = data_set(picture, **elements(turn, time + 1, **kind))
        ds.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0A, "US", DEPTH)
        save(ds, folder / f"{time:03}.dcm")
    return folder


def write_grids(folder: Path, count: int = 1, turn: str = "axial") -> Path:
    """A UIH grid a time point: two rows of three tiles."""
    folder.mkdir(parents=True)
    for time, values in enumerate(points(count)):
        picture = np.block([[values[row * 3 + column] for column in range(3)] for row in range(2)])
        ds = data_set(picture, **elements(turn, time + 1, ImageType=["ORIGINAL", "PRIMARY", "M", "VFRAME"]))
        block = ds.private_block(0x0065, "Image Private Header", create=True)
        block.add_new(0x50, "DS", str(DEPTH))
        block.add_new(0x51, "SQ", [item(ImagePositionPatient=position(turn, place)) for place in range(DEPTH)])
        save(ds, folder / f"{time:03}.dcm")
    return folder


def frame_item(turn: str, place: int, kind: str) -> Dataset:
    return item(
        PlanePositionSequence=[item(ImagePositionPatient=position(turn, place))],
        FrameContentSequence=[item(InStackPositionNumber=place + 1)],
        MRImageFrameTypeSequence=[item(ComplexImageComponent=kind)],
    )


def write_enhanced(folder: Path, count: int = 1, turn: str = "axial") -> Path:
    """One enhanced file: the volumes, place by place, differ in the complex component of their frames."""
    folder.mkdir(parents=True)
    kinds = ["MAGNITUDE", "PHASE", "REAL"][:count]
    planes = [values[place] for place in range(DEPTH) for values in points(count)]
    frames = [frame_item(turn, place, kind) for place in range(DEPTH) for kind in kinds]
    shared = item(
        PlaneOrientationSequence=[item(ImageOrientationPatient=[*TURNS[turn]])],
        PixelMeasuresSequence=[item(PixelSpacing=[*SPACING])],
    )
    groups = {"PerFrameFunctionalGroupsSequence": frames, "SharedFunctionalGroupsSequence": [shared]}
    save(data_set(np.stack(planes), **elements(turn, 1, **groups)), folder / "all.dcm")
    return folder


WAYS = [write_slices, write_mosaics, write_grids, write_enhanced]
Write = Callable[[Path, int, str], Path]


def only_volume(folder: Path) -> Image:
    (volume,) = read(sorted(folder.iterdir()))
    return volume


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("write", WAYS)
def test_every_way_holds_the_same_voxels_at_the_same_places(write: Write, turn: str, tmp_path: Path) -> None:
    volume = only_volume(write(tmp_path / "in", 1, turn))
    assert volume.affine is not None
    (values,) = points(1)
    assert volume.pixels.shape == (DEPTH, SIDE, SIDE, 1)
    for place in range(DEPTH):
        # Depth may run either way: the place decides.
        found = np.linalg.inv(volume.affine) @ [*(np.array(position(turn, place)) * [-1, -1, 1]), 1]
        depth = round(found[0])
        np.testing.assert_allclose(found, [depth, 0, 0, 1], atol=1e-9)
        np.testing.assert_array_equal(volume.pixels[depth, ..., 0], values[place])
    np.testing.assert_allclose(volume.spacing, (STEP, *SPACING))


def test_files_without_a_preamble_are_slices(make_gallery: MakeGallery, tmp_path: Path) -> None:
    write_slices(tmp_path / "bare", preamble=False)
    assert not any(b"DICM" in file.read_bytes()[:132] for file in (tmp_path / "bare").iterdir())
    gallery = make_gallery()
    assert index(gallery, [tmp_path / "bare"]).refused == ()
    (record,) = records(gallery)
    assert record.depth == DEPTH
    pictures = Pictures(gallery)
    assert len(pictures.files_of(record.id)) == DEPTH
    assert pictures.of_record(record.id, slice=2).depth == DEPTH
    pictures.close()


@pytest.mark.parametrize(
    "write",
    [
        write_slices,
        write_enhanced,
        *(pytest.param(way, marks=pytest.mark.slow) for way in (write_mosaics, write_grids)),
    ],
)
def test_several_volumes_are_refused_or_split(write: Write, make_gallery: MakeGallery, tmp_path: Path) -> None:
    write(tmp_path / "in", 3, "axial")
    refused = index(make_gallery("refuse"), [tmp_path / "in"])
    assert [(one.reason, one.detail.split(" in ")[0]) for one in refused.refused] == [("four-dimensional", "3 volumes")]
    assert refused.records == 0
    gallery = make_gallery("split", volumes=VolumeRecipe(four_d="split"))
    for added in (3, 0):
        result = index(gallery, [tmp_path / "in"])
        assert (result.added, result.refused, result.records) == (added, (), 3)
    found = sorted(records(gallery), key=lambda record: record.frame)
    assert [(record.frame, record.depth) for record in found] == [(0, DEPTH), (1, DEPTH), (2, DEPTH)]
    assert len({record.id for record in found}) == 3
    pictures = Pictures(gallery)
    for number, record in enumerate(found):
        (hit,) = search(gallery, f"{tmp_path / 'in'}#{number}", k=1, same_patient=True).hits
        assert hit.id == record.id
        assert hit.score == pytest.approx(1, abs=1e-3)
        # Each volume's picture is its own.
        of_time = sorted(write_slices(tmp_path / f"slices{number}", 3).iterdir())[number * DEPTH :][:DEPTH]
        assert pictures.of_record(record.id, slice=1).jpeg == pictures.of_files(of_time, slice=1).jpeg
    pictures.close()


def test_a_mosaic_that_does_not_say_how_many_it_holds_is_refused(make_gallery: MakeGallery, tmp_path: Path) -> None:
    (file,) = write_mosaics(tmp_path / "in").iterdir()
    ds = pydicom.dcmread(file)
    ds.remove_private_tags()
    ds.save_as(file)
    result = index(make_gallery(), [tmp_path])
    assert [(one.reason, result.records) for one in result.refused] == [("mosaic", 0)]


def test_files_without_a_series_identifier_merge_only_as_a_whole(make_gallery: MakeGallery, tmp_path: Path) -> None:
    for folder in ("whole", "some"):
        for file in write_slices(tmp_path / folder).iterdir():
            ds = pydicom.dcmread(file)
            ds.SeriesInstanceUID = ""
            ds.SOPInstanceUID = f"{ds.SOPInstanceUID}.{len(folder)}"
            ds.save_as(file)
    (tmp_path / "some" / "003.dcm").unlink()
    gallery = make_gallery()
    result = index(gallery, [tmp_path])
    assert (result.refused, sorted(record.depth for record in records(gallery))) == ((), [1, 1, 1, 1, 1, 6])


def test_a_folder_of_a_spoiled_series_says_what_it_saw(make_gallery: MakeGallery, tmp_path: Path) -> None:
    write_slices(tmp_path / "in")
    gallery = make_gallery()
    index(gallery, [tmp_path / "in"])
    shutil.copytree(tmp_path / "in", tmp_path / "spoiled")
    (tmp_path / "spoiled" / "003.dcm").unlink()
    with pytest.raises((UsageError, UnreadableImageError), match=r"1 missing at the usual distance of 3\.5 mm"):
        search(gallery, tmp_path / "spoiled")
