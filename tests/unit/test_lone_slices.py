"""A slice is a slice whichever way it comes: in its volume, alone, as DICOM or as NIfTI."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from conftest import texture
from dicoms import data_set, item, save
from lookalike.pixels import picture
from lookalike.planes import Plane
from lookalike.readers import read
from lookalike.readers.dicom import DicomReader
from lookalike.readers.prepared import Prepared, prepared_views
from lookalike.slices import cut
from lookalike.types import Preprocessing, VolumeRecipe

nibabel = pytest.importorskip("nibabel", reason="the extra 'volumes' is not installed")
pytest.importorskip("nibabel", reason="the extra 'volumes' is not installed")

AS_IT_IS = Preprocessing((48, 48))
ORIENTATIONS: dict[str, tuple[float, ...]] = {
    "axial": (1, 0, 0, 0, 1, 0),
    "axial, head first, turned round": (-1, 0, 0, 0, -1, 0),
    "coronal": (1, 0, 0, 0, 0, -1),
    "sagittal": (0, 1, 0, 0, 0, -1),
    "sagittal, from the other side": (0, -1, 0, 0, 0, -1),
    "oblique": (0.96, 0.28, 0, 0, 0, -1),
}


def body(n: int) -> NDArray[np.int16]:
    values = texture(n + 1, 48).astype(np.int16)
    return np.where(values < np.quantile(values, 0.05), -1000, values * 2 - 150).astype(np.int16)


def slice_file(path: Path, n: int, orientation: tuple[float, ...], **elements: Any) -> Path:
    normal = np.cross(orientation[:3], orientation[3:])
    said: dict[str, Any] = {
        "Modality": "CT",
        "SeriesInstanceUID": "1.2.3",
        "SOPInstanceUID": f"1.2.3.{n}",
        "RescaleSlope": 1,
        "RescaleIntercept": 0,
        "WindowCenter": -600,
        "WindowWidth": 1500,
        "PixelSpacing": [1.5, 1],
        "ImageOrientationPatient": list(orientation),
        "ImagePositionPatient": [round(float(v), 4) for v in normal * 5 * n],
    }
    return save(data_set(body(n), signed=True, **{**said, **elements}), path)


def views(files: list[Path], recipe: VolumeRecipe) -> list[Prepared]:
    return [view for image in read(files) for view in prepared_views(image, AS_IT_IS, recipe)]


@pytest.mark.parametrize("name", ORIENTATIONS)
def test_a_slice_alone_is_what_it_is_in_its_volume(name: str, tmp_path: Path) -> None:
    orientation = ORIENTATIONS[name]
    files = [slice_file(tmp_path / f"{n}.dcm", n, orientation) for n in range(4)]
    whole = views(files, VolumeRecipe())
    alone = [view for file in files for view in views([file], VolumeRecipe())]
    assert len(whole) == len(alone) == 4
    order = sorted(range(4), key=lambda n: [np.array_equal(alone[n].input, view.input) for view in whole].index(True))
    assert order in ([0, 1, 2, 3], [3, 2, 1, 0])  # each is one of them, by its place
    assert {(view.depth, view.view, view.plane, view.shown) for view in alone} == {
        (1, 0, whole[0].plane, whole[0].shown)
    }


def test_a_slice_alone_keeps_its_own_plane(tmp_path: Path) -> None:
    file = slice_file(tmp_path / "s.dcm", 0, ORIENTATIONS["sagittal"])
    planes: tuple[Plane, ...] = ("native", "axial", "coronal", "sagittal")
    own, *others = (views([file], VolumeRecipe(plane)) for plane in planes)
    assert [view.plane for view in own] == ["sagittal"]
    assert all(np.array_equal(other[0].input, own[0].input) for other in others)


def test_galleries_made_before_prepare_it_as_a_picture(tmp_path: Path) -> None:
    file = slice_file(tmp_path / "s.dcm", 0, ORIENTATIONS["axial"])
    (image,) = read([file])
    (before,) = views([file], VolumeRecipe(lone="picture"))
    assert before.plane == ""
    assert before.shown[:2] == (48, 48)
    shown = np.asarray(picture(image, AS_IT_IS.percentiles).convert("RGB"))
    np.testing.assert_array_equal(before.input, shown)
    (now,) = views([file], VolumeRecipe())
    assert now.shown[:2] == (72, 48)  # pixels are as high as they are wide


def test_what_is_no_slice_of_a_body_is_a_picture(tmp_path: Path) -> None:
    """No place, a modality of projections, a CT's localizer, directions that span no plane."""
    place = ORIENTATIONS["axial"]
    unlike = {
        "x-ray": {"Modality": "DX"},
        "scout": {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]},
        "flat": {"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]},
        "no place": {"ImagePositionPatient": None},
    }
    for name, elements in unlike.items():
        (image,) = read([slice_file(tmp_path / f"{name}.dcm", 1, place, **elements)])
        assert image.affine is None, name
    (image,) = read([slice_file(tmp_path / "mr scout.dcm", 1, place, Modality="MR", ImageType=["", "", "LOCALIZER"])])
    assert image.affine is not None


