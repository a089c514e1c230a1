"""The query: from a file, a series, an array, records of the gallery, a vector, a text, or a region of a picture."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike import encoders
from lookalike.asking.candidates import patients_of_file
from lookalike.asking.content import content_as_file
from lookalike.asking.priors import Times, times_of_file, times_of_records
from lookalike.asking.region import RegionPatches
from lookalike.asking.reports import sentence_encoder
from lookalike.errors import ManifestMismatchError, UnreadableImageError, UsageError
from lookalike.gallery import Gallery
from lookalike.readers.events import Frame
from lookalike.slices import pool, slice_weights
from lookalike.sources.reading import frame_of_array, series_in
from lookalike.store import BASE, record_id
from lookalike.text import absolute, file_name, one_line
from lookalike.types import Item, Record, Refusal, Vectors

_MOST: Final = 1000  # ids in one query


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A query. It is immutable: every change makes another one (``dataclasses.replace``).

    base: (views, dim), as the encoder gives them; no rows while only pixels have been read. vectors: (views, dim
    of the space), of ``space``. views: the slice's number of each view, of ``depth`` slices, cut along ``plane``.
    patients: the groups whose records may not answer. times: when it was taken, in the days of each of these. record:
    if the query is records, the first of them.

    source: the file or array that was read, and frames: its prepared pixels, a frame a view; without frames they are
    read from the source again when needed. region: the part of one of its pictures to search for. words: it is a
    text, compared with pictures; report: it is one, compared with the words of reports, in their own space. weight: of
    its ranking, where several are fused. kinds: it is a study, with a vector for each of these kinds of series.
    encoder: the identity of the one that it was prepared for and encoded by. beside: another gallery of the same files,
    by whose encoder it was encoded and which ranks.
    """

    name: str
    base: Vectors = field(default_factory=lambda: np.empty((0, 0), np.float32))
    vectors: Vectors = field(default_factory=lambda: np.empty((0, 0), np.float32))
    space: str = BASE
    views: tuple[int, ...] = (0,)
    depth: int = 1
    plane: str = ""
    patients: frozenset[str] = frozenset()
    times: Times = field(default_factory=dict)
    record: Record | None = None
    thumbnail: bytes = b""
    source: Any = None
    frames: tuple[Frame, ...] = ()
    region: RegionPatches | None = None
    words: bool = False
    report: bool = False
    weight: float = 1.0
    kinds: tuple[str, ...] = ()
    encoder: Mapping[str, str] | None = None
    beside: Gallery | None = None

    @property
    def positions(self) -> NDArray[np.float64]:
        """Where each view's slice lies along the volume, in [0, 1]."""
        return np.array(self.views) / max(self.depth - 1, 1)

    @property
    def ranking(self) -> str:
        """The name of the ranking that it asks for."""
        if self.beside is not None:
            return one_line(self.beside.folder.name)
        return "report" if self.report else "text" if self.words else "picture"

    @property
    def pixel_bytes(self) -> int:
        """The memory of the frames in bytes."""
        return sum(frame.input.nbytes + len(frame.thumbnail) for frame in self.frames)


QueryPicture: TypeAlias = str | os.PathLike[str] | bytes | BinaryIO | NDArray[np.generic] | Query
"""What a picture can be asked with: the path of a file or series, the bytes of a file, one that is open, an array."""


@dataclass
class Clock:
    """Seconds by stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the block's duration to a stage."""
        started = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started


def queries_of(
    gallery: Gallery,
    query: Any,
    *,
    ids: Sequence[str] = (),
    vector: Sequence[float] | NDArray[np.floating[Any]] | None = None,
    text: str | None = None,
    report: str | None = None,
    report_weight: float = 1.0,
    space: str = BASE,
    clock: Clock,
) -> list[Query]:
    """The queries of one search, with their vectors in a space: a picture, records or a vector; beside it a text, and
    words to be found in reports, whose ranking has a weight.

    Raises UsageError, UnreadableImageError, GalleryError, DamagedFileError.
    """
    with clock.stage("open"):
        gallery.index(space)
        gallery.holds_volumes()
    queries = []
    if query is not None:
        queries.append(read_query(gallery, query, clock))
    elif vector is not None:
        queries.append(of_vector(gallery, vector))
    elif ids:
        with clock.stage("read"):
            queries.append(of_records(gallery, ids))
    with clock.stage("project"):
        queries = [in_space(gallery, each, space) for each in queries]
    if text is not None:
        with clock.stage("encode"):
            queries.append(of_text(gallery, text, space))
    if report is not None:
        with clock.stage("encode"):
            queries.append(of_report(gallery, report, report_weight))
    return queries


def of_record(gallery: Gallery, identity: str) -> Query:
    """A record of the gallery as a query. Raises NotFoundError (unknown id), DamagedFileError."""
    record = gallery.store.record(identity)
    held = _held_vector(gallery, record) if record.depth == 1 else None
    views, base = gallery.store.slices_of(record.key) if held is None else ((0,), held)
    own = frozenset({record.patient})
    return Query(
        record.id,
        base,
        base,
        views=views,
        depth=record.depth,
        plane=record.plane,
        patients=own,
        times=times_of_records(gallery, [record]),
        record=record,
        encoder=gallery.identity,
    )


def _held_vector(gallery: Gallery, record: Record) -> Vectors | None:
    """The base vector (1, dim) of a picture if it is in memory, without querying the database."""
    keys = gallery.store.held_keys(record.key)
    return None if keys is None or len(keys) != 1 else gallery.index().vectors_at(keys)


def of_records(gallery: Gallery, ids: Sequence[str]) -> Query:
    """Several records as one query: the mean of their vectors. Raises NotFoundError, UsageError, DamagedFileError."""
    if len(ids) == 1:
        return of_record(gallery, ids[0])
    records, vectors = pooled_records(gallery, ids)
    mean = pool(vectors, np.full(len(vectors), 1 / len(vectors)))
    names = ", ".join(record.id for record in records)
    patients, times = frozenset(record.patient for record in records), times_of_records(gallery, records)
    return Query(names, mean, mean, patients=patients, times=times, record=records[0], encoder=gallery.identity)


def pooled_records(gallery: Gallery, ids: Sequence[str]) -> tuple[list[Record], Vectors]:
    """Records by id and their base vectors (n, dim), of a volume the mean of its slices.

    Raises NotFoundError (unknown id), UsageError (more than a thousand), DamagedFileError.
    """
    if len(ids) > _MOST:
        raise UsageError(f"at most {_MOST} records may be given as examples, got {len(ids)}")
    records = [gallery.store.record(identity) for identity in dict.fromkeys(ids)]
    vectors = gallery.store.vectors_of_each(record.key for record in records)
    pooled = [pool(vectors[r.key], slice_weights("uniform", np.zeros(len(vectors[r.key])))) for r in records]
    return records, np.concatenate([*pooled, np.empty((0, gallery.spec.dim), np.float32)])


def of_vector(gallery: Gallery, vector: Sequence[float] | NDArray[np.floating[Any]]) -> Query:
    """A vector of the encoder's own space, (dim,), of any length but 0. Raises UsageError."""
    given = np.asarray(vector, np.float64).ravel()
    norm = float(np.linalg.norm(given)) if np.isfinite(given).all() else 0.0
    if len(given) != gallery.spec.dim or not 1e-12 < norm < 1e300:
        raise UsageError(
            f"a vector is {gallery.spec.dim} finite numbers, not all 0, as {gallery.spec.name!r} gives; "
            f"got {len(given)}"
        )
    unit = (given / norm).astype(np.float32)[None]
    return Query("vector", unit, unit, encoder=gallery.identity)


def of_text(gallery: Gallery, text: str, space: str = BASE) -> Query:
    """A text as a query. Raises UsageError for an encoder without a text tower, and for any space but its own."""
    if not isinstance(gallery.encoder, encoders.TextEncoder):
        able = ", ".join(name for name in encoders.names() if encoders.describe(name).text)
        raise UsageError(f"the encoder {gallery.spec.name!r} takes no text; these do: {able}")
    if space != BASE:
        raise UsageError("a text is compared in the base space: an adapter knows pictures only")
    if not text.strip():
        raise UsageError("the text is empty; write for example 'x-ray chest anteroposterior pleural effusion'")
    vectors = gallery.encoder.encode_texts([text])
    return Query(text, vectors, vectors, words=True, encoder=gallery.identity)


def of_report(gallery: Gallery, report: str, weight: float = 1.0) -> Query:
    """Words to be found in reports. Raises UsageError where the gallery keeps none, and as ``sentence_encoder``."""
    if not report.strip():
        raise UsageError("the words to be found in reports are empty; write for example 'left pleural effusion'")
    vectors = sentence_encoder(gallery).encode_sentences([report])
    return Query(report, vectors, vectors, words=True, report=True, weight=weight)


def read_query(gallery: Gallery, query: Any, clock: Clock | None = None) -> Query:
    """Read and encode a file or an array; a Query is only encoded, if it is not yet.

    Raises UsageError, UnreadableImageError.
    """
    if isinstance(query, Query):
        return with_vectors(gallery, open_query(gallery, query))
    clock = clock or Clock()
    with clock.stage("read"):
        opened = open_query(gallery, query)
    with clock.stage("encode"):
        return with_vectors(gallery, opened)


