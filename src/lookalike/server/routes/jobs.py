"""What takes long: 202, and a job to watch."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from lookalike.server.bodies import Adapt, Audit, Evaluate, Index, Map
from lookalike.server.problems import not_found
from lookalike.server.routes import API, Contributor, Reader, Served
from lookalike.server.routes.gallery import Cursor, Limit
from lookalike.server.said import download, said
from lookalike.server.submit import cancel, index_job, queue, report_of, told
from lookalike.store.jobs import Job, job_of, page_of_jobs
from lookalike.verbs.map import kept_map

router = APIRouter(prefix=API, tags=["jobs"])
_KINDS = {
    "md": "text/markdown",
    "csv": "text/csv",
    "tex": "application/x-tex",
    "json": "application/json",
    "html": "text/html",
}


def _accepted(job: Job) -> Response:
    return said(told(job), 202, {"Location": f"{API}/jobs/{job.id}"})


@router.post("/index", status_code=202)
def post_index(body: Index, service: Served, caller: Contributor) -> Response:
    """Add images."""
    return _accepted(index_job(service, caller, body))


@router.post("/adapt", status_code=202)
def post_adapt(body: Adapt, service: Served, caller: Contributor) -> Response:
    """Train a space on the labels."""
    return _accepted(queue(service, caller, "adapt", body.model_dump()))


@router.post("/evaluate", status_code=202)
def post_evaluate(body: Evaluate, service: Served, caller: Contributor) -> Response:
    """Measure a space."""
    return _accepted(queue(service, caller, "evaluate", body.model_dump()))


@router.post("/map", status_code=202)
def post_map(body: Map, service: Served, caller: Contributor) -> Response:
    """Lay the gallery out in a plane."""
    return _accepted(queue(service, caller, "map", body.model_dump()))


@router.post("/audit", status_code=202)
def post_audit(body: Audit, service: Served, caller: Contributor) -> Response:
    """Do the vectors follow the label, or what was recorded beside it?"""
    return _accepted(queue(service, caller, "audit", body.model_dump()))


@router.get("/jobs")
def get_jobs(service: Served, _caller: Reader, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """The newest first."""
    jobs, after = page_of_jobs(service.gallery.store, limit, cursor)
    return said({"items": [told(job) for job in jobs], "next_cursor": after})


@router.get("/jobs/{identity}")
def get_job(identity: str, service: Served, _caller: Reader) -> Response:
    """How far it is, and what came of it."""
    return said(told(job_of(service.gallery.store, identity)))


@router.delete("/jobs/{identity}", status_code=202)
def delete_job(identity: str, service: Served, caller: Contributor) -> Response:
    """Cancel it."""
    return said(told(cancel(service, caller, identity)), 202)


@router.get("/jobs/{identity}/report")
def get_report(
    identity: str,
    service: Served,
    _caller: Reader,
    format: Annotated[Literal["md", "csv", "tex", "json", "html"], Query()] = "md",
) -> Response:
    """An evaluation's report, to keep."""
    text = report_of(job_of(service.gallery.store, identity), format)
    return download(text.encode(), f"report-{identity}.{format}", _KINDS[format])


@router.get("/map")
def get_map(
    service: Served,
    _caller: Reader,
    method: Literal["umap", "tsne"] = "umap",
    space: Annotated[str, Query(max_length=64)] = "base",
) -> Response:
    """A map that a job has drawn."""
    drawn = kept_map(service.gallery, method=method, space=space)
    if drawn is None:
        raise not_found("this map has not been drawn since the records changed: POST /map", "not-made")
    return said({name: getattr(drawn, name) for name in ("method", "space", "ids", "x", "y")})
