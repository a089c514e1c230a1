"""search: the records that look most like a query."""

from __future__ import annotations

import base64
import html
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from lookalike import encoders
from lookalike.errors import UnreadableImageError, UsageError
from lookalike.filters import TEXT_FIELDS, Filter, fields, parse
from lookalike.gallery import Gallery
from lookalike.pixels import from_array, model_input, picture, thumbnail
from lookalike.plugins import suggestion
from lookalike.ranking import reciprocal_rank_fusion
from lookalike.readers.pool import Frame
from lookalike.store import BASE, record_id
from lookalike.text import absolute, file_name
from lookalike.types import Hit, Keys, Refusal, Scores, Vectors

MAX_K: Final = 10_000
_FUSED: Final = 100  # hits of each ranking that are fused


@dataclass(frozen=True)
class SearchResult:
    """space: searched in. hits: best first. query: its id or source. seconds: per stage. In a notebook
    it shows itself as a strip of thumbnails.
    """

    space: str
    hits: tuple[Hit, ...]
    query: str
    seconds: Mapping[str, float]
    records: int
    encoder: str
    note: str

    # The pictures are no part of the answer's data: no field, so that JSON stays small.
    pictures: ClassVar[tuple[bytes, ...]] = ()

    def with_pictures(self, pictures: tuple[bytes, ...]) -> SearchResult:
        """The same answer with small JPEGs: the query's first, then one a hit."""
        object.__setattr__(self, "pictures", pictures)
        return self

    def _repr_html_(self) -> str:
        captions = [f"query<br>{html.escape(Path(self.query).name)}"]
        captions += [
            f"{hit.rank}. {html.escape(', '.join(hit.labels) or 'no label')}<br>{hit.score:.3f}"
            for hit in self.hits
        ]
        cells = (
            '<figure style="display:inline-block;margin:4px;text-align:center;font:12px sans-serif">'
            f'<img src="data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}" alt=""><br>{caption}</figure>'
            for jpeg, caption in zip(self.pictures, captions, strict=False)
        )
        return f"<div>{''.join(cells)}</div>"


@dataclass
class Query:
    """A query as vectors (views, dim), and the patients whose records may not answer it."""

    name: str
    vectors: Vectors
    picture: bytes
    patients: set[str] = field(default_factory=set)
    record: int | None = None


@dataclass
class _Clock:
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started


def search(
    gallery: Gallery,
    query: str | os.PathLike[str] | NDArray[np.generic] | None = None,
    *,
    text: str | None = None,
    id: str | None = None,
    k: int = 5,
    where: str | Filter | None = None,
    space: str = BASE,
    same_patient: bool = False,
) -> SearchResult:
    """The k records most alike the query, by cosine in a space, best first.

    query: a file (``path#3`` is frame 3 of a multi-frame file), or an array (rows, columns) or
    (rows, columns, 3) of any numeric dtype. id: a record of the gallery instead. text: words instead, for
    encoders that take text; with a picture as well, the two rankings are fused by reciprocal rank, and
    scores are the fused ones. where: only records that satisfy the filter. same_patient: let the query's
    own patient, and the query itself, be hits.

    Fewer than k hits come back only if fewer records satisfy. Raises UsageError, UnreadableImageError (the
    query cannot be read), GalleryError (unknown id), ManifestMismatchError, DamagedFileError.
    """
    if not 1 <= k <= MAX_K:
        raise UsageError(f"k must be from 1 to {MAX_K}, got {k}")
    if (query is not None and id is not None) or (query is None and id is None and text is None):
        raise UsageError(
            "give either a query (a file or an array) or the id of a record; a text may stand alone or beside one"
        )
    clock = _Clock()
    tree = parse(where) if isinstance(where, str) else where
    with clock.stage("open"):
        index = gallery.index(space)
    asked = _read(gallery, query, id, text, space, clock)
    with clock.stage("filter"):
        among = None if tree is None else _among(gallery, tree)
        excluded = _excluded(gallery, asked[0], same_patient)
    with clock.stage("search"):
        depth = k if len(asked) == 1 else max(k, _FUSED)
        found = [
            _without(*_first(index.search(one.vectors[:1], depth + len(excluded), among)), excluded, depth)
            for one in asked
        ]
        keys, scores = found[0] if len(found) == 1 else _fused([keys for keys, _ in found], k)
    with clock.stage("fetch"):
        hits, pictures = _hits(gallery, keys, scores)
    result = SearchResult(
        space, hits, " + ".join(one.name for one in asked), clock.seconds, len(index), gallery.spec.name,
        "" if len(hits) == k else f"only {len(hits)} records may answer this query",
    )  # fmt: skip
    return result.with_pictures((asked[0].picture, *pictures))


def _read(
    gallery: Gallery, query: Any, identity: str | None, text: str | None, space: str, clock: _Clock
) -> list[Query]:
    """The picture and the text that ask, as vectors of the space."""
    asked = []
    if identity is not None:
        asked.append(_of_record(gallery, identity, clock))
    elif query is not None:
        asked.append(read_query(gallery, query, clock))
    with clock.stage("project"):
        for one in asked:
            one.vectors = gallery.project(one.vectors, space)
    if text is not None:
        with clock.stage("encode"):
            asked.append(Query(text, _text_vectors(gallery, text, space), b""))
    return asked


