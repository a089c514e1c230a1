"""What every test may ask for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from lookalike.gallery import Gallery, open_gallery


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images beside the project, or where LOOKALIKE_TEST_DATA says."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("LOOKALIKE_TEST_DATA", beside))
    if not folder.is_dir():
        pytest.skip("no shared/data beside the project and LOOKALIKE_TEST_DATA is not set")
    return folder


@pytest.fixture
def make_gallery(tmp_path: Path) -> Iterator[Callable[..., Gallery]]:
    """Open galleries under the test's own folder; they are closed at the end."""
    opened: list[Gallery] = []

    def make(name: str = "gallery", **options: object) -> Gallery:
        opened.append(open_gallery(tmp_path / name, create=True, **options))  # type: ignore[arg-type]
        return opened[-1]

    yield make
    for gallery in opened:
        gallery.close()


def texture(seed: int, side: int = 64) -> NDArray[np.uint8]:
    """A smooth random grey picture (side, side), the same for the same seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6), dtype=np.uint8)
    return np.asarray(PIL.Image.fromarray(coarse).resize((side, side), PIL.Image.Resampling.BICUBIC))


@pytest.fixture
def picture_folder(tmp_path: Path) -> Path:
    """Twelve PNGs of four patients and two classes, with a label table."""
    return write_pictures(tmp_path / "pictures")


def write_pictures(folder: Path) -> Path:
    """What ``picture_folder`` gives."""
    folder.mkdir()
    rows = ["file,label,patient_id,site"]
    for i in range(12):
        PIL.Image.fromarray(texture(i)).save(folder / f"p{i:02}.png")
        label, site = "even" if i % 2 == 0 else "odd", "north" if i < 6 else "south"
        rows.append(f"p{i:02}.png,{label},patient-{i % 4},{site}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder
