"""A region searched through the patches of 10,000 pictures, exactly."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from benchmarks.report import Figure
from benchmarks.timing import busy_note, interleave
from lookalike.gallery import Gallery, open_gallery
from lookalike.store import Batch, NewRecord, record_id
from lookalike.store.packed import row_of, unpacked
from lookalike.store.patches import keep
from lookalike.types import Box, Displayed, PatchMap
from lookalike.verbs.search import search

PICTURES, SIDE, CHANNELS = 10_000, 14, 192
STORED = 250  # records a transaction
ROUNDS = 7
BOX: Box = (3 / SIDE, 5 / SIDE, 7 / SIDE, 9 / SIDE)  # four patches a side
SEEN = Displayed(224, 224)


def run(_data: Path | None) -> list[Figure]:
    """Random patches, a patient a picture; the gallery is open and the file in the system's memory."""
    with tempfile.TemporaryDirectory() as scratch, open_gallery(Path(scratch) / "g", create=True) as gallery:
        _fill(gallery)
        _assert_right(gallery)
        held = psutil.Process().memory_info().rss
        timings = interleave(ROUNDS, region=lambda: search(gallery, id=record_id(_sha256(1), 0), box=BOX))
        grown = psutil.Process().memory_info().rss - held
        size = (gallery.folder / "gallery.db").stat().st_size
    stored = len(row_of(0, "", 0, PatchMap(SEEN, _codes(0)))["data"])
    notes = (
        f"{PICTURES} pictures, {SIDE} x {SIDE} patches of {CHANNELS} numbers, "
        f"{stored} bytes a picture; the gallery takes {size / 1e6:.0f} MB",
        f"a box of 4 x 4 patches; medians of {ROUNDS}, the quickest {min(timings['region'].wall) * 1000:.0f} ms; "
        f"memory grew by {grown / 1e6:.0f} MB",
        busy_note(timings),
    )
    return [Figure("regions", timings["region"].seconds * 1000, unit="ms", notes=notes)]


def _sha256(row: int) -> str:
    return f"{row:064x}"


def _codes(row: int) -> NDArray[np.int8]:
    return np.random.default_rng(row).integers(-127, 128, (SIDE, SIDE, CHANNELS), dtype=np.int8)


def _fill(gallery: Gallery) -> None:
    keep(gallery.store)
    for start in range(0, PICTURES, STORED):
        gallery.store.write(Batch(records=list(_records(gallery.spec.dim, range(start, start + STORED)))))


def _records(dim: int, rows: range) -> Iterator[NewRecord]:
    for row in rows:
        vector = np.zeros((1, dim), np.float32)
        vector[0, row % dim] = 1
        yield NewRecord(
            source=f"{row}.dcm",
            sha256=_sha256(row),
            frame=0,
            patient=str(row),
            labels=(),
            attributes={},
            vectors=vector,
            thumbnail=b"",
            patches=(PatchMap(SEEN, _codes(row)),),
        )


def _assert_right(gallery: Gallery) -> None:
    """Against plain loops over the places, for some of the pictures."""
    region = unpacked(_codes(1))[5:9, 3:7]
    hits = search(gallery, id=record_id(_sha256(1), 0), box=BOX, k=PICTURES).hits
    assert len(hits) == PICTURES - 1
    for hit in hits[:: PICTURES // 10]:
        grid = unpacked(_codes(int(hit.source.split(".")[0])))
        places = [
            float((region * grid[row : row + 4, column : column + 4]).sum()) / 16
            for row in range(SIDE - 3)
            for column in range(SIDE - 3)
        ]
        assert abs(max(places) - hit.score) < 1e-5