def open_query(gallery: Gallery, query: Any) -> Query:
    """Read a file, its bytes or an array without encoding it: a region needs only its pixels. A Query is returned as it
    is, or read again where it was made for an encoder that answers no more.

    Raises UsageError, UnreadableImageError, ManifestMismatchError (it cannot be read again).
    """
    if isinstance(query, Query):
        return query if query.encoder in (None, gallery.identity) else _opened_again(gallery, query)
    encoder = gallery.identity
    frames = read_frames(gallery, query)
    middle, views = frames[len(frames) // 2], tuple(frame.view for frame in frames)
    patients, known = patients_of_file(gallery, middle.sha256, middle.frame, [middle.patient])
    return Query(
        middle.source,
        views=views,
        depth=middle.depth,
        plane=middle.plane,
        patients=patients,
        times=times_of_file(gallery, frames[0], known),
        thumbnail=middle.thumbnail,
        source=query,
        frames=tuple(frames),
        encoder=encoder,
    )


def _opened_again(gallery: Gallery, query: Query) -> Query:
    if query.source is None:
        raise ManifestMismatchError(
            f"this query was encoded by {query.encoder and query.encoder.get('name')!r}, and the gallery's encoder is "
            f"{gallery.spec.name!r} now; ask with the picture or the record again"
        )
    return replace(open_query(gallery, query.source), name=query.name)


def with_vectors(gallery: Gallery, query: Query) -> Query:
    """The query, encoded if it has no vectors yet."""
    if len(query.base):
        return query
    vectors = gallery.encoder.encode_inputs(np.stack([frame.input for frame in query_frames(gallery, query)]))
    return replace(query, base=vectors, vectors=vectors)


def in_space(gallery: Gallery, query: Query, space: str) -> Query:
    """The query with its vectors projected into a space. Raises UsageError, DamagedFileError."""
    return replace(query, vectors=gallery.project(query.base, space), space=space)


def query_frames(gallery: Gallery, query: Query) -> tuple[Frame, ...]:
    """The prepared pixels of a query, a frame a view; read again if it does not hold them.

    Raises UsageError if a record's file is gone or has changed, or if the query is no picture; NotFoundError if that
    file is outside of the folders that the gallery may open.
    """
    if query.frames:
        return query.frames
    if query.record is not None:
        return _frames_of_record(gallery, query.record)
    if query.source is None:
        raise UsageError("this is asked with one picture: a file, an array, or the id of one record")
    return tuple(read_frames(gallery, query.source))


def _frames_of_record(gallery: Gallery, record: Record) -> tuple[Frame, ...]:
    place = gallery.places.place_of(record.source)
    try:
        frames = [
            replace(each, source=record.source)
            for each in _frames_at(gallery, place, record.frame, gallery.places.may_open)
        ]
    except (UsageError, UnreadableImageError):
        frames = []
    if not frames or record_id(frames[0].sha256, frames[0].frame) != record.id:
        raise UsageError(
            "the pixels of this record are needed and its file can no longer be read; bring the file back, or run "
            "`lookalike index --patches` on it where no patches are stored"
        )
    return tuple(frames)


def read_frames(gallery: Gallery, query: Any) -> list[Frame]:
    """Read a file, its bytes or an array for the encoder: one picture, or every slice of a volume."""
    if isinstance(query, str | os.PathLike):
        return [replace(frame, source=file_name(query)) for frame in _read_frames(gallery, os.fspath(query))]
    if isinstance(query, np.ndarray):
        return [frame_of_array(query, gallery.spec)]
    with content_as_file(query) as (place, name):
        return [replace(frame, source=name) for frame in _frames_at(gallery, place, 0)]


def _read_frames(gallery: Gallery, query: str) -> list[Frame]:
    """The wanted frame of a file, or every slice of a volume. A folder is the series that lies in it."""
    return _frames_at(gallery, *path_and_frame(query))


def _frames_at(
    gallery: Gallery, path: Path, wanted: int, may_open: Callable[[str], bool] = lambda _file: True
) -> list[Frame]:
    """As ``_read_frames``, of a path that is named as it is. may_open: which files of a series may be read."""
    if os.path.isdir(path):  # noqa: PTH112 - False for any impossible name
        source: Path | Item = _series_in(gallery, path, may_open)
    elif os.path.isfile(path):  # noqa: PTH113
        source = path
    else:
        raise UsageError(f"no such file: {path}; give an image file, or --id with a record's id")
    found: list[Frame] = []
    for event in gallery.readers.read([source]):
        if isinstance(event, Refusal) and isinstance(source, Item):
            raise _no_series(event.reason, event.detail)
        if isinstance(event, Refusal) and not (found and found[0].depth == 1):
            raise UnreadableImageError(event.reason)
        if isinstance(event, Frame) and event.frame == wanted:
            found.append(event)
            if event.frames > 1 and event.depth == 1:  # the other frames are not needed: stop decoding
                break
        elif isinstance(event, Frame) and found:  # the next volume of a 4-D file
            break
    if not found:
        raise UsageError(f"the file has no frame {wanted}; frames are counted from 0")
    return found


def _series_in(gallery: Gallery, folder: Path, may_open: Callable[[str], bool]) -> Item:
    try:
        return series_in(gallery.readers, folder, may_open)
    except UnreadableImageError as error:
        raise _no_series(error.reason, error.detail) from None


def _no_series(reason: str, detail: str) -> UsageError:
    return UsageError(
        f"the folder is no series of one volume ({reason}{detail and ': ' + detail}); "
        "give an image file, or a folder that holds the slices of one series"
    )


def path_and_frame(query: str) -> tuple[Path, int]:
    """The file that a query names, and the frame of it: ``scan.dcm#3`` is frame 3 unless a file is so called."""
    stem, hash_mark, number = query.rpartition("#")
    if hash_mark and number.isdecimal() and not os.path.exists(absolute(query)):  # noqa: PTH110
        return absolute(stem), int(number)
    return absolute(query), 0
