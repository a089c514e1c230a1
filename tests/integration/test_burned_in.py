"""Text in pixels: found, masked or refused, where a gallery or an export asks for it."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import pydicom
import pytest
from numpy.typing import NDArray

from conftest import grained
from dicoms import data_set, save
from lookalike.errors import MissingExtraError, UnreadableImageError
from lookalike.gallery import Gallery
from lookalike.pictures import Pictures
from lookalike.readers.burned_in import is_mark, text_in, without_text
from lookalike.types import VolumeRecipe
from lookalike.verbs.export import export_records
from lookalike.verbs.index import index
from lookalike.verbs.search import search

ocr = pytest.importorskip("rapidocr_onnxruntime", reason="text in pixels needs: pip install 'lookalike[ocr]'")


def written(text: str, place: tuple[int, int] = (20, 20), seed: int = 1, level: int = 255) -> NDArray[np.uint8]:
    """A picture (256, 256) with a line of text."""
    shown = PIL.Image.fromarray((grained(seed, 256) // 3).astype(np.uint8))
    PIL.ImageDraw.Draw(shown).text(place, text, fill=level, font=PIL.ImageFont.load_default(18))
    return np.asarray(shown)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A name, a mark, nothing, and a name in 12 bits."""
    made = tmp_path_factory.mktemp("burned")
    PIL.Image.fromarray(written("DOE JANE 1954-03-12")).save(made / "name.png")
    PIL.Image.fromarray(written("L", seed=2)).save(made / "mark.png")
    PIL.Image.fromarray((grained(3, 256) // 3).astype(np.uint8)).save(made / "clean.png")
    deep = written("DOE JANE 1954-03-12", seed=4).astype(np.uint16) * 16
    save(data_set(deep, stored=12, Modality="CR", BurnedInAnnotation="YES"), made / "deep.dcm")
    return made


def test_a_line_is_found_where_it_is() -> None:
    (line,) = text_in(written("DOE JANE 1954-03-12", (30, 200)))
    assert line.left <= 31
    assert line.top <= 205 <= line.bottom
    assert line.right > 180
    assert text_in(written("L")) == text_in(written("")) == []


@pytest.mark.parametrize("text", ["L", "r", "L MLO", "AP portable", "SEMI-ERECT", "R CC"])
def test_a_mark_names_nobody(text: str) -> None:
    assert is_mark(text)


@pytest.mark.parametrize("text", ["", "L. DOE", "RT2", "4711", "PA 12.03.1954", "Portable Smith"])
def test_what_says_more_is_no_mark(text: str) -> None:
    assert not is_mark(text)


def test_masking_takes_the_line_from_every_frame_and_nothing_else() -> None:
    frames = np.stack([written("DOE JANE", seed=seed) for seed in range(5)])
    cleaned = without_text(frames, "mask")
    assert not text_in(cleaned[3])
    changed = (cleaned != frames).any(axis=0)
    assert 0 < changed.mean() < 0.1
    assert np.array_equal(cleaned[:, 80:], frames[:, 80:])
    inverted = without_text(255 - frames[:1], "mask", inverted=True)
    assert inverted[0, 25, 30] == 255 - frames[0].min()
    with pytest.raises(UnreadableImageError, match="burned-in-text"):
        without_text(frames, "refuse")
    assert without_text(frames, "keep") is frames


def test_a_gallery_that_masks_shows_no_text_anywhere(folder: Path, make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery(volumes=VolumeRecipe(burned_in="mask"))
    assert index(gallery, [folder]).added == 4
    records = {Path(record.source).name: record for record in gallery.store.records().values()}
    thumbnails = gallery.store.thumbnails(gallery.store.records())
    pictures = Pictures(gallery)
    try:
        for name in ("name.png", "deep.dcm"):
            drawn = pictures.of_record(records[name].id).jpeg
            suffix, data = pictures.without_identity(folder / name)
            for jpeg in (drawn, thumbnails[records[name].key]):
                assert not text_in(np.asarray(PIL.Image.open(io.BytesIO(jpeg)).convert("L").resize((512, 512))))
            kept = pydicom.dcmread(io.BytesIO(data)).pixel_array if suffix == ".dcm" else opened(data)
            assert not text_in((kept // (16 if suffix == ".dcm" else 1)).astype(np.uint8))
    finally:
        pictures.close()
    best = search(gallery, folder / "name.png", k=1, same_patient=True).hits[0]
    assert (best.id, best.score > 0.999) == (records["name.png"].id, True)


def opened(data: bytes) -> NDArray[np.uint8]:
    return np.asarray(PIL.Image.open(io.BytesIO(data)))


def test_a_gallery_that_refuses_takes_none(folder: Path, make_gallery: Callable[..., Gallery]) -> None:
    result = index(make_gallery(volumes=VolumeRecipe(burned_in="refuse")), [folder])
    assert result.added == 2
    assert {(Path(each.source).name, each.reason) for each in result.refused} == {
        ("name.png", "burned-in-text"),
        ("deep.dcm", "burned-in-text"),
    }


def test_an_export_masks_or_leaves_out(folder: Path, make_gallery: Callable[..., Gallery], tmp_path: Path) -> None:
    gallery = make_gallery()
    index(gallery, [folder])
    masked = export_records(gallery, tmp_path / "masked")
    assert (masked.records, masked.masked, masked.left_out) == (4, True, ())
    for path in (tmp_path / "masked" / "images").iterdir():
        ds = pydicom.dcmread(path) if path.suffix == ".dcm" else None
        pixels = opened(path.read_bytes()) if ds is None else (ds.pixel_array // 16).astype(np.uint8)
        assert not text_in(pixels), path.name
        if ds is not None:
            assert ds.BurnedInAnnotation == "NO"
            assert "113101" in [each.CodeValue for each in ds.DeidentificationMethodCodeSequence]
    left = export_records(gallery, tmp_path / "left", burned_in="refuse")
    assert (left.records, [each.reason for each in left.left_out]) == (2, ["burned-in-text"] * 2)


def test_without_the_extra_one_line_says_what_to_install(
    folder: Path, make_gallery: Callable[..., Gallery], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.readers.burned_in.find_spec", lambda _name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'lookalike\[ocr\]'"):
        index(make_gallery(volumes=VolumeRecipe(burned_in="mask")), [folder])
