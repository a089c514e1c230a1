"""Where the time of indexing goes: processor time a picture of each stage, one after the other in one process.

Decoding and preparing are what a decoding process does, the network and the rest what the indexing process does.
"""

from __future__ import annotations

import hashlib
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import Pipe
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.data import folder
from benchmarks.recall import assert_whole
from benchmarks.report import Figure
from lookalike import encoders
from lookalike.encoders.runtimes.vectors import unit
from lookalike.gallery import open_gallery
from lookalike.pixels import fitted, picture, thumbnail
from lookalike.readers import kind_of_file, read, series_of
from lookalike.sources.files import walk
from lookalike.store import Batch, NewRecord

PICTURES: Final = 100
COLLECTIONS: Final = (("chest-xray-dicom5", ".dcm"), ("mednist", ".jpeg"))


class _Stages(defaultdict[str, float]):
    """Processor seconds of this thread, by stage."""

    @contextmanager
    def of(self, stage: str) -> Iterator[None]:
        started = time.thread_time()
        yield
        self[stage] += time.thread_time() - started


def run(data: Path | None) -> Iterator[Figure]:
    """A figure a collection: all stages together, in milliseconds of processor time a picture."""
    for name, suffix in COLLECTIONS:
        every = [path for path in walk([folder(name, data)]) if path.suffix == suffix]
        files = every[:: max(1, len(every) // PICTURES)][:PICTURES]
        _measured(files[:20])  # what is loaded once
        stages = _measured(files)
        notes = tuple(f"{stage:40} {1000 * spent / len(files):6.2f}" for stage, spent in stages.items())
        total = 1000 * sum(stages.values()) / len(files)
        yield Figure(f"{name}, processor time a picture", total, unit="ms", notes=notes)


def _measured(files: list[Path]) -> _Stages:
    encoder, stages = encoders.load(), _Stages(float)
    recipe: Any = encoder.spec.preprocessing
    inputs, records = [], []
    for file in files:
        with stages.of("its bytes' hash"), file.open("rb") as opened:
            sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        with stages.of("what it is"):
            kind_of_file(file)
            series_of(file)
        with stages.of("header and pixels"):
            image = next(iter(read([file])))
        with stages.of("window, percentiles, 8 bits"):
            shown = picture(image, recipe.percentiles)
        with stages.of("margins, resizing"):
            inputs.append(fitted(shown, recipe)[0])
        with stages.of("thumbnail"):
            small = thumbnail(shown)
        records.append(NewRecord(str(file), sha256, 0, "", (), {}, np.empty(0, np.float32), small))
    stages["to the other process"] = _sent(inputs)
    with stages.of("network"):
        # In this thread, whose time is taken; two pictures a run, as when indexing.
        vectors = np.concatenate([_encoded(encoder, inputs[i : i + 2]) for i in range(0, len(inputs), 2)])
    with tempfile.TemporaryDirectory() as scratch, open_gallery(Path(scratch) / "made", create=True) as gallery:
        with stages.of("store"):
            made = [replace(record, vectors=vector[None]) for record, vector in zip(records, vectors, strict=True)]
            gallery.store.write(Batch(records=made, encoder=gallery.identity))
        with stages.of("index"):
            gallery.index()
        assert_whole(gallery, len(files))
    return stages


def _encoded(encoder: Any, inputs: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
    vectors: NDArray[np.float32] = unit(encoder._run(["vectors"], np.stack(inputs))[0])
    return vectors


def _sent(inputs: list[NDArray[np.uint8]]) -> float:
    """Processor seconds of both ends of a socket."""
    ours, theirs = Pipe()
    other = threading.Thread(target=lambda: [ours.recv_bytes() for _ in inputs])
    started = time.process_time()
    other.start()
    for ready in inputs:
        theirs.send_bytes(ready.tobytes())
    other.join()
    return time.process_time() - started
