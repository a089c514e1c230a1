"""A query as vectors: a file, a series, an array, or a record of the gallery."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UnreadableImageError, UsageError
from lookalike.gallery import Gallery
from lookalike.pixels import from_array, model_input, picture, thumbnail
from lookalike.readers import walk
from lookalike.readers.pool import Frame
from lookalike.store import record_id
from lookalike.text import absolute, file_name
from lookalike.types import Refusal, Series, Vectors


@dataclass
class Query:
    """A query as vectors (views, dim), and the patients whose records may not answer it.

    vectors: of the space that is searched; base: as the encoder gave them.
    views: the slice's number of each vector, of ``depth`` slices, where the query is a volume.
    """

    name: str
    vectors: Vectors
    picture: bytes
    patients: set[str] = field(default_factory=set)
    record: int | None = None
    views: tuple[int, ...] = (0,)
    depth: int = 1
    base: Vectors = field(init=False)

    def __post_init__(self) -> None:
        self.base = self.vectors

    @property
    def positions(self) -> NDArray[np.float64]:
        """Where each vector's slice lies along the volume, in [0, 1]."""
        return np.array(self.views) / max(self.depth - 1, 1)


@dataclass
class Clock:
    """Seconds by stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add what the block takes to a stage."""
        started = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started


def of_record(gallery: Gallery, identity: str, clock: Clock) -> Query:
    with clock.stage("read"):
        record = gallery.store.record(identity)
        views, vectors = gallery.store.slices_of(record.key)
        small, depth = gallery.store.thumbnail(record.key), int(record.attributes.get("slices", 1))
        return Query(record.id, vectors, small, {record.patient}, record.key, views, depth)


def read_query(gallery: Gallery, query: Any, clock: Clock | None = None) -> Query:
    """Read and encode a query that is a file or an array."""
    clock = clock or Clock()
    if isinstance(query, np.ndarray):
        with clock.stage("read"):
            shown = picture(from_array(query), gallery.spec.preprocessing.percentiles)
            pixels, small = model_input(shown, gallery.spec.preprocessing), thumbnail(shown)
        with clock.stage("encode"):
            return Query("array", gallery.encoder.encode_inputs(pixels[None]), small)
    if not isinstance(query, str | os.PathLike):
        raise UsageError(f"a query is a file or a NumPy array, got {type(query).__name__}")
    with clock.stage("read"):
        frames = _read_frames(gallery, os.fspath(query))
    with clock.stage("encode"):
        vectors = gallery.encoder.encode_inputs(np.stack([frame.input for frame in frames]))
    frame = frames[len(frames) // 2]
    asked = Query(
        file_name(query), vectors, frame.thumbnail, views=tuple(f.view for f in frames), depth=frame.depth
    )
    if frame.patient:
        asked.patients.add(gallery.store.patient_group(frame.patient))
    # The file itself may be in the gallery, under a patient that only the label table knew.
    known = gallery.store.find(record_id(frame.sha256, frame.frame))
    if known is not None:
        asked.patients.add(known.patient)
        asked.record = known.key
    return asked


def _read_frames(gallery: Gallery, query: str) -> list[Frame]:
    """The wanted frame of a file, or every slice of a volume. A folder is the series that lies in it."""
    path, wanted = _path_and_frame(query)
    if os.path.isdir(path):  # noqa: PTH112 - False for any impossible name
        source: Path | Series = Series(str(path), tuple(str(file) for file in walk([path])))
    elif os.path.isfile(path):  # noqa: PTH113
        source = path
    else:
        raise UsageError(f"no such file: {path}; give an image file, or --id with a record's id")
    found: list[Frame] = []
    for event in gallery.readers.read([source]):
        if isinstance(event, Refusal) and isinstance(source, Series):
            raise UsageError(
                f"the folder is no series of one volume ({event.reason}); give an image file, or such a folder"
            )
        if isinstance(event, Refusal) and not (found and found[0].depth == 1):
            raise UnreadableImageError(event.reason)
        if isinstance(event, Frame) and event.frame == wanted:
            found.append(event)
            if event.frames > 1 and event.depth == 1:  # the other frames are not wanted: stop decoding
                break
    if not found:
        raise UsageError(f"the file has no frame {wanted}; frames are counted from 0")
    return found


def _path_and_frame(query: str) -> tuple[Path, int]:
    stem, hash_mark, number = query.rpartition("#")
    if hash_mark and number.isdecimal() and not os.path.exists(absolute(query)):  # noqa: PTH110
        return absolute(stem), int(number)
    return absolute(query), 0
