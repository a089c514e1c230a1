"""Health checks and metrics for monitoring, outside the base path."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from lookalike.gallery import Gallery
from lookalike.server.access import SCRAPER
from lookalike.server.addressed import service_at
from lookalike.server.contract.answers import Health
from lookalike.server.metrics import GalleryFigures
from lookalike.server.problems import Problem
from lookalike.server.responses import json_response
from lookalike.server.routes.parameters import All, AsScraper
from lookalike.verbs.backup import last_backup
from lookalike.verbs.gallery import count_records
from lookalike.verbs.jobs import count_jobs

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
def get_metrics(request: Request, galleries: All, caller: AsScraper) -> Response:
    """Metrics for Prometheus: of all galleries for the scraper's token, else of the one that the address names."""
    services = galleries.services() if caller is SCRAPER else [service_at(request)]
    figures = {service.name: _figures(service.gallery) for service in services}
    text = galleries.shared.metrics.text(figures)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


def _figures(gallery: Gallery) -> GalleryFigures:
    return GalleryFigures(count_records(gallery), count_jobs(gallery), last_backup(gallery))
