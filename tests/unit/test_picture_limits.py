"""How many pictures a file may give."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import PIL.Image
import pytest

from dicoms import data_set, save
from lookalike.errors import UnreadableImageError
from lookalike.readers import read
from lookalike.readers.limits import MAX_PICTURES


def write_dicom(path: Path, count: int) -> None:
    save(data_set(np.zeros((count, 2, 2), np.uint8)), path)


def write_tiff(path: Path, count: int) -> None:
    page = PIL.Image.new("L", (1, 1))
    page.save(path, format="TIFF", save_all=True, append_images=[page] * (count - 1))


def write_nifti(path: Path, count: int) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 4, 1, count), np.uint8), np.eye(4)), path)


@pytest.mark.parametrize(("write", "name"), [(write_dicom, "a.dcm"), (write_tiff, "a.tif"), (write_nifti, "a.nii.gz")])
def test_a_file_gives_no_more_pictures_than_the_limit(
    write: Callable[[Path, int], None], name: str, tmp_path: Path
) -> None:
    write(tmp_path / name, 300)  # a cine loop, a long stack of pages, the moments of a functional study
    assert [image.frame for image in read([tmp_path / name])] == list(range(300))
    write(tmp_path / name, MAX_PICTURES + 1)
    with pytest.raises(UnreadableImageError, match="too-many-frames: 2001 in one file, the limit is 2000"):
        next(iter(read([tmp_path / name])))


def test_a_deep_volume_is_one_record(tmp_path: Path) -> None:
    deep = np.zeros((4, 4, MAX_PICTURES + 100), np.uint8)
    nibabel.save(nibabel.Nifti1Image(deep, np.eye(4)), tmp_path / "a.nii.gz")
    assert [len(image.pixels) for image in read([tmp_path / "a.nii.gz"])] == [MAX_PICTURES + 100]
