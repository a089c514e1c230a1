"""What the processes that draw pictures do once for all who ask, and what they hold."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import PIL.Image
import psutil
import pytest
from drawing_processes import drawers, held, stopped, zygotes
from served import eventually

import lookalike.readers.display
from conftest import texture
from lookalike.errors import UnreadableImageError
from lookalike.readers.display import Display
from lookalike.types import Preprocessing, VolumeRecipe


@pytest.fixture
def display() -> Iterator[Display]:
    recipe = Preprocessing((64, 64), "bilinear", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    opened = Display(recipe, VolumeRecipe())
    yield opened
    opened.close()


def test_a_refusal_is_decoded_once_whatever_is_asked_of_the_file(display: Display, tmp_path: Path) -> None:
    file = tmp_path / "bad.png"
    PIL.Image.fromarray(texture(1)).save(file)
    whole = file.read_bytes()
    file.write_bytes(whole[:-2000])
    with pytest.raises(UnreadableImageError, match="damaged-pixels"):
        display.draw([file])
    with stopped(drawers(psutil.Process())):
        for part in ({}, {"size": 99}, {"slice": 3}, {"slice": 1, "size": 2000}, {"frame": 0}):
            with pytest.raises(UnreadableImageError, match="damaged-pixels"):
                display.draw([file], **part)
    file.write_bytes(whole)  # another file of that name
    assert display.draw([file]).rows == 64


def test_a_damaged_page_hides_none_that_was_drawn(display: Display, tmp_path: Path) -> None:
    file = tmp_path / "pages.tif"
    pages = [PIL.Image.fromarray(texture(seed)) for seed in range(3)]
    pages[0].save(file, save_all=True, append_images=pages[1:], compression="tiff_lzw")
    whole = bytearray(file.read_bytes())
    with PIL.Image.open(file) as opened:
        opened.seek(2)
        start, length = opened.tag_v2[273][0], opened.tag_v2[279][0]
    whole[start : start + length] = b"\xff" * length
    file.write_bytes(whole)
    assert display.draw([file], slice=0).depth == 3
    with pytest.raises(UnreadableImageError):
        display.draw([file], slice=2)
    with stopped(drawers(psutil.Process())), pytest.raises(UnreadableImageError, match="damaged"):
        display.draw([file], slice=2)
    assert display.draw([file], slice=0, size=32).depth == 3


def test_who_asks_for_the_same_at_once_waits_for_one_decoding(display: Display, tmp_path: Path) -> None:
    file, before = tmp_path / "a.png", set(zygotes(psutil.Process()))  # of a test before, that may be ending
    PIL.Image.fromarray(texture(1)).save(file)
    with ThreadPoolExecutor(4) as threads:
        drawn: list[Future[Any]] = [threads.submit(display.draw, [file]) for _ in range(4)]
        assert len({one.result().jpeg for one in drawn}) == 1
    assert len({*zygotes(psutil.Process())} - before) == 1  # one drawing process, whatever children it has


def test_large_volumes_that_are_held_make_room_for_others(
    display: Display, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A drawing process keeps its last volume; of several that do, only as long as none of them is large."""
    files = [tmp_path / f"{number}.nii.gz" for number in range(14)]  # for both of two processes
    for file in files:
        nibabel.save(nibabel.Nifti1Image(texture(1).reshape(16, 16, 16), np.eye(4)), file)

    this = psutil.Process()
    for file in files:
        assert display.draw([file], slice=1).depth == 16
    eventually(lambda: held(this), lambda found: found == [1, 1])
    monkeypatch.setattr(lookalike.readers.display, "_HELD_BYTES", 100)
    for file in files[:4]:
        assert display.draw([file], slice=2).depth == 16
        eventually(lambda: sum(held(this)), lambda count: count == 1)
    display.release()
    eventually(lambda: sum(held(this)), lambda count: count == 0)
    assert display.draw([files[0]], slice=3).depth == 16
