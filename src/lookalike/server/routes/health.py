"""Health checks and metrics for monitoring, outside the base path."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from lookalike.server.addressed import service_at
from lookalike.server.contract.answers import Health
from lookalike.server.problems import Problem
from lookalike.server.responses import json_response
from lookalike.server.routes.parameters import All, Served, WholeAsReader
from lookalike.verbs.gallery import count_records
from lookalike.verbs.jobs import count_open_jobs

health_router = APIRouter(tags=["health"])


@health_router.get("/healthz", response_model=Health)
async def get_healthz() -> Response:
    """The process is alive."""
    return json_response(Health("ok"))


@health_router.get("/readyz", response_model=Health)
async def get_readyz(request: Request, galleries: All) -> Response:
    """Encoder and index are loaded: of the gallery that the address names, else of all that are open."""
    services = [service_at(request)] if request.state.gallery else galleries.services()
    if not all(service.ready for service in services):
        raise Problem(503, "the encoder or the index is still being loaded", "not-ready", {"Retry-After": "1"})
    return json_response(Health("ready"))


@health_router.get("/metrics", response_class=PlainTextResponse)
def get_metrics(service: Served, _caller: WholeAsReader) -> Response:
    """Metrics for Prometheus."""
    gallery = service.gallery
    text = service.metrics.text(records=count_records(gallery), jobs_open=count_open_jobs(gallery))
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")
