"""Run search, explain and classify for a request body: the body's fields become the verb's arguments."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lookalike.asking.query import read_query
from lookalike.errors import UsageError
from lookalike.server.contract.bodies import ClassifyBody, ExplainBody, QueryBody, SearchBody
from lookalike.server.service import Service
from lookalike.types import BASE

if TYPE_CHECKING:
    from lookalike.asking.heat import Explanation
    from lookalike.asking.query import Query
    from lookalike.verbs.classify import ClassifyResult
    from lookalike.verbs.search import SearchResult


def answer_search(service: Service, body: SearchBody) -> SearchResult:
    """Search. Raises as ``verbs.search.search``."""
    from lookalike.verbs.search import search

    query = body.query
    upload = _upload(service, query)
    found = search(
        service.gallery,
        upload,
        text=query.text,
        ids=query.ids or ([query.record] if query.record else ()),
        vector=query.vector,
        **_region(query),
        **body.model_dump(exclude={"query"}),
        pictures=False,
    )
    service.metrics.stages(found.seconds)
    return found


def answer_explain(service: Service, body: ExplainBody) -> Explanation:
    """Explain a hit. Raises as ``verbs.explain.explain``."""
    from lookalike.verbs.explain import explain

    upload = _upload(service, body.query)
    identity = None if upload is not None else _record(body.query)
    return explain(service.gallery, upload, id=identity, record=body.record, **_region(body.query), space=body.space)


def answer_classify(service: Service, body: ClassifyBody) -> ClassifyResult:
    """Classify the query. Raises as ``verbs.classify.classify``."""
    from lookalike.verbs.classify import classify

    upload = _upload(service, body.query)
    space = None if body.space == BASE and body.method != "adapter" else body.space
    return classify(
        service.gallery,
        upload,
        id=None if upload is not None else _record(body.query),
        method=body.method,
        k=body.k,
        space=space,
        where=body.where,
        **_region(body.query),
    )


def _upload(service: Service, query: QueryBody) -> Query | None:
    """The upload that the query names, or None if it names none. It is read and encoded once, and again when the
    gallery's records have changed.
    """
    if query.upload is None:
        return None
    upload = service.uploads.get(query.upload)
    version = service.gallery.space(BASE).version
    with upload.reading:
        if upload.query is None or upload.version != version:
            read = read_query(service.gallery, upload.source)
            upload.query, upload.version = replace(read, name=upload.name), version
            service.uploads.bound_pixels()
        return upload.query


def _region(query: QueryBody) -> dict[str, Any]:
    return {"box": query.roi.box, "slice": query.roi.slice} if query.roi else {}


def _record(query: QueryBody) -> str:
    """The id of the one record that the query names. Raises UsageError for any other query."""
    if query.record is None:
        raise UsageError("this is asked with one picture: an upload, or the id of one record")
    return query.record
