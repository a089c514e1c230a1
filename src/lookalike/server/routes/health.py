"""For whoever watches over the service; without the base path."""

from __future__ import annotations

from fastapi import APIRouter, Response

from lookalike.server.problems import Problem
from lookalike.server.routes import Reader, Served
from lookalike.server.said import said
from lookalike.store.jobs import count_open

router = APIRouter(tags=["health"])


@router.get("/healthz")
def get_healthz() -> Response:
    """The process answers."""
    return said({"status": "ok"})


@router.get("/readyz")
def get_readyz(service: Served) -> Response:
    """Encoder and index are loaded."""
    if not service.ready:
        raise Problem(503, "the encoder or the index is still being loaded", "not-ready", {"Retry-After": "1"})
    return said({"status": "ready"})


@router.get("/metrics")
def get_metrics(service: Served, _caller: Reader) -> Response:
    """For Prometheus."""
    store = service.gallery.store
    text = service.metrics.text(records=store.count(), jobs_open=count_open(store))
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")
