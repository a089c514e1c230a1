"""The plane that a volume was taken in, from its spacing, its shape and what its header names."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from dicoms import data_set, save
from lookalike.planes import orient, plane_of, slices_first
from lookalike.readers import read
from lookalike.readers.dicom import DicomReader
from lookalike.types import Image, VolumeRecipe

nibabel = pytest.importorskip("nibabel", reason="the extra 'volumes' is not installed")
pytest.importorskip("nibabel", reason="the extra 'volumes' is not installed")

# (mm, voxels) along right-left, back-front and feet-head, and the plane.
TAKEN = {
    "thick, sagittal": ((4.0, 0.5, 0.5), (24, 40, 40), "sagittal"),
    "thick, coronal": ((0.5, 4.0, 0.5), (40, 24, 40), "coronal"),
    "thick, pixels not square": ((1.0, 1.4, 5.0), (40, 30, 9), "axial"),
    "slices nearer than pixels": ((0.8, 1.0, 1.0), (170, 90, 95), "sagittal"),
    "slices a little farther than pixels": ((0.977, 0.977, 1.0), (50, 50, 40), "axial"),
    "isotropic, 160 slices of 256 x 256": ((1.0, 1.0, 1.0), (160, 256, 256), "sagittal"),
    "isotropic, 10 slices of 64 x 64": ((2.0, 2.0, 2.0), (64, 10, 64), "coronal"),
    "isotropic, a template": ((1.0, 1.0, 1.0), (182, 218, 182), "axial"),
    "isotropic, a cube": ((1.0, 1.0, 1.0), (64, 64, 64), "axial"),
    "isotropic, a small crop": ((1.0, 1.0, 1.0), (37, 43, 43), "axial"),
    "a slice alone": ((1.0, 1.0, 5.0), (1, 30, 30), "sagittal"),
}


@pytest.mark.parametrize("case", TAKEN)
def test_the_plane_does_not_depend_on_how_the_array_is_stored(case: str) -> None:
    spacing, shape, plane = TAKEN[case]
    affine, pixels = np.diag([*spacing, 1.0]), np.zeros((*shape, 1), np.uint8)
    for order in permutations(range(3)):
        stored = Image(np.transpose(pixels, (*order, 3)), affine[:, [*order, 3]])
        taken = slices_first(stored)
        assert plane_of(taken) == plane
        assert len(taken.pixels) == shape[("sagittal", "coronal", "axial").index(plane)]
        assert orient(taken, "native").pixels.shape == orient(stored, plane).pixels.shape  # type: ignore[arg-type]
        assert plane_of(taken, "axial") == ("axial" if len(taken.pixels) > 1 else plane)


def test_without_an_affine_nothing_is_turned() -> None:
    stored = Image(np.zeros((9, 5, 1, 1)))
    assert slices_first(stored) is stored
    assert plane_of(stored) == plane_of(stored, "coronal") == ""


def nifti(path: Path, axes: str, dim_info: int | None, shape: tuple[int, ...] = (18, 20, 22)) -> Path:
    """An isotropic volume stored along these axes."""
    directions = np.diag([1.0, 1, 1, 1])[:, ["RAS".index({"L": "R", "P": "A"}.get(a, a)) for a in axes] + [3]]
    image = nibabel.Nifti1Image(np.zeros(shape, np.int16), directions)
    image.header.set_dim_info(slice=dim_info)
    nibabel.save(image, path)
    return path


@pytest.mark.parametrize(
    ("axes", "dim_info", "plane"),
    [
        ("RAS", None, "axial"),
        ("RAS", 0, "sagittal"),
        ("RAS", 1, "coronal"),
        ("RAS", 2, "axial"),
        ("PSR", 2, "sagittal"),
        ("LSP", 2, "coronal"),
        ("PSR", None, "axial"),
    ],
)
def test_the_header_names_the_slice_axis(axes: str, dim_info: int | None, plane: str, tmp_path: Path) -> None:
    (volume,) = read([nifti(tmp_path / "x.nii", axes, dim_info)])
    assert plane_of(volume) == plane


def test_dim_info_that_dcm2niix_left_behind_says_nothing(tmp_path: Path) -> None:
    """It turns a sagittal 3-D acquisition to (right, front, head) and leaves the third axis as the slices'."""
    image = nibabel.Nifti1Image(np.zeros((20, 44, 40), np.int16), np.diag([3.0, 1, 1, 1]))
    image.header.set_dim_info(1, 0, 2)
    nibabel.save(image, tmp_path / "x.nii")
    (volume,) = read([tmp_path / "x.nii"])
    assert plane_of(volume) == "sagittal"


# What dcm2niix 1.0.20220720 stores: of 2-D acquisitions the stack, of 3-D ones turned to (right, front, head).
@pytest.mark.parametrize("between", [1.0, 3.0])
@pytest.mark.parametrize("kind", ["2D", "3D"])
@pytest.mark.parametrize(
    ("plane", "orientation"), [("sagittal", (0, 1, 0, 0, 0, -1)), ("coronal", (1, 0, 0, 0, 0, -1))]
)
def test_a_series_and_its_nifti_are_in_one_plane(
    plane: str, orientation: tuple[int, ...], kind: str, between: float, tmp_path: Path
) -> None:
    normal, count, rows, columns = np.cross(orientation[:3], orientation[3:]), 6, 20, 22
    files = [
        save(
            data_set(
                np.full((rows, columns), n, np.uint16),
                Modality="MR",
                MRAcquisitionType=kind,
                PixelSpacing=[1, 1],
                ImagePositionPatient=[float(v) for v in normal * between * n],
                ImageOrientationPatient=list(orientation),
                SeriesInstanceUID="1.2.5",
                SOPInstanceUID=f"1.2.5.{n}",
            ),
            tmp_path / f"{n}.dcm",
        )
        for n in range(count)
    ]
    (series,) = DicomReader().read(files)
    if kind == "2D":
        stored, affine = (columns, rows, count), np.zeros((4, 4))
        affine[:, 0], affine[:, 1], affine[:, 2] = (
            [*np.array(orientation[:3]) * (-1, -1, 1), 0],
            [*np.array(orientation[3:]) * (1, 1, -1), 0],  # rows from the bottom
            [*normal * (-1, -1, 1) * between, 0],
        )
        affine[3, 3] = 1
    else:
        stored = (count, columns, rows) if plane == "sagittal" else (columns, count, rows)
        affine = np.diag([between if n == count else 1.0 for n in stored] + [1.0])
    image = nibabel.Nifti1Image(np.zeros(stored, np.int16), affine)
    image.header.set_dim_info(1, 0, 2)
    nibabel.save(image, tmp_path / "x.nii")
    (volume,) = read([tmp_path / "x.nii"])
    assert plane_of(volume) == plane_of(series) == (plane if kind == "2D" or between > 1 else "axial")
    assert orient(volume, "native").pixels.shape == orient(series, "native").pixels.shape


def test_galleries_made_before_keep_their_recipe() -> None:
    assert VolumeRecipe().plane == "native"
    before = VolumeRecipe.from_stored('{"plane": "axial", "slices": "all", "window": "auto", "seed": 0}')
    assert before == VolumeRecipe("axial", lone="picture")
