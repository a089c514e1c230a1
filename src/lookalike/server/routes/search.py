"""Queries: search, explain, classify."""

from __future__ import annotations

from fastapi import APIRouter, Response

from lookalike.asking.heat import Explanation
from lookalike.server.ask import answer_classify, answer_explain, answer_search
from lookalike.server.contract.bodies import ClassifyBody, ExplainBody, SearchBody
from lookalike.server.guard import API
from lookalike.server.responses import json_response
from lookalike.server.routes.parameters import AsReader, Served
from lookalike.verbs.classify import ClassifyResult
from lookalike.verbs.search import SearchResult

search_router = APIRouter(prefix=API, tags=["ask"])


@search_router.post("/search", response_model=SearchResult)
def post_search(body: SearchBody, service: Served, _caller: AsReader) -> Response:
    """The records most similar to the query."""
    return json_response(answer_search(service, body))


@search_router.post("/explain", response_model=Explanation)
def post_explain(body: ExplainBody, service: Served, _caller: AsReader) -> Response:
    """Where a record resembles the query."""
    return json_response(answer_explain(service, body))


@search_router.post("/classify", response_model=ClassifyResult)
def post_classify(body: ClassifyBody, service: Served, _caller: AsReader) -> Response:
    """Which labels the query has, and the records that speak for them."""
    return json_response(answer_classify(service, body))
