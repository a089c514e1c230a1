"""The one pass that fills a gallery: reading and encoding at the same time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from lookalike import encoders
from lookalike.asking.reports_of_run import RunReports
from lookalike.gallery import Gallery, open_gallery
from lookalike.ingest import IndexRun
from lookalike.pixels import from_array
from lookalike.readers.events import Frame
from lookalike.sources.item_labels import ItemLabels
from lookalike.sources.reading import ReadEvent, list_items, read_items
from lookalike.sources.source import source_of
from lookalike.types import Vectors

PICTURES = 36  # two lots of 16, and a few


class Encoding:
    """The default encoder, which first waits until more than one lot has been read. broken: it fails at its second."""

    def __init__(self, *, broken: bool = False) -> None:
        self._own, self._broken = encoders.load(), broken
        self.spec = self._own.spec
        self.more = threading.Event()
        self.lots = 0

    def encode_inputs(self, inputs: NDArray[np.uint8]) -> Vectors:
        assert self.more.wait(60), "nothing more was read while pictures were encoded"
        self.lots += 1
        if self._broken and self.lots == 2:
            raise RuntimeError("out of order")
        return self._own.encode_inputs(inputs)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "pictures"
    made.mkdir()
    for i in range(PICTURES):
        drawn = np.random.default_rng(i).integers(0, 256, (8, 8), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
        PIL.Image.fromarray(drawn).save(made / f"{i:02}.png")
    return made


def ingest(gallery: Gallery, folder: Path, encoder: Encoding) -> IndexRun:
    gallery._encoder = gallery.identity, encoder
    listing = list_items([source_of(folder)])
    run = IndexRun(gallery, ItemLabels(None, listing), RunReports(gallery, listing, None, (), None))

    def events() -> Iterator[ReadEvent]:
        read = 0
        for event in read_items(gallery.readers, listing.items, run.items):
            read += isinstance(event, Frame)
            if read > 16:
                encoder.more.set()
            yield event

    with gallery.writing() as turn:
        run.read(events(), turn, len(listing.items), None)
    return run


def test_more_is_read_while_pictures_are_encoded(tmp_path: Path, folder: Path) -> None:
    with open_gallery(tmp_path / "g", create=True) as gallery:
        run = ingest(gallery, folder, Encoding())
        assert run.added == PICTURES
        pictures = {key: Path(record.source) for key, record in gallery.store.records().items()}
        stored = gallery.store.vectors_of_each(pictures)
        exact = encoders.load().encode_images(
            [from_array(np.asarray(PIL.Image.open(each))) for each in pictures.values()]
        )
        own = np.stack([stored[key][0] for key in pictures])
        assert np.sum(exact * own, axis=1).min() > 0.9999, "a record has another picture's vector"


def test_an_encoder_that_fails_ends_the_run_in_its_words(tmp_path: Path, folder: Path) -> None:
    with open_gallery(tmp_path / "g", create=True) as gallery:
        with pytest.raises(RuntimeError, match="out of order"):
            ingest(gallery, folder, Encoding(broken=True))
        assert gallery.store.count() == 0
        assert ingest(gallery, folder, Encoding()).added == PICTURES, "a run after it brings everything"
