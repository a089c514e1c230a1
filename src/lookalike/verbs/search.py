"""search: the records that look most like a query."""

from __future__ import annotations

import base64
import html
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from lookalike import encoders
from lookalike.errors import UsageError
from lookalike.filters import TEXT_FIELDS, Filter, fields, parse
from lookalike.gallery import Gallery
from lookalike.plugins import suggestion
from lookalike.ranking import reciprocal_rank_fusion
from lookalike.store import BASE
from lookalike.types import Hit, Keys, Vectors
from lookalike.verbs.query import Clock, Query, of_record, read_query
from lookalike.verbs.search_volumes import Ranked, search_volumes

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
    rank: str = "auto",
    weights: str = "uniform",
) -> SearchResult:
    """The k records most alike the query, by cosine in a space, best first.

    query: a file (``path#3`` is frame 3 of a multi-frame file), the folder of a series, or an array
    (rows, columns) or (rows, columns, 3) of any numeric dtype. id: a record of the gallery instead. text:
    words instead, for encoders that take text; with a picture as well, the two rankings are fused by
    reciprocal rank, and scores are the fused ones. where: only records that satisfy the filter.
    same_patient: let the query's own patient, and the query itself, be hits.

    rank, weights: how volumes are ranked from their slices (``search_volumes.RANKS``, slice_weights); a hit
    then says which slices match. Fewer than k hits come back only if fewer records satisfy.

    Raises UsageError, UnreadableImageError (the query cannot be read), GalleryError (unknown id),
    ManifestMismatchError, DamagedFileError.
    """
    if not 1 <= k <= MAX_K:
        raise UsageError(f"k must be from 1 to {MAX_K}, got {k}")
    if (query is not None and id is not None) or (query is None and id is None and text is None):
        raise UsageError(
            "give either a query (a file or an array) or the id of a record; a text may stand alone or beside one"
        )
    clock = Clock()
    tree = parse(where) if isinstance(where, str) else where
    with clock.stage("open"):
        index = gallery.index(space)
        volumes = gallery.holds_volumes()
    asked = _read(gallery, query, id, text, space, clock)
    with clock.stage("filter"):
        among = None if tree is None else _among(gallery, tree)
        excluded = _excluded(gallery, asked[0], same_patient)
    with clock.stage("search"):
        found = [
            search_volumes(gallery, one, space, depth_of(asked, k), among, excluded, rank, weights)
            if volumes or len(one.vectors) > 1
            else _search_pictures(gallery, one, space, depth_of(asked, k), among, excluded)
            for one in asked
        ]
        ranked = found[0] if len(found) == 1 else _fused(found, k)
    with clock.stage("fetch"):
        hits, pictures = _hits(gallery, ranked)
    result = SearchResult(
        space, hits, " + ".join(one.name for one in asked), clock.seconds, len(index), gallery.spec.name,
        "" if len(hits) == k else f"only {len(hits)} records may answer this query",
    )  # fmt: skip
    return result.with_pictures((asked[0].picture, *pictures))


def depth_of(asked: Sequence[Query], k: int) -> int:
    """How many hits of each ranking are needed."""
    return k if len(asked) == 1 else max(k, _FUSED)


def _search_pictures(
    gallery: Gallery, asked: Query, space: str, k: int, among: Keys | None, excluded: Keys
) -> list[Ranked]:
    keys, scores = gallery.index(space).search(asked.vectors[:1], k + len(excluded), among)
    kept = (keys[0] != -1) & ~np.isin(keys[0], excluded)
    records = gallery.store.owners(keys[0][kept][:k])
    return [Ranked(record, float(score)) for record, score in zip(records, scores[0][kept][:k], strict=True)]


def _read(
    gallery: Gallery, query: Any, identity: str | None, text: str | None, space: str, clock: Clock
) -> list[Query]:
    """The picture and the text that ask, as vectors of the space."""
    asked = []
    if identity is not None:
        asked.append(of_record(gallery, identity, clock))
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


def _fused(rankings: Sequence[Sequence[Ranked]], k: int) -> list[Ranked]:
    by_key = {one.record.key: one for ranking in rankings for one in ranking}
    fused = reciprocal_rank_fusion([[one.record.key for one in ranking] for ranking in rankings])[:k]
    return [Ranked(by_key[key].record, score, by_key[key].match) for key, score in fused]


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


def _hits(gallery: Gallery, ranked: Sequence[Ranked]) -> tuple[tuple[Hit, ...], tuple[bytes, ...]]:
    hits = tuple(
        Hit(rank, one.score, record.id, record.source, record.labels, record.attributes, one.match)
        for rank, one in enumerate(ranked, 1)
        for record in [one.record]
    )
    thumbnails = gallery.store.thumbnails([one.record.key for one in ranked])
    return hits, tuple(thumbnails.get(one.record.key, b"") for one in ranked)
