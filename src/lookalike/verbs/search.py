"""search: the records that look most like a query."""

from __future__ import annotations

import base64
import html
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from lookalike import encoders
from lookalike.asking.background import Background, background, closeness
from lookalike.asking.examples import examples, refined
from lookalike.asking.query import Clock, Query, of_records, of_vector, read_query
from lookalike.asking.rank_volumes import COSINES, Ranked, search_volumes
from lookalike.errors import UsageError
from lookalike.filters import TEXT_FIELDS, Filter, fields, parse
from lookalike.gallery import Gallery
from lookalike.plugins import suggestion
from lookalike.ranking import reciprocal_rank_fusion
from lookalike.store import BASE
from lookalike.types import Hit, Keys, Vectors

MAX_K: Final = 10_000
_FUSED: Final = 100  # hits of each ranking that are fused


@dataclass(frozen=True)
class SearchResult:
    """space: searched in. hits: best first. query: its id or source. seconds: per stage. abstained: nothing is
    similar here: the best hit is less alike than what 99 % of the gallery's own records find. background: where
    asked for, a histogram (edges, counts) of the cosines that percentiles are of. In a notebook it shows itself
    as a strip of thumbnails.
    """

    space: str
    hits: tuple[Hit, ...]
    query: str
    seconds: Mapping[str, float]
    records: int
    encoder: str
    note: str
    abstained: bool = False
    background: Mapping[str, Sequence[float]] | None = None

    # The pictures are no part of the answer's data: no field, so that JSON stays small.
    pictures: ClassVar[tuple[bytes, ...]] = ()

    def with_pictures(self, pictures: tuple[bytes, ...]) -> SearchResult:
        """The same answer with small JPEGs: the query's first, then one a hit."""
        object.__setattr__(self, "pictures", pictures)
        return self

    def _repr_html_(self) -> str:
        captions = [f"query<br>{html.escape(Path(self.query).name)}"]
        captions += [
            f"{hit.rank}. {html.escape(', '.join(hit.labels) or 'no label')}<br>{hit.score:.3f}" for hit in self.hits
        ]
        cells = (
            '<figure style="display:inline-block;margin:4px;text-align:center;font:12px sans-serif">'
            f'<img src="data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}" alt=""><br>{caption}</figure>'
            for jpeg, caption in zip(self.pictures, captions, strict=False)
        )
        return f"<div>{''.join(cells)}</div>"


def search(
    gallery: Gallery,
    query: str | os.PathLike[str] | NDArray[np.generic] | Query | None = None,
    *,
    text: str | None = None,
    id: str | None = None,
    ids: Sequence[str] = (),
    vector: Sequence[float] | NDArray[np.floating[Any]] | None = None,
    positive: Sequence[str] = (),
    negative: Sequence[str] = (),
    k: int = 5,
    where: str | Filter | None = None,
    space: str = BASE,
    group_by: str | None = None,
    same_patient: bool = False,
    rank: str = "auto",
    weights: str = "uniform",
    explain: bool = False,
    pictures: bool = True,
) -> SearchResult:
    """The k records most alike the query, by cosine in a space, best first.

    query: a file (``path#3`` is frame 3 of a multi-frame file), the folder of a series, an array (rows, columns)
    or (rows, columns, 3) of any numeric dtype, or what ``read_query`` made of one. id, ids: records of the gallery
    instead, several as their mean. vector: of the encoder's own space instead. text: words instead, for encoders
    that take text; with a picture as well, the two rankings are fused by reciprocal rank, and scores are the fused
    ones. positive, negative: ids of records that the query is moved towards and away from (``refine``); the
    negative ones are no hits. where: only records that satisfy the filter. group_by: "patient", one hit a patient.
    same_patient: let the query's own patient, and the query itself, be hits.

    rank, weights: how volumes are ranked from their slices (``search_volumes.RANKS``, slice_weights); a hit
    then says which slices match. Fewer than k hits come back only if fewer records satisfy. explain: with the
    gallery's background. pictures: with thumbnails.

    Raises UsageError, UnreadableImageError (the query cannot be read), NotFoundError (unknown id),
    ManifestMismatchError, DamagedFileError.
    """
    ids = [*([] if id is None else [id]), *ids]
    _check(query, ids, vector, text, k, group_by)
    clock = Clock()
    tree = parse(where) if isinstance(where, str) else where
    with clock.stage("open"):
        index = gallery.index(space)
        volumes = gallery.holds_volumes()
    asked = _read(gallery, query, ids, vector, text, space, clock)
    with clock.stage("filter"):
        disliked = _refine(gallery, asked, space, positive, negative)
        among = None if tree is None else among_where(gallery, tree)
        excluded = np.concatenate([_excluded(gallery, asked[0], same_patient), disliked])

    def ranked(depth: int) -> list[Ranked]:
        found = [
            search_volumes(gallery, one, space, depth_of(asked, depth), among, excluded, rank, weights)
            if volumes or len(one.vectors) > 1
            else _search_pictures(gallery, one, space, depth_of(asked, depth), among, excluded)
            for one in asked
        ]
        return found[0] if len(found) == 1 else _fused(found, depth)

    with clock.stage("search"):
        best = ranked(k) if group_by is None else one_a_patient(ranked, k)
    with clock.stage("background"):
        # Only a cosine can be compared with the gallery's own.
        comparable = len(asked) == 1 and text is None and (not volumes or rank in COSINES)
        known = background(gallery, space, whole=len(asked[0].vectors) > 1) if comparable else None
        abstained = (
            known is not None
            and bool(best)
            and known.unlike(
                best[0].score if len(asked[0].vectors) == 1 else closeness(gallery, space, asked[0].vectors, excluded)
            )
        )
    with clock.stage("fetch"):
        hits = tuple(_hit(one, place, known) for place, one in enumerate(best, 1))
        small = _thumbnails(gallery, asked[0], best) if pictures else ()
    result = SearchResult(
        space,
        hits,
        " + ".join(one.name for one in asked),
        clock.seconds,
        len(index),
        gallery.spec.name,
        "" if len(hits) == k else f"only {len(hits)} records may answer this query",
        abstained,
        known.histogram() if explain and known else None,
    )
    return result.with_pictures(small)