def test_frames_that_make_no_volume_are_slices_by_their_functional_groups(tmp_path: Path) -> None:
    def group(position: list[float], orientation: tuple[float, ...]) -> Any:
        return item(
            PlanePositionSequence=[item(ImagePositionPatient=position)],
            PlaneOrientationSequence=[item(ImageOrientationPatient=list(orientation))],
        )

    each = [group([0, 0, 0], ORIENTATIONS["axial"]), group([0, 0, 9], ORIENTATIONS["sagittal"])]
    measures = item(PixelMeasuresSequence=[item(PixelSpacing=[2, 1], SliceThickness=4)])
    ds = data_set(np.stack([body(0), body(1)]), signed=True, Modality="MR")
    ds.PerFrameFunctionalGroupsSequence, ds.SharedFunctionalGroupsSequence = each, [measures]
    file = save(ds, tmp_path / "two.dcm")
    first, second = views([file], VolumeRecipe())
    assert [first.plane, second.plane] == ["axial", "sagittal"]
    assert first.shown[:2] == second.shown[:2] == (96, 48)
    image = next(iter(DicomReader().read([file])))
    assert image.affine is not None
    np.testing.assert_allclose(np.abs(image.affine[:3, :3]), np.abs(np.diag([4.0, 2, 1])[::-1]))


def niftis(folder: Path, n: int) -> dict[str, Path]:
    """One axial slice, 2.5 x 2.5 x 5 mm, stored in six ways; "dicom" is the same as DICOM."""
    ij = body(n).T  # i to the left, j to the back: LPS
    affine = np.diag([-2.5, -2.5, 5.0, 1.0])
    ways = {
        "as shown": (ij[..., None], affine),
        "rows from the back": (ij[:, ::-1, None], affine @ np.diag([1.0, -1, 1, 1])),
        "to the right and front": (ij[::-1, ::-1, None], affine @ np.diag([-1.0, -1, 1, 1])),
        "the slice first": (ij[None], affine[:, [2, 0, 1, 3]]),
        "the slice between": (ij[:, None], affine[:, [0, 2, 1, 3]]),
        "two dimensions": (ij, affine),
    }
    for name, (values, placed) in ways.items():
        nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(values), placed), folder / f"{name}.nii.gz")
    dicom = slice_file(folder / "s.dcm", n, ORIENTATIONS["axial"], PixelSpacing=[2.5, 2.5], SliceThickness=5)
    return {"dicom": dicom, **{name: folder / f"{name}.nii.gz" for name in ways}}


def test_one_slice_as_nifti_is_its_dicom(tmp_path: Path) -> None:
    files = niftis(tmp_path, 2)
    (expected,) = views([files.pop("dicom")], VolumeRecipe(window="wide"))
    for name, file in files.items():
        for plane in ("native", "axial", "sagittal"):
            (found,) = views([file], VolumeRecipe(plane, window="wide"))  # type: ignore[arg-type]
            np.testing.assert_array_equal(found.input, expected.input, err_msg=name)
            assert (found.shown, found.depth) == (expected.shown, 1)


def test_a_picture_without_a_place_is_prepared_as_ever(tmp_path: Path) -> None:
    PIL.Image.fromarray(texture(3, 48)).save(tmp_path / "p.png")
    (image,) = read([tmp_path / "p.png"])
    (view,) = prepared_views(image, AS_IT_IS, VolumeRecipe())
    np.testing.assert_array_equal(view.input, np.asarray(picture(image, (1, 99)).convert("RGB")))
    assert view.plane == ""


def test_a_blank_slice_alone_is_shown_all_the_same(tmp_path: Path) -> None:
    empty = data_set(np.zeros((8, 8), np.uint16), Modality="MR", PixelSpacing=[1, 1])
    empty.ImagePositionPatient, empty.ImageOrientationPatient = [0, 0, 0], list(ORIENTATIONS["axial"])
    (image,) = read([save(empty, tmp_path / "e.dcm")])
    ((number, count, shown),) = cut(image, VolumeRecipe())
    assert (number, count, shown.size) == (0, 1, (8, 8))
