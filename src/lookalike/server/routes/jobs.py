"""Verbs that take long: each is answered with 202 and a job to watch."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request, Response

from lookalike.errors import NotFoundError, UsageError
from lookalike.server.audited_records import note_records
from lookalike.server.callers import Caller
from lookalike.server.chooser import chosen_gallery
from lookalike.server.contract.answers import JobAnswer, JobListing
from lookalike.server.contract.bodies import Body
from lookalike.server.contract.completed import completed
from lookalike.server.contract.job_bodies import (
    AdaptBody,
    AuditBody,
    DriftBody,
    DuplicatesBody,
    EvaluateBody,
    ExportBody,
    IndexBody,
    MapBody,
    MergeBody,
    MetadataBody,
    MigrateBody,
    OutliersBody,
    QualityBody,
    TuneBody,
)
from lookalike.server.exports import MOST_OF_A_COHORT, check_room, export_file
from lookalike.server.guard import API
from lookalike.server.jobs.cohort import MOST_PACKED
from lookalike.server.jobs.submit import accepted, cancel, job_owners, queue, queue_index
from lookalike.server.problems import Problem
from lookalike.server.responses import NEVER_KEPT, FileOfBytes, download_response, json_response
from lookalike.server.routes.parameters import (
    All,
    AsContributor,
    AsReader,
    Cursor,
    Limit,
    Served,
    WholeAsAdmin,
    WholeAsContributor,
    WholeAsReader,
)
from lookalike.server.service import Service
from lookalike.verbs.backup import BackupList, backup_info, list_backups
from lookalike.verbs.jobs import ScheduleList, job_info, job_report, list_jobs, list_schedules
from lookalike.verbs.migrate import migration_asked_for

jobs_router = APIRouter(prefix=API, tags=["jobs"])
_KINDS: Final = {
    "md": "text/markdown",
    "csv": "text/csv",
    "tex": "application/x-tex",
    "json": "application/json",
    "html": "text/html",
}
_REPORTS: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {kind: {} for kind in _KINDS.values()}}}


def _queued(service: Service, caller: Caller, kind: str, body: Body) -> Response:
    return accepted(queue(service, caller, kind, body.model_dump()))


@jobs_router.post("/index", status_code=202, response_model=JobAnswer)
def post_index(body: IndexBody, service: Served, caller: WholeAsContributor) -> Response:
    """Add images."""
    return accepted(queue_index(service, caller, body))


@jobs_router.post("/adapt", status_code=202, response_model=JobAnswer)
def post_adapt(body: AdaptBody, service: Served, caller: WholeAsContributor) -> Response:
    """Train a space on the labels."""
    return _queued(service, caller, "adapt", body)


@jobs_router.post("/tune", status_code=202, response_model=JobAnswer)
def post_tune(body: TuneBody, service: Served, caller: WholeAsContributor) -> Response:
    """Tune the encoder's network to the gallery."""
    return _queued(service, caller, "tune", body)


@jobs_router.post("/evaluate", status_code=202, response_model=JobAnswer)
def post_evaluate(body: EvaluateBody, service: Served, caller: AsContributor) -> Response:
    """Evaluate a space."""
    return _queued(service, caller, "evaluate", body)


@jobs_router.post("/migrate", status_code=202, response_model=JobAnswer)
def post_migrate(body: MigrateBody, service: Served, caller: WholeAsAdmin) -> Response:
    """Change the encoder."""
    return accepted(queue(service, caller, "migrate", migration_asked_for(service.gallery, **body.model_dump())))


@jobs_router.post("/merge", status_code=202, response_model=JobAnswer)
def post_merge(body: MergeBody, request: Request, galleries: All, service: Served, caller: WholeAsAdmin) -> Response:
    """Bring the records of other galleries of this service into this one; for who administers all of them."""
    found = [chosen_gallery(request, galleries, name, "admin") for name in body.galleries]
    if any(each is service for each in found):
        raise UsageError("a gallery is not merged into itself: name other ones")
    return accepted(queue(service, caller, "merge", {"galleries": [str(each.gallery.folder) for each in found]}))


@jobs_router.post("/map", status_code=202, response_model=JobAnswer)
def post_map(body: MapBody, service: Served, caller: AsContributor) -> Response:
    """Lay the gallery out in a plane."""
    return _queued(service, caller, "map", body)


@jobs_router.post("/audit", status_code=202, response_model=JobAnswer)
def post_audit(body: AuditBody, service: Served, caller: AsContributor) -> Response:
    """Audit for confounds: do the vectors follow the label, or another recorded field?"""
    return _queued(service, caller, "audit", body)


@jobs_router.post("/audit/duplicates", status_code=202, response_model=JobAnswer)
def post_audit_duplicates(service: Served, caller: AsContributor, body: DuplicatesBody | None = None) -> Response:
    """Find the records that are copies of one another."""
    return _queued(service, caller, "duplicates", body or DuplicatesBody())