def _check(query: Any, ids: Sequence[str], vector: Any, text: str | None, k: int, group_by: str | None) -> None:
    if not 1 <= k <= MAX_K:
        raise UsageError(f"k must be from 1 to {MAX_K}, got {k}")
    given = (query is not None) + bool(ids) + (vector is not None)
    if given > 1 or (given == 0 and text is None):
        raise UsageError(
            "give either a query (a file or an array), the id of a record or a vector; a text may stand alone or "
            "beside one"
        )
    if group_by not in (None, "patient"):
        raise UsageError(f"hits are grouped by 'patient' or not at all, got {group_by!r}")


def one_a_patient(ranked: Callable[[int], list[Ranked]], k: int) -> list[Ranked]:
    """The best record of each of the k best patients. ranked: the so many best records."""
    depth = k
    while True:
        found = ranked(depth)
        first: dict[str, Ranked] = {}
        for one in found:
            first.setdefault(one.record.patient, one)
        if len(first) >= k or len(found) < depth:
            return list(first.values())[:k]
        depth *= 4


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
    gallery: Gallery, query: Any, ids: Sequence[str], vector: Any, text: str | None, space: str, clock: Clock
) -> list[Query]:
    """The picture and the text that ask, as vectors of the space."""
    asked = []
    if ids:
        asked.append(of_records(gallery, ids, clock))
    elif vector is not None:
        asked.append(of_vector(gallery, vector))
    elif query is not None:
        asked.append(read_query(gallery, query, clock))
    with clock.stage("project"):
        for one in asked:
            one.vectors = gallery.project(one.vectors, space)
    if text is not None:
        with clock.stage("encode"):
            asked.append(Query(text, _text_vectors(gallery, text, space), b""))
    return asked


def _refine(
    gallery: Gallery, asked: Sequence[Query], space: str, positive: Sequence[str], negative: Sequence[str]
) -> Keys:
    """Move what asks by examples; the vector keys of the negative ones."""
    if not positive and not negative:
        return np.empty(0, np.int64)
    towards, (disliked, away) = examples(gallery, positive)[1], examples(gallery, negative)
    for one in asked:
        one.base = refined(one.base, towards, away)
        one.vectors = refined(one.vectors, *(gallery.project(each, space) for each in (towards, away)))
    return gallery.store.keys_of_records(record.key for record in disliked)


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


def among_where(gallery: Gallery, tree: Filter) -> Keys:
    """The vector keys that a filter allows, ascending. Raises UsageError for a field that no record has."""
    checked_filter(gallery, tree)
    return gallery.store.keys_where(tree)


def checked_filter(gallery: Gallery, where: str | Filter | None) -> Filter | None:
    """A filter as a tree. Raises UsageError for a field that no record has."""
    tree = parse(where) if isinstance(where, str) else where
    for name in sorted(fields(tree).difference(TEXT_FIELDS)) if tree is not None else ():
        if not gallery.store.has_field(name):
            known = [*TEXT_FIELDS, *gallery.store.field_names()]
            raise UsageError(f"no record has a field {name!r}.{suggestion(name, known)}")
    return tree


def _excluded(gallery: Gallery, query: Query, same_patient: bool) -> Keys:
    if same_patient:
        return np.empty(0, np.int64)
    keys = [gallery.store.keys_of_patient(patient) for patient in sorted(query.patients)]
    return np.concatenate(keys) if keys else np.empty(0, np.int64)


def _hit(one: Ranked, rank: int, known: Background | None) -> Hit:
    record = one.record
    return Hit(
        rank,
        one.score,
        record.id,
        record.source,
        record.labels,
        record.attributes,
        one.match,
        percentile=known.percentile(one.score) if known else None,
        patient=record.patient,
        depth=record.depth,
    )


def _thumbnails(gallery: Gallery, asked: Query, ranked: Sequence[Ranked]) -> tuple[bytes, ...]:
    keys = [*([] if asked.record is None else [asked.record]), *(one.record.key for one in ranked)]
    small = gallery.store.thumbnails(keys)
    own = asked.picture or small.get(-1 if asked.record is None else asked.record, b"")
    return (own, *(small.get(one.record.key, b"") for one in ranked))
