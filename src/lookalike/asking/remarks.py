"""What is said beside hits: why there are few or none, what the filter took away, what the space was trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lookalike.adapters import is_accepted
from lookalike.asking.background import Judgement
from lookalike.asking.candidates import Candidates, trained_on
from lookalike.asking.patients import NAME_PATIENTS, UNMATCHED
from lookalike.asking.query import Query
from lookalike.gallery import Gallery
from lookalike.store import BASE
from lookalike.store.reports import count_reports


def flattered(space: str) -> str:
    """What is said of an answer in a space that was trained on the query's own patient."""
    return (
        f"The space {space!r} was trained on records of the query's own patient: its answer is flattered. "
        f"Ask in the space {BASE!r}, or measure it: lookalike evaluate --space {space} --folds 5."
    )


def remarks(
    gallery: Gallery, queries: Sequence[Query], who: Candidates, judgement: Judgement | None, hits: int, k: int
) -> Iterator[str]:
    """Sentences on an answer of ``hits`` records where ``k`` were wanted."""
    query = queries[0]
    if len(queries) > 1:
        yield f"fused by reciprocal rank: {', '.join(f'{query.ranking} {query.weight:g}' for query in queries)}"
    if any(query.report for query in queries) and (without := gallery.store.count() - count_reports(gallery.store)):
        yield f"{without} records have no report, and are found by it never"
    if hits < k:
        what = "studies" if query.kinds else "records"
        yield f"only {hits} {what} may answer this query" + ("" if hits else _why_none(gallery, who))
    if who.undated:
        yield (
            f"left out, since whether they are earlier cannot be said: {who.undated} of the query's patient, of no "
            "known day"
        )
    if who.unpatched:
        yield f"{who.unpatched} records have no patches: run `lookalike index --patches` on their sources again"
    if judgement is not None and judgement.filtered_away:
        left = f"the best that it leaves has {judgement.kept:.3f}" if hits else "it leaves none"
        yield f"the filter leaves nothing similar: {left}, without it the best would have {judgement.close:.3f}"
    if query.source is not None and not gallery.store.identity.names_patients:
        yield UNMATCHED
    if gallery.engine_away:
        yield f"answered from the gallery's own index, since the index engine {gallery.engine.address} gives no answer"
    if query.patients and trained_on(gallery, query.space, query.patients):
        yield flattered(query.space)
    yield from _doubts(gallery, query.space)


def _doubts(gallery: Gallery, space: str) -> Iterator[str]:
    """That a space is not to be searched by default, if it was compared with the base space."""
    adapter = gallery.adapter(space)
    found = adapter and adapter.training.get("inner_folds")
    if not adapter or not found or is_accepted(adapter.training):
        return
    if found.get("worse"):
        yield f"the space {space!r} did worse than base, or no better than chance, on folds of its own records"
    else:
        yield f"the space {space!r} was not surely better than base on folds of its own records"


def _why_none(gallery: Gallery, who: Candidates) -> str:
    """Why no record may answer, and how to go on."""
    if not gallery.store.count():
        return ": the gallery is empty"
    if who.own:
        return (
            ": of the query's patient no earlier study"
            + ("" if who.filtered is None else " that is asked for")
            + " is here"
        )
    if who.among is not None and not len(who.among):
        return ": the filter allows none"
    if len(who.closed):
        all_ = "all" if who.filtered is None else "all that the filter allows"
        return (
            f": {all_} are of its own patient, which is left out. Let them answer with --same-patient; if they are of "
            f"several patients, name these by another column: {NAME_PATIENTS}"
        )
    return ""
