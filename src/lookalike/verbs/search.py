"""search: the records most similar to a query, or to a region of it."""

from __future__ import annotations

import base64
import html
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np
from numpy.typing import NDArray

from lookalike.asking.answers import answers
from lookalike.asking.background import Judgement, judged
from lookalike.asking.candidates import Candidates, candidates
from lookalike.asking.examples import moved_by_examples
from lookalike.asking.hits import by_study, hits_of, query_day
from lookalike.asking.one_encoder import of_one_encoder
from lookalike.asking.priors import cutoffs
from lookalike.asking.query import (
    Clock,
    Query,
    QueryPicture,
    in_space,
    of_record,
    open_query,
    path_and_frame,
    queries_of,
)
from lookalike.asking.query_region import with_region
from lookalike.asking.rank_volumes import COSINES, ranking_in
from lookalike.asking.ranked import Ranked
from lookalike.asking.remarks import remarks
from lookalike.asking.study_query import open_study
from lookalike.days import Before, before_of
from lookalike.errors import UsageError
from lookalike.filters import Filter, tree_of
from lookalike.gallery import Gallery, open_gallery
from lookalike.hits import Hit, StudyHits
from lookalike.listed import ListResult
from lookalike.store import BASE
from lookalike.store.patches import kept
from lookalike.store.series_in_time import Unit
from lookalike.text import one_line
from lookalike.types import Box

MAX_K: Final = 10_000


class Hits(tuple[Hit, ...]):
    """Hits, best first, with their small JPEGs, which are no part of the answer's data: the query's first, then one a
    hit; none if they were not requested.
    """

    pictures: tuple[bytes, ...]

    def __new__(cls, hits: Iterable[Hit], pictures: Iterable[bytes] = ()) -> Hits:
        made = super().__new__(cls, hits)
        made.pictures = tuple(pictures)
        return made


@dataclass(frozen=True, repr=False)
class SearchResult(ListResult[Hit]):
    """space: searched in. hits: best first. query: its id or source. seconds: per stage. note: what must be known to
    read the hits. abstained: nothing similar is here, whatever the filter: the nearest record is less similar than what
    99 % of the gallery's own records find. unfiltered: where the filter alone leaves nothing similar, the best score
    without it; else None. query_day: of the query in the days of its own patient, as ``Hit.day``. studies: the hits by
    study, in the order of the best. background: if requested, a histogram (edges, counts) of the cosines that
    percentiles refer to. In a notebook it shows itself as a strip of thumbnails.
    """

    lists = "hits"

    space: str
    hits: tuple[Hit, ...]
    query: str
    seconds: Mapping[str, float]
    records: int
    encoder: str
    note: str
    abstained: bool = False
    unfiltered: float | None = None
    background: Mapping[str, Sequence[float]] | None = None
    query_day: int | None = None
    studies: tuple[StudyHits, ...] = ()

    @property
    def pictures(self) -> tuple[bytes, ...]:
        """Small JPEGs: the query's first, then one a hit; empty if none were requested."""
        return self.hits.pictures if isinstance(self.hits, Hits) else ()

    def __repr__(self) -> str:
        best = f", best {self.hits[0].score:.3f}" if self.hits else ""
        return f"<SearchResult: {len(self)} of {self.records:,} records{best}{', nothing similar' * self.abstained}>"

    def _repr_html_(self) -> str:
        if not self.pictures:
            return super()._repr_html_()
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


def allowed_query(gallery: Gallery, query: str) -> str:
    """The real place of the file that a query names, where the gallery may open it anyway: for who asks from elsewhere
    and is not to try out what lies on this machine. Raises NotFoundError.
    """
    path, frame = path_and_frame(query)
    place = gallery.places.place_of(path)
    return f"{place}#{frame}" if frame else str(place)