def _text_vectors(gallery: Gallery, text: str, space: str) -> Vectors:
    if not isinstance(gallery.encoder, encoders.TextEncoder):
        able = ", ".join(name for name in encoders.names() if encoders.describe(name).text)
        raise UsageError(f"the encoder {gallery.spec.name!r} takes no text; these do: {able}")
    if space != BASE:
        raise UsageError("a text is compared in the base space: an adapter knows pictures only")
    if not text.strip():
        raise UsageError("the text is empty; write for example 'x-ray chest anteroposterior pleural effusion'")
    return gallery.encoder.encode_texts([text])


def _first(found: tuple[Keys, Scores]) -> tuple[Keys, Scores]:
    return found[0][0], found[1][0]


def _fused(rankings: Sequence[Keys], k: int) -> tuple[Keys, Scores]:
    fused = reciprocal_rank_fusion([ranking.tolist() for ranking in rankings])[:k]
    return np.array([key for key, _ in fused], np.int64), np.array([score for _, score in fused], np.float32)


def _of_record(gallery: Gallery, identity: str, clock: _Clock) -> Query:
    with clock.stage("read"):
        record = gallery.store.record(identity)
        vectors = gallery.store.vectors_of(record.key)
        return Query(record.id, vectors, gallery.store.thumbnail(record.key), {record.patient}, record.key)


def read_query(gallery: Gallery, query: Any, clock: _Clock | None = None) -> Query:
    """Read and encode a query that is a file or an array."""
    clock = clock or _Clock()
    if isinstance(query, np.ndarray):
        with clock.stage("read"):
            shown = picture(from_array(query), gallery.spec.preprocessing.percentiles)
            pixels, small = model_input(shown, gallery.spec.preprocessing), thumbnail(shown)
        with clock.stage("encode"):
            return Query("array", gallery.encoder.encode_inputs(pixels[None]), small)
    if not isinstance(query, str | os.PathLike):
        raise UsageError(f"a query is a file or a NumPy array, got {type(query).__name__}")
    with clock.stage("read"):
        frame = _read_frame(gallery, os.fspath(query))
    with clock.stage("encode"):
        vectors = gallery.encoder.encode_inputs(frame.input[None])
    asked = Query(file_name(query), vectors, frame.thumbnail)
    if frame.patient:
        asked.patients.add(gallery.store.patient_group(frame.patient))
    # The file itself may be in the gallery, under a patient that only the label table knew.
    known = gallery.store.find(record_id(frame.sha256, frame.frame))
    if known is not None:
        asked.patients.add(known.patient)
        asked.record = known.key
    return asked


def _read_frame(gallery: Gallery, query: str) -> Frame:
    path, wanted = _path_and_frame(query)
    if not os.path.isfile(path):  # noqa: PTH113 - False for any impossible name
        raise UsageError(f"no such file: {path}; give an image file, or --id with a record's id")
    found = None
    for event in gallery.readers.read([path]):
        if isinstance(event, Refusal) and found is None:
            raise UnreadableImageError(event.reason)
        if isinstance(event, Frame) and event.frame == wanted:
            found = event
            if event.frames > 1:  # the other frames are not wanted: stop decoding
                break
    if found is None:
        raise UsageError(f"the file has no frame {wanted}; frames are counted from 0")
    return found


def _path_and_frame(query: str) -> tuple[Path, int]:
    stem, hash_mark, number = query.rpartition("#")
    if hash_mark and number.isdecimal() and not os.path.exists(absolute(query)):  # noqa: PTH110
        return absolute(stem), int(number)
    return absolute(query), 0


def _among(gallery: Gallery, tree: Filter) -> Keys:
    for name in sorted(fields(tree).difference(TEXT_FIELDS)):
        if not gallery.store.has_field(name):
            known = [*TEXT_FIELDS, *gallery.store.field_names()]
            raise UsageError(f"no record has a field {name!r}.{suggestion(name, known)}")
    return gallery.store.keys_where(tree)


def _excluded(gallery: Gallery, query: Query, same_patient: bool) -> Keys:
    if same_patient:
        return np.empty(0, np.int64)
    keys = [gallery.store.keys_of_patient(patient) for patient in sorted(query.patients)]
    return np.concatenate(keys) if keys else np.empty(0, np.int64)


def _without(
    keys: Keys, scores: Scores, excluded: Keys, k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    kept = (keys != -1) & ~np.isin(keys, excluded)
    return keys[kept][:k], scores[kept][:k]


def _hits(
    gallery: Gallery, keys: NDArray[np.int64], scores: NDArray[np.float32]
) -> tuple[tuple[Hit, ...], tuple[bytes, ...]]:
    ranked = gallery.store.owners(keys)
    hits = tuple(
        Hit(rank, float(score), record.id, record.source, record.labels, record.attributes)
        for rank, (record, score) in enumerate(zip(ranked, scores, strict=True), 1)
    )
    thumbnails = gallery.store.thumbnails([record.key for record in ranked])
    return hits, tuple(thumbnails.get(record.key, b"") for record in ranked)