@jobs_router.post("/audit/outliers", status_code=202, response_model=JobAnswer)
def post_audit_outliers(
    body: OutliersBody, request: Request, galleries: All, service: Served, caller: AsContributor
) -> Response:
    """List the records that lie farthest from a reference set. reference_gallery: one all of which the caller sees."""
    given = body.model_dump()
    if body.reference_gallery is not None:
        other = chosen_gallery(request, galleries, body.reference_gallery, "reader")
        given["reference_gallery"] = str(other.gallery.folder)
    return accepted(queue(service, caller, "outliers", given))


@jobs_router.post("/audit/drift", status_code=202, response_model=JobAnswer)
def post_audit_drift(body: DriftBody, service: Served, caller: AsContributor) -> Response:
    """Compare the pictures, labels and recorded values of two parts of the gallery."""
    return _queued(service, caller, "drift", body)


@jobs_router.post("/audit/metadata", status_code=202, response_model=JobAnswer)
def post_audit_metadata(body: MetadataBody, service: Served, caller: AsContributor) -> Response:
    """List recorded values that neighbours contradict, and propose missing ones; nothing is changed."""
    return _queued(service, caller, "metadata", body)


@jobs_router.post("/audit/quality", status_code=202, response_model=JobAnswer)
def post_audit_quality(body: QualityBody, service: Served, caller: AsContributor) -> Response:
    """List pictures that are blank, clipped, inverted, turned, mirrored, of another part of the body, or show text."""
    return _queued(service, caller, "quality", body)


@jobs_router.post("/export", status_code=202, response_model=JobAnswer)
def post_export(body: ExportBody, service: Served, caller: WholeAsAdmin) -> Response:
    """Export records without identity; the job's ``export`` is the packed cohort."""
    check_room(service.gallery)
    return accepted(queue(service, caller, "export", {**body.model_dump(), MOST_PACKED: MOST_OF_A_COHORT}))


@jobs_router.get("/jobs/{identity}/export", response_class=FileOfBytes)
def get_export(identity: str, request: Request, service: Served, caller: WholeAsAdmin) -> Response:
    """Download the cohort that a job has exported, a ZIP archive; it is kept for a day."""
    job = job_info(service.gallery, identity, of=job_owners(caller))
    if job.state != "done":
        raise NotFoundError("this job has exported nothing, or not yet", "no-export")
    file = export_file(service.gallery, job.id)
    note_records(request.state, (), files=job.result["files"], records=job.result["records"])
    kind = FileOfBytes.media_type  # which a browser saves and opens by nothing
    return FileOfBytes(file, media_type=kind, filename=f"cohort-{job.id}.zip", headers=NEVER_KEPT)


@jobs_router.post("/backup", status_code=202, response_model=JobAnswer)
def post_backup(service: Served, caller: WholeAsAdmin) -> Response:
    """Back the gallery up into the folder that is configured."""
    if service.settings.backups is None:
        raise Problem(409, "no folder for backups is configured: backup.folder in lookalike.toml", "no-backup-folder")
    return accepted(queue(service, caller, "backup", {}))


@jobs_router.get("/backups", response_model=BackupList)
def get_backups(service: Served, _caller: WholeAsAdmin) -> Response:
    """The backups that were made, newest first; where they lie on the server stays there."""
    found = list_backups(service.gallery)
    return json_response(replace(found, items=tuple(replace(each, folder="") for each in found.items)))


@jobs_router.post("/backups/{identity}/verify", status_code=202, response_model=JobAnswer)
def post_verify(identity: str, service: Served, caller: WholeAsAdmin) -> Response:
    """Verify a backup to the byte."""
    return accepted(queue(service, caller, "verify", {"id": backup_info(service.gallery, identity).id}))


@jobs_router.get("/schedules", response_model=ScheduleList)
def get_schedules(service: Served, _caller: WholeAsReader) -> Response:
    """What is queued again and again, and when it is due next."""
    return json_response(list_schedules(service.gallery))


@jobs_router.get("/jobs", response_model=JobListing)
def get_jobs(service: Served, caller: AsReader, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Jobs, newest first."""
    return json_response(list_jobs(service.gallery, limit=limit, cursor=cursor, of=job_owners(caller)))


@jobs_router.get("/jobs/{identity}", response_model=JobAnswer)
def get_job(identity: str, service: Served, caller: AsReader) -> Response:
    """A job's progress and result."""
    job = job_info(service.gallery, identity, of=job_owners(caller))
    return json_response(replace(job, result=completed(job.result)))


@jobs_router.delete("/jobs/{identity}", status_code=202, response_model=JobAnswer)
def delete_job(identity: str, service: Served, caller: AsContributor) -> Response:
    """Cancel a job."""
    return json_response(cancel(service, caller, identity), 202)


@jobs_router.get("/jobs/{identity}/report", response_class=Response, responses=_REPORTS)
def get_report(
    identity: str,
    service: Served,
    caller: AsReader,
    format: Annotated[Literal["md", "csv", "tex", "json", "html"], Query()] = "md",
) -> Response:
    """Download an evaluation's report."""
    text = job_report(service.gallery, identity, format, of=job_owners(caller))
    return download_response(text.encode(), f"report-{identity}.{format}", _KINDS[format])