@of_one_encoder
def search(
    gallery: Gallery,
    query: QueryPicture | None = None,
    *,
    text: str | None = None,
    report: str | None = None,
    report_weight: float = 1.0,
    id: str | None = None,
    ids: Sequence[str] = (),
    study: str | os.PathLike[str] | Query | None = None,
    vector: Sequence[float] | NDArray[np.floating[Any]] | None = None,
    positive: Sequence[str] = (),
    negative: Sequence[str] = (),
    box: Box | None = None,
    mask: str | os.PathLike[str] | NDArray[np.generic] | None = None,
    slice: int | None = None,
    slices: tuple[int, int] | None = None,
    context: bool = True,
    k: int = 5,
    where: str | Filter | None = None,
    space: str = BASE,
    group_by: Unit | None = None,
    same_patient: bool = False,
    only_priors: bool = False,
    before: str | int | None = None,
    exclude_priors: bool = False,
    rank: str = "auto",
    weights: str = "uniform",
    beside: str | os.PathLike[str] | None = None,
    explain: bool = False,
    pictures: bool = True,
) -> SearchResult:
    """The k records most similar to the query, by cosine in a space, best first.

    query: a file (``path#3`` is frame 3 of a multi-frame file), the folder of a series, the bytes of a file or one that
    is open in binary mode, an array (rows, columns) or (rows, columns, 3) of any numeric dtype, or a Query of
    ``read_query``. id, ids: records of the gallery
    instead, several as their mean. vector: of the encoder's own space instead. text: words instead, for encoders
    that take text; with a picture as well, the two rankings are fused by reciprocal rank, and scores are the fused
    ones. report: words to be found in the reports that the gallery keeps, alone or with any of these: their ranking is
    fused likewise, with report_weight against 1 of the others'; ``Hit.placed`` says where each has a hit. study: a
    whole study instead, by the id of one of its records, its pseudonym, the folder of its files or a Query of
    ``read_study``, against whole studies, kind of series by kind of series (``ranking.study_scores``); a hit is the
    most similar record of a study, and ``Hit.study`` tells the rest. positive, negative: ids of records that the query
    is moved towards and away from (``refined``); the negative ones are no hits. where: only records that satisfy the
    filter. group_by: "patient", "study" or "series", one hit of each, the best; ``Hit.others`` counts the rest.
    same_patient: let the query's own patient, and the query itself, be hits.

    only_priors: only earlier studies of the query's own patient. before: only those before a date (2024-01-31,
    20240131), or at least so many days before the query's study; alone it asks for the own patient, too. The study date
    of a file is read from it, that of a record is kept as a day. exclude_priors: leave them out, where same_patient
    lets the own patient answer. A record whose day is not known is in none of them, and ``note`` counts it.

    box, mask: search a region of the picture instead, in a gallery that keeps patches; ``Hit.region`` then says where
    a hit is most similar to it. box: (left, top, right, bottom) in fractions of the displayed picture. mask: a file
    that lies over the query (a volume's over the volume), or an array (rows, columns) over the picture, above 0 in
    the region. slice: of a volume, numbered along the gallery's plane; without it the one with the largest part of
    the mask, or the middle one. slices: grow the box through a volume, from the first to the last of two slices; all of
    it is then searched for, slice on slice, and ``Hit.region.slices`` says where (``asking.solid``). context: whether
    the patches are encoded with the region's surroundings, as those of the gallery are; without it the region is
    encoded alone, on the picture's mean grey: better where the same thing may lie anywhere, worse where its
    surroundings identify it (docs/regions.md). A record's file is read again.
    A region's score is the mean cosine at the best place of the region's patches, laid over every place of every
    picture and slice (``ranking.window_scores``); the search is exact.

    rank, weights: how volumes are ranked from their slices (``rank_volumes.RANKS``, slice_weights); a hit
    then says which slices match. beside: another gallery of the same files by another encoder, which ranks the query (a
    file, an array or a record of both) too; the two rankings are fused, and who may answer is for this gallery to say.
    Fewer than k hits come back only if fewer records may answer. explain: with the gallery's background. pictures: with
    thumbnails.

    Raises UsageError (also for a region where the gallery keeps no patches), UnreadableImageError (the query cannot be
    read), NotFoundError (unknown id), ManifestMismatchError, DamagedFileError.
    """
    ids, region = [*([] if id is None else [id]), *ids], box is not None or mask is not None
    _check((query, ids or None, vector, study), (text, report), k, group_by)
    _check_report(report, report_weight)
    apart = (text, report, vector, study and [study], ids[1:], positive, negative, [region] if region else None)
    _check_beside(beside, query, apart)
    asked = _asked_time(only_priors, before, exclude_priors)
    clock, tree = Clock(), tree_of(where)
    if region:
        _check_region(
            gallery,
            (text, report, vector, study and [study], ids[1:], positive, negative, group_by),
            (space, rank, weights),
        )
        asked_region: dict[str, Any] = {"box": box, "mask": mask, "slice": slice, "slices": slices, "context": context}
        with clock.stage("read"):
            picture = of_record(gallery, ids[0]) if ids else open_query(gallery, query)
            queries = [with_region(gallery, picture, **asked_region)]
    elif study is not None:
        _check_study((text, report, positive, negative), (rank, weights, slice, slices, context))
        with clock.stage("read"):
            queries = [in_space(gallery, open_study(gallery, study), space)]
    else:
        _check_whole(slice, slices, context=context)
        words: dict[str, Any] = {"text": text, "report": report, "report_weight": report_weight}
        queries = queries_of(gallery, query, ids=ids, vector=vector, **words, space=space, clock=clock)
    with nullcontext() if beside is None else open_gallery(beside) as other:
        if other is not None:
            queries.append(_query_beside(other, query, ids, clock))
        with clock.stage("filter"):
            queries, unlike = moved_by_examples(gallery, queries, positive, negative)
            who = candidates(
                gallery,
                queries[0].patients,
                where=tree,
                same_patient=same_patient,
                unlike=unlike,
                patches=region,
                **_by_time(gallery, queries[0], asked, exclude=exclude_priors and same_patient),
            )
        with clock.stage("search"):
            best = answers(gallery, queries, who, k, rank=rank, weights=weights, per=group_by)
    judgement = None if region else _judged(gallery, queries, best, who, rank, clock)
    with clock.stage("fetch"):
        small = _thumbnails(gallery, queries[0], best) if pictures else ()
        hits = Hits(hits_of(gallery, best, judgement, queries[0], who, group_by), small)
    return SearchResult(
        space,
        hits,
        " + ".join(query.name for query in queries),
        clock.seconds,
        len(gallery.index(space) if who.patched is None else who.patched),
        gallery.spec.name,
        "; ".join(remarks(gallery, queries, who, judgement, len(hits), k)),
        judgement is not None and judgement.abstained,
        judgement.close if judgement is not None and judgement.filtered_away else None,
        judgement.background.histogram() if explain and judgement else None,
        query_day(gallery, queries[0]),
        by_study(hits),
    )


