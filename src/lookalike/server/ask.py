"""A body as the arguments of its verb."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lookalike.errors import DamagedFileError, UsageError
from lookalike.server.contract.bodies import ClassifyBody, ExplainBody, QueryBody, SearchBody
from lookalike.server.service import Service
from lookalike.types import BASE

if TYPE_CHECKING:
    from lookalike.verbs.classify import ClassifyResult
    from lookalike.verbs.explain import Explanation
    from lookalike.verbs.search import SearchResult


def search(service: Service, body: SearchBody) -> SearchResult:
    """Raises what the verb raises."""
    try:
        found = _regions(service, body) if body.query.roi else _search(service, body)
    except DamagedFileError:  # a record may have been removed between the index and its row
        found = _regions(service, body) if body.query.roi else _search(service, body)
    service.metrics.stages(found.seconds)
    return found


def _search(service: Service, body: SearchBody) -> SearchResult:
    from lookalike.verbs.search import search

    query = body.query
    return search(
        service.gallery,
        service.query(service.uploads.get(query.upload)) if query.upload else None,
        text=query.text,
        ids=query.ids or (),
        vector=query.vector,
        positive=body.positive,
        negative=body.negative,
        k=body.k,
        where=body.where,
        space=body.space,
        group_by=body.group_by,
        same_patient=body.same_patient,
        rank=body.rank,
        weights=body.weights,
        explain=body.explain,
        pictures=False,
    )


def _regions(service: Service, body: SearchBody) -> SearchResult:
    from lookalike.asking.rank_regions import search_regions

    roi = body.query.roi
    if roi is None or body.space != BASE or body.positive or body.negative or body.group_by:
        raise UsageError("a region is searched in the base space, without examples and one a record")
    source, name = _source(service, body.query)
    found = search_regions(
        service.gallery,
        source,
        id=body.query.record,
        box=roi.box,
        slice=roi.slice,
        k=body.k,
        where=body.where,
        same_patient=body.same_patient,
    )
    return replace(found, query=name or found.query)


def explain(service: Service, body: ExplainBody) -> Explanation:
    """Raises what the verb raises."""
    from lookalike.verbs.explain import explain

    roi = body.query.roi
    return explain(
        service.gallery,
        _source(service, body.query)[0],
        id=_record(body.query),
        record=body.record,
        box=roi.box if roi else None,
        slice=roi.slice if roi else None,
        space=body.space,
    )


def classify(service: Service, body: ClassifyBody) -> ClassifyResult:
    """Raises what the verb raises."""
    from lookalike.verbs.classify import classify

    upload = body.query.upload
    space = None if body.space == BASE and body.method != "adapter" else body.space
    return classify(
        service.gallery,
        service.query(service.uploads.get(upload)) if upload else None,
        id=None if upload else _record(body.query),
        method=body.method,
        k=body.k,
        space=space,
    )


def _source(service: Service, query: QueryBody) -> tuple[Any, str]:
    """The uploaded file that a query is, with its name; (None, "") if it is a record."""
    if query.upload is None:
        return None, ""
    upload = service.uploads.get(query.upload)
    return upload.source, upload.name


def _record(query: QueryBody) -> str | None:
    """The record that a query is; None for an upload. Raises UsageError for anything else."""
    if query.upload is None and query.record is None:
        raise UsageError("this is asked with one picture: an upload, or the id of one record")
    return query.record
