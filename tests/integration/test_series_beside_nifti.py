"""One body, written as a DICOM series and as NIfTI, is the same body: no axis is turned, none mirrored.

DICOM's patient space is LPS+ (PS3.3 C.7.6.2.1.1), NIfTI's is RAS+; the body is alike in no direction.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import lookalike
from conftest import texture
from dicoms import data_set, save
from lookalike.gallery import Gallery
from lookalike.planes import Plane
from lookalike.readers import read
from lookalike.readers.series import read_series
from lookalike.slices import cut
from lookalike.types import Image, VolumeRecipe

nibabel = pytest.importorskip("nibabel", reason="the extra 'volumes' is not installed")

SHAPE = (26, 24, 22)  # along the patient's right-left, back-front and feet-head
SPACING = (1.0, 1.5, 2.0)
PLANES: tuple[Plane, ...] = ("axial", "coronal", "sagittal")
# How the series is stored: the directions (LPS) of its columns and rows, and whether files are numbered backwards.
STORED = {
    "axial": ((1, 0, 0), (0, 1, 0)),
    "axial, head first": ((1, 0, 0), (0, -1, 0)),
    "coronal": ((1, 0, 0), (0, 0, -1)),
    "sagittal": ((0, 1, 0), (0, 0, -1)),
}


def body() -> NDArray[np.int16]:
    """Hounsfield-like numbers (26, 24, 22), index (x, y, z) growing to the right, the front and the head."""
    x, y, z = (texture(seed, 26).astype(float)[: SHAPE[0], : SHAPE[0]] for seed in (1, 2, 3))
    mixed = x[:, : SHAPE[1], None] + y[None, : SHAPE[1], : SHAPE[2]] + z[:, None, : SHAPE[2]]
    values = (mixed - mixed.min()) / np.ptp(mixed) * 700 - 510  # about the soft-tissue window
    return np.where(values < np.quantile(values, 0.02), -1000, values).astype(np.int16)  # and some air


def write_nifti(path: Path) -> Path:
    nibabel.save(nibabel.Nifti1Image(body(), np.diag([*SPACING, 1.0])), path)
    return path


def write_series(folder: Path, stored: str) -> list[Path]:
    """The body as slices; voxel (x, y, z) lies at (-x, -y, z) times the spacing in LPS."""
    folder.mkdir()
    values, files = body(), []
    columns, rows = (np.array(direction) for direction in STORED[stored])
    along = next(axis for axis in range(3) if columns[axis] == rows[axis] == 0)
    for number in range(SHAPE[along]):
        plane, position = _plane(values, columns, rows, along, number)
        ds = data_set(
            np.ascontiguousarray(plane),
            signed=True,
            Modality="CT",
            SeriesInstanceUID="1.2.77",
            SOPInstanceUID=f"1.2.77.{number}",
            PatientID="series",
            InstanceNumber=number,
            PixelSpacing=[SPACING[abs(rows).argmax()], SPACING[abs(columns).argmax()]],
            RescaleSlope=1,
            RescaleIntercept=0,
            ImagePositionPatient=[float(n) for n in position],
            ImageOrientationPatient=[*columns.tolist(), *rows.tolist()],
        )
        files.append(save(ds, folder / f"{number:02}.dcm"))
    return files


def _plane(
    values: NDArray[np.int16], columns: NDArray[np.int64], rows: NDArray[np.int64], along: int, number: int
) -> tuple[NDArray[np.int16], NDArray[np.float64]]:
    """One slice (rows, columns), and the place (LPS, mm) of its first voxel, by walking through every voxel."""
    down, across = int(abs(rows).argmax()), int(abs(columns).argmax())
    to_lps = np.array([-1, -1, 1])
    plane, first = np.empty((SHAPE[down], SHAPE[across]), np.int16), np.zeros(3, int)
    for r in range(SHAPE[down]):
        for c in range(SHAPE[across]):
            voxel = np.zeros(3, int)
            voxel[along] = number
            for axis, step, direction in ((down, r, rows), (across, c, columns)):
                forward = direction[axis] * to_lps[axis] > 0
                voxel[axis] = step if forward else SHAPE[axis] - 1 - step
            plane[r, c] = values[tuple(voxel)]
            if r == c == 0:
                first = voxel
    return plane, first * SPACING * to_lps


def pictures(volume: Image, plane: Plane) -> NDArray[np.uint8]:
    return np.stack([np.asarray(shown) for _, _, shown in cut(volume, VolumeRecipe(plane))])


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("stored", STORED)
def test_the_cut_pictures_are_equal(stored: str, plane: Plane, tmp_path: Path) -> None:
    (nifti,) = read([write_nifti(tmp_path / "body.nii.gz")])
    (series,) = read_series(write_series(tmp_path / "series", stored))
    expected = pictures(nifti, plane)
    assert all(not np.array_equal(expected, turned) for turned in _turned(expected))  # the body tells them apart
    np.testing.assert_array_equal(pictures(series, plane), expected)


def _turned(stack: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Each of its axes reversed, and the picture turned by 180 degrees."""
    return [stack[::-1], stack[:, ::-1], stack[:, :, ::-1], stack[:, ::-1, ::-1]]


@pytest.mark.parametrize("plane", PLANES)
def test_one_finds_the_other_as_itself(plane: Plane, make_gallery: Callable[..., Gallery], tmp_path: Path) -> None:
    write_series(tmp_path / "series", "axial")
    gallery = make_gallery(volumes=VolumeRecipe(plane))
    assert lookalike.index(gallery, [tmp_path / "series"]).added == 1
    (hit,) = lookalike.search(gallery, write_nifti(tmp_path / "body.nii.gz"), k=1).hits
    assert hit.score == pytest.approx(1, abs=1e-3)
    assert hit.match is not None
    assert hit.match.query_slice == hit.match.slice