def _check(asking: Sequence[Any], words: Sequence[str | None], k: int, group_by: str | None) -> None:
    if not 1 <= k <= MAX_K:
        raise UsageError(f"k must be from 1 to {MAX_K}, got {k}")
    given = sum(each is not None for each in asking)
    if given > 1 or (given == 0 and words == (None, None)):
        raise UsageError(
            "give either a query (a file or an array), the id of a record, a study or a vector; a text, or words to be "
            "found in reports, may stand alone or beside one"
        )
    if group_by not in (None, *get_args(Unit)):
        raise UsageError(f"hits are one of each patient, study or series, or not grouped at all; got {group_by!r}")


def _asked_time(only_priors: bool, before: str | int | None, exclude_priors: bool) -> tuple[bool, Before | None]:
    """Whether earlier studies alone are asked for, and before when."""
    if exclude_priors and (only_priors or before is not None):
        raise UsageError("earlier studies are either left out (exclude_priors) or asked for (only_priors, before)")
    return only_priors, None if before is None else before_of(before)


def _by_time(gallery: Gallery, query: Query, asked: tuple[bool, Before | None], *, exclude: bool) -> dict[str, Any]:
    """What time decides of the own patient's records (``candidates``)."""
    priors, before = asked
    if priors or before is not None:
        return {"earlier": cutoffs(gallery, query.times, priors=priors, before=before)}
    return {"not_earlier": cutoffs(gallery, query.times)} if exclude and query.times else {}


def _check_report(report: str | None, weight: float) -> None:
    if not 0 < weight < np.inf:
        raise UsageError(f"the weight of the reports' ranking is above 0, against 1 of the others, got {weight}")
    if report is None and weight != 1:
        raise UsageError("a weight of the reports' ranking needs words to be found in reports: report, --report")


def _check_region(gallery: Gallery, others: Sequence[Any], ranking: tuple[str, str, str]) -> None:
    if any(other is not None and len(other) for other in others) or ranking != (BASE, "auto", "uniform"):
        raise UsageError(
            "a region is searched in the base space, by its patches alone: leave text, report, study, vector, further "
            "ids, positive, negative, group_by, space, rank and weights out"
        )
    if not kept(gallery.store):
        raise UsageError(
            "this gallery keeps no patches, which a region is searched by; "
            "run `lookalike index --patches` on its sources again"
        )


def _check_beside(beside: object, query: object, others: Sequence[Any]) -> None:
    if beside is not None and (isinstance(query, Query) or any(other is not None and len(other) for other in others)):
        raise UsageError(
            "another gallery ranks a whole picture or volume too, a file, an array or one record: leave text, report, "
            "study, vector, further ids, positive, negative, box and mask out"
        )


def _query_beside(other: Gallery, query: Any, ids: Sequence[str], clock: Clock) -> Query:
    """The query by another gallery's encoder, which ranks it too. Raises NotFoundError for a record that it lacks."""
    (asked,) = queries_of(other, query, ids=ids, clock=clock)
    return replace(asked, beside=other, name=one_line(other.folder.name))


def _check_study(others: Sequence[Any], ranking: tuple[Any, ...]) -> None:
    if any(others) or ranking != ("auto", "uniform", None, None, True):
        raise UsageError(
            "studies are compared by their series alone: leave text, report, positive, negative, rank, weights, slice, "
            "slices and context out"
        )


def _check_whole(slice_: int | None, slices: tuple[int, int] | None, *, context: bool) -> None:
    if slice_ is not None or slices is not None or not context:
        raise UsageError("slice, slices and context speak of a region; give a box or a mask too")


def _judged(
    gallery: Gallery, queries: Sequence[Query], best: Sequence[Ranked], who: Candidates, rank: str, clock: Clock
) -> Judgement | None:
    """How near the best answers are; for cosines only."""
    with clock.stage("background"):
        compared = len(queries) == 1 and not (queries[0].words or queries[0].kinds)
        cosine = ranking_in(gallery, queries[0].space, rank) in COSINES
        if compared and (cosine or not gallery.holds_volumes()):
            return judged(gallery, queries[0], best, who)
        return None


def _thumbnails(gallery: Gallery, query: Query, ranked: Sequence[Ranked]) -> tuple[bytes, ...]:
    keys = [*([] if query.record is None else [query.record.key]), *(hit.record.key for hit in ranked)]
    small = gallery.store.thumbnails(keys)
    own = query.thumbnail or (b"" if query.record is None else small.get(query.record.key, b""))
    return (own, *(small.get(hit.record.key, b"") for hit in ranked))
