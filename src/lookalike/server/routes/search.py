"""Queries: search, explain, classify."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response

from lookalike.asking.heat import Explanation
from lookalike.plots.evidence_files import EvidenceKind
from lookalike.server.ask import (
    EVIDENCE,
    answer_classify,
    answer_explain,
    answer_search,
    asked,
    evidence_response,
    who_classifies,
    who_searches,
)
from lookalike.server.contract.bodies import ClassifyBody, ExplainBody, SearchBody
from lookalike.server.guard import API
from lookalike.server.routes.parameters import AsReader, Decodes, Served
from lookalike.verbs.classify import ClassifyResult
from lookalike.verbs.search import SearchResult

search_router = APIRouter(prefix=API, tags=["ask"])


@search_router.post("/search", response_model=SearchResult)
async def post_search(body: SearchBody, service: Served, caller: AsReader, decodes: Decodes) -> Response:
    """The records most similar to the query."""
    asking = who_searches(body, caller)
    return await asked(service, asking, decodes, body.query, partial(answer_search, service, body, asking))


@search_router.post("/search/evidence", response_class=Response, responses=EVIDENCE)
async def post_search_evidence(
    body: SearchBody,
    service: Served,
    caller: AsReader,
    decodes: Decodes,
    format: Annotated[EvidenceKind, Query()] = "html",
) -> Response:
    """What a search finds as one page to keep or to print, with its pictures in it: HTML, or PDF where the server has
    reportlab.
    """
    asking = who_searches(body, caller)
    answer = partial(answer_search, service, body, asking, pictures=True)
    respond = partial(evidence_response, service, body, asking, format)
    return await asked(service, asking, decodes, body.query, answer, respond=respond)


@search_router.post("/explain", response_model=Explanation)
async def post_explain(body: ExplainBody, service: Served, caller: AsReader, decodes: Decodes) -> Response:
    """Where a record resembles the query."""
    return await asked(
        service, caller, decodes, body.query, partial(answer_explain, service, body, caller), pixels=True
    )


@search_router.post("/classify", response_model=ClassifyResult)
async def post_classify(body: ClassifyBody, service: Served, caller: AsReader, decodes: Decodes) -> Response:
    """Which labels the query has, and the records that speak for them. Methods that are trained on the gallery need the
    role contributor.
    """
    asking = who_classifies(body, caller)
    return await asked(service, asking, decodes, body.query, partial(answer_classify, service, body, asking))
