"""A query as vectors: a file, a series, an array, or a record of the gallery."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.asking.examples import examples
from lookalike.errors import UnreadableImageError, UsageError
from lookalike.gallery import Gallery
from lookalike.pixels import from_array, model_input, picture, thumbnail
from lookalike.readers import walk
from lookalike.readers.pool import Frame, Slice
from lookalike.slices import cut, pool, volume_input
from lookalike.sources.volumes import Volumes
from lookalike.store import record_id
from lookalike.text import absolute, file_name
from lookalike.types import Image, Refusal, Series, Vectors, VolumeRecipe


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
        held = gallery.held_vectors(record.key) if record.depth == 1 else None
        views, vectors = gallery.store.slices_of(record.key) if held is None else ((0,), held)
        return Query(record.id, vectors, b"", {record.patient}, record.key, views, record.depth)


def of_records(gallery: Gallery, ids: Sequence[str], clock: Clock) -> Query:
    """Several records as one query: the mean of their vectors. Raises NotFoundError, UsageError."""
    if len(ids) == 1:
        return of_record(gallery, ids[0], clock)
    with clock.stage("read"):
        records, vectors = examples(gallery, ids)
        mean = pool(vectors, np.full(len(vectors), 1 / len(vectors)))
        names = ", ".join(record.id for record in records)
        return Query(names, mean, b"", {record.patient for record in records}, records[0].key)


def of_vector(gallery: Gallery, vector: Sequence[float] | NDArray[np.floating[Any]]) -> Query:
    """A vector of the encoder's own space, (dim,), of any length but 0. Raises UsageError."""
    given = np.asarray(vector, np.float64).ravel()
    norm = float(np.linalg.norm(given)) if np.isfinite(given).all() else 0.0
    if len(given) != gallery.spec.dim or not 1e-12 < norm < 1e300:
        raise UsageError(
            f"a vector is {gallery.spec.dim} finite numbers, not all 0, as {gallery.spec.name!r} gives; "
            f"got {len(given)}"
        )
    return Query("vector", (given / norm).astype(np.float32)[None], b"")


def read_query(gallery: Gallery, query: Any, clock: Clock | None = None) -> Query:
    """Read and encode a query that is a file or an array; one that has been read already is copied."""
    if isinstance(query, Query):
        return replace(query)
    clock = clock or Clock()
    with clock.stage("read"):
        frames = read_frames(gallery, query)
    with clock.stage("encode"):
        vectors = gallery.encoder.encode_inputs(np.stack([frame.input for frame in frames]))
    frame = frames[len(frames) // 2]
    asked = Query(frame.source, vectors, frame.thumbnail, views=tuple(f.view for f in frames), depth=frame.depth)
    asked.patients, asked.record = whose(gallery, frame)
    return asked


def read_frames(gallery: Gallery, query: Any) -> list[Frame]:
    """What a file or an array shows, ready for the encoder: one picture, or every slice of a volume."""
    if isinstance(query, np.ndarray) and gallery.spec.ndim == 3:
        volume = Image(query[..., None] if query.ndim == 3 else query)
        _, _, shown = next(cut(volume, VolumeRecipe(slices="middle:1")))
        whole = volume_input(volume, gallery.spec.preprocessing)
        return [Frame("array", "", 0, 1, whole, thumbnail(shown), "", {}, (shown.height, shown.width))]
    if isinstance(query, np.ndarray):
        shown = picture(from_array(query), gallery.spec.preprocessing.percentiles)
        pixels, size = model_input(shown, gallery.spec.preprocessing), (shown.height, shown.width)
        return [Frame("array", "", 0, 1, pixels, thumbnail(shown), "", {}, size)]
    if not isinstance(query, str | os.PathLike):
        raise UsageError(f"a query is a file or a NumPy array, got {type(query).__name__}")
    return [replace(frame, source=file_name(query)) for frame in _read_frames(gallery, os.fspath(query))]


def whose(gallery: Gallery, frame: Frame) -> tuple[set[str], int | None]:
    """The patient groups of a query, and the key of its record, where its file is in the gallery."""
    patients = {gallery.store.patient_group(frame.patient)} if frame.patient else set()
    # The file itself may be in the gallery, under a patient that only the label table knew.
    known = gallery.store.find(record_id(frame.sha256, frame.frame)) if frame.sha256 else None
    return (patients, None) if known is None else ({*patients, known.patient}, known.key)


def _read_frames(gallery: Gallery, query: str) -> list[Frame]:
    """The wanted frame of a file, or every slice of a volume. A folder is the series that lies in it."""
    path, wanted = _path_and_frame(query)
    if os.path.isdir(path):  # noqa: PTH112 - False for any impossible name
        source: Path | Series = _series_in(gallery, path)
    elif os.path.isfile(path):  # noqa: PTH113
        source = path
    else:
        raise UsageError(f"no such file: {path}; give an image file, or --id with a record's id")
    found: list[Frame] = []
    for event in gallery.readers.read([source]):
        if isinstance(event, Refusal) and isinstance(source, Series):
            raise UsageError(
                f"the folder is no series of one volume ({event.reason}{event.detail and ': ' + event.detail}); "
                "give an image file, or such a folder"
            )
        if isinstance(event, Refusal) and not (found and found[0].depth == 1):
            raise UnreadableImageError(event.reason)
        if isinstance(event, Frame) and event.frame == wanted:
            found.append(event)
            if event.frames > 1 and event.depth == 1:  # the other frames are not wanted: stop decoding
                break
        elif isinstance(event, Frame) and found:  # the next volume of a 4-D file
            break
    if not found:
        raise UsageError(f"the file has no frame {wanted}; frames are counted from 0")
    return found


def _series_in(gallery: Gallery, folder: Path) -> Series:
    """The one series of a folder, whatever tables and notes lie beside it; all files, if there is not one."""
    files, volumes = walk([folder]), Volumes()
    for event in gallery.readers.read(files, whole=True):
        if isinstance(event, Slice):
            volumes.slices.setdefault(event.series, []).append(event)
    found = [one for one in volumes.series() if isinstance(one, Series)]
    return found[0] if len(found) == 1 else Series(str(folder), tuple(str(file) for file in files))


def _path_and_frame(query: str) -> tuple[Path, int]:
    stem, hash_mark, number = query.rpartition("#")
    if hash_mark and number.isdecimal() and not os.path.exists(absolute(query)):  # noqa: PTH110
        return absolute(stem), int(number)
    return absolute(query), 0
