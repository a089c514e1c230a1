"""Several windows in one file: the first by default, another by its number or its explanation, and per frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dicoms import data_set, item, lut_item, save
from lookalike.errors import UsageError
from lookalike.grey import checked_window, grey_map, window_of_file
from lookalike.pixels import apply_window, picture, stretch
from lookalike.readers import read
from lookalike.readers.dicom_frames import read_dicom_frames
from lookalike.readers.prepared import prepared_views
from lookalike.types import Image, Preprocessing, VolumeRecipe

AS_IT_IS = Preprocessing((32, 32), percentiles=(0.0, 100.0))
RAMP = np.arange(32 * 32, dtype=np.uint16).reshape(32, 32)
TWO = {"WindowCenter": [200, 700], "WindowWidth": [100, 300], "WindowCenterWidthExplanation": ["SOFT", "Bone"]}


def file(path: Path, **elements: Any) -> Path:
    return save(data_set(RAMP, **elements), path)


def shown(path: Path, window: str) -> np.ndarray[Any, Any]:
    (image,) = read([path])
    (view,) = prepared_views(image, AS_IT_IS, VolumeRecipe(window=window))
    return view.input[..., 0]


def windowed(center: float, width: float) -> np.ndarray[Any, Any]:
    return stretch(apply_window(RAMP[..., None], center, width), (0, 100))[..., 0]


@pytest.mark.parametrize(
    ("window", "edges"),
    [
        ("auto", (200, 100)),
        ("file", (200, 100)),
        ("file:1", (200, 100)),
        ("file:2", (700, 300)),
        ("file:bone", (700, 300)),
        ("file:Soft", (200, 100)),
        ("file:3", (200, 100)),  # there is none: as ever
        ("file:brain", (200, 100)),
    ],
)
def test_of_a_picture(window: str, edges: tuple[float, float], tmp_path: Path) -> None:
    np.testing.assert_array_equal(shown(file(tmp_path / "x.dcm", Modality="DX", **TWO), window), windowed(*edges))


def test_a_chosen_window_goes_before_a_voi_lut(tmp_path: Path) -> None:
    lut = [lut_item(0, [n % 256 for n in range(1024)], 8)]
    path = file(tmp_path / "x.dcm", Modality="DX", VOILUTSequence=lut, **TWO)
    assert not np.array_equal(shown(path, "auto"), windowed(200, 100))
    np.testing.assert_array_equal(shown(path, "file:2"), windowed(700, 300))


@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_of_a_volume_and_a_slice_of_it(modality: str, tmp_path: Path) -> None:
    files = [
        file(
            tmp_path / f"{n}.dcm",
            Modality=modality,
            PixelSpacing=[1, 1],
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            ImagePositionPatient=[0, 0, n],
            SeriesInstanceUID="1.2.8",
            SOPInstanceUID=f"1.2.8.{n}",
            **TWO,
        )
        for n in range(3)
    ]
    (volume,) = read(files)
    (alone,) = read(files[:1])
    for image in (volume, alone):
        assert grey_map(image, "file:2").ranges == ((550.0, 850.0),)
        assert grey_map(image, "file:none").ranges == grey_map(image, "auto").ranges


def test_windows_and_luts_of_each_frame(tmp_path: Path) -> None:
    ds = data_set(np.stack([RAMP, RAMP, RAMP]), Modality="DX", **TWO)
    table = [n % 256 for n in range(1024)]
    ds.PerFrameFunctionalGroupsSequence = [
        item(FrameVOILUTSequence=[item(WindowCenter=[90, 500], WindowWidth=[50, 60])]),
        item(FrameVOILUTSequence=[item(VOILUTSequence=[lut_item(0, table, 8)])]),
        item(),
    ]
    first, second, third = read_dicom_frames(save(ds, tmp_path / "x.dcm"))
    assert [(window.center, window.width) for window in first.windows] == [(90, 50), (500, 60)]
    assert second.voi_lut is not None
    assert second.voi_lut.table[200] == pytest.approx(200 / 255)
    assert (first.voi_lut, third.voi_lut) == (None, None)
    assert [window.name for window in third.windows] == ["SOFT", "Bone"]
    np.testing.assert_array_equal(np.asarray(picture(first, (0, 100))), windowed(90, 50))


@pytest.mark.parametrize(
    "elements",
    [
        {"WindowCenter": [50, 60], "WindowWidth": [10]},
        {"WindowCenter": [5, 50], "WindowWidth": [0, 10]},  # the first is none
        {"WindowCenter": 50, "WindowWidth": 10, "WindowCenterWidthExplanation": ["A", "B", "C"]},
    ],
)
def test_windows_that_do_not_match_up(elements: dict[str, Any], tmp_path: Path) -> None:
    (image,) = read_dicom_frames(file(tmp_path / "x.dcm", **elements))
    assert [(window.center, window.width) for window in image.windows] == [(50, 10)]
    assert image.window == (50, 10)


@pytest.mark.parametrize("text", ["file:", "file:0", "files", "liver", ""])
def test_an_unknown_window_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no window is called"):
        checked_window(text)


def test_a_malformed_lut_does_not_invalidate_the_picture(tmp_path: Path) -> None:
    bad = lut_item(0, [1, 2], 0)  # of no bits
    for keyword in ("VOILUTSequence", "ModalityLUTSequence"):
        (image,) = read_dicom_frames(file(tmp_path / f"{keyword}.dcm", **{keyword: [bad]}))
        np.testing.assert_array_equal(image.pixels[0, ..., 0], RAMP)
        assert image.voi_lut is None


def test_without_windows_there_is_none_to_choose() -> None:
    assert window_of_file(Image(np.zeros((1, 2, 2, 1))), "file:2") is None
