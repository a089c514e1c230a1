"""Ask: search, explain, classify."""

from __future__ import annotations

from fastapi import APIRouter, Response

from lookalike.server import ask
from lookalike.server.bodies import Classify, Explain, Search
from lookalike.server.routes import API, Reader, Served
from lookalike.server.said import said

router = APIRouter(prefix=API, tags=["ask"])


@router.post("/search")
def post_search(body: Search, service: Served, _caller: Reader) -> Response:
    """The records most alike the query."""
    return said(ask.search(service, body))


@router.post("/explain")
def post_explain(body: Explain, service: Served, _caller: Reader) -> Response:
    """Where a record is alike the query."""
    return said(ask.explain(service, body))


@router.post("/classify")
def post_classify(body: Classify, service: Served, _caller: Reader) -> Response:
    """Which labels the query bears, and which records say so."""
    return said(ask.classify(service, body))
