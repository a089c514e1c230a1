"""A body as the arguments of its verb."""

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
    """Raises what the verb raises."""
    from lookalike.verbs.search import search

    asked = body.query
    upload = _upload(service, asked)
    found = search(
        service.gallery,
        upload,
        text=asked.text,
        ids=asked.ids or ([asked.record] if asked.record else ()),
        vector=asked.vector,
        **_region(asked),
        **body.model_dump(exclude={"query"}),
        pictures=False,
    )
    service.metrics.stages(found.seconds)
    return found


def answer_explain(service: Service, body: ExplainBody) -> Explanation:
    """Raises what the verb raises."""
    from lookalike.verbs.explain import explain

    upload = _upload(service, body.query)
    identity = None if upload is not None else _record(body.query)
    return explain(service.gallery, upload, id=identity, record=body.record, **_region(body.query), space=body.space)


def answer_classify(service: Service, body: ClassifyBody) -> ClassifyResult:
    """Raises what the verb raises."""
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
    )


def _upload(service: Service, query: QueryBody) -> Query | None:
    """The upload that a query is; read and encoded once, and again when the gallery has other records. None: it is
    no upload.
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
    """The record that a query is. Raises UsageError for anything else."""
    if query.record is None:
        raise UsageError("this is asked with one picture: an upload, or the id of one record")
    return query.record
