"""Indexing beside the encoder alone: how much of its rate is left when files are read and vectors stored."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.data import folder
from benchmarks.recall import assert_whole
from benchmarks.report import Figure
from benchmarks.timing import busy_note, interleave
from lookalike import encoders
from lookalike.encoders import Encoder
from lookalike.gallery import open_gallery
from lookalike.readers.events import Frame
from lookalike.readers.pool import ReaderPool
from lookalike.sources.files import walk
from lookalike.verbs.index import index

ROUNDS = 3
ALONE = 640  # prepared pictures that the encoder is timed on
BATCH = 64
TARGET = 0.8


def run(data: Path | None) -> list[Figure]:
    """Every round indexes all of MedNIST into a new gallery, and encodes prepared pictures."""
    files = [path for path in walk([folder("mednist", data)]) if path.suffix == ".jpeg"]
    encoder = encoders.load()
    inputs = _prepared(encoder, files[:: len(files) // ALONE][:ALONE])
    with tempfile.TemporaryDirectory() as scratch:
        galleries = (Path(scratch) / str(number) for number in itertools.count())

        def indexing() -> None:
            with open_gallery(next(galleries), create=True) as gallery:
                gallery._encoder = gallery.identity, encoder  # loaded already, as it is on the other side
                assert index(gallery, files).added == len(files)

        def alone() -> None:
            for start in range(0, len(inputs), BATCH):
                encoder.encode_inputs(inputs[start : start + BATCH])

        alone()
        timings = interleave(ROUNDS, encoder=alone, indexing=indexing)
        with open_gallery(Path(scratch) / "0") as gallery:
            assert_whole(gallery, len(files))
    by_clock, by_cpu = (
        (len(files) / indexing_seconds) / (len(inputs) / encoder_seconds)
        for indexing_seconds, encoder_seconds in (
            (timings["indexing"].seconds, timings["encoder"].seconds),
            (timings["indexing"].cpu_seconds, timings["encoder"].cpu_seconds),
        )
    )
    notes = (
        f"indexing {len(files)} files from start to end: {len(files) / timings['indexing'].seconds:.1f} images/s, "
        f"{timings['indexing'].cpu_seconds / len(files) * 1000:.2f} ms of processor time an image",
        f"encoder alone: {len(inputs) / timings['encoder'].seconds:.1f} images/s, "
        f"{timings['encoder'].cpu_seconds / len(inputs) * 1000:.2f} ms of processor time an image",
        f"the same ratio by processor time: {by_cpu:.2f}",
        busy_note(timings),
    )
    return [Figure("pace", by_clock, TARGET, "of the encoder's rate", notes=notes)]


def _prepared(encoder: Encoder, files: list[Path]) -> NDArray[np.uint8]:
    with ReaderPool(encoder.spec.preprocessing) as readers:
        return np.stack([event.input for event in readers.read(files) if isinstance(event, Frame)])
