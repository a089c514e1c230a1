"""Queue and cancel jobs. Files that a job needs are copied to where they outlive the server."""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from fastapi import Response

from lookalike.erasing import bringing
from lookalike.errors import NotFoundError
from lookalike.job_queue import WITHIN
from lookalike.roles import ROLES
from lookalike.server.callers import Caller
from lookalike.server.contract.job_bodies import IndexBody
from lookalike.server.guard import API
from lookalike.server.imports import import_folders
from lookalike.server.problems import Problem
from lookalike.server.responses import json_response
from lookalike.server.service import Service
from lookalike.server.uploads.store import Upload
from lookalike.sources.volumes import files_behind
from lookalike.verbs.jobs import JobInfo, count_open_jobs, job_info, may_cancel, submit_job

OPEN_JOBS_EACH: Final = 32  # jobs of one caller that are queued or running,
OPEN_JOBS: Final = 128  # and of all


def queue(service: Service, caller: Caller, kind: str, arguments: dict[str, Any]) -> JobInfo:
    """Queue a job, which starts when those before it are done. arguments: of its verb. Raises Problem 429."""
    with service.submitting:
        _check_open(service, caller)
        given = arguments if caller.part is None else {**arguments, WITHIN: list(caller.part)}
        job = submit_job(service.gallery, kind, given, job_name(caller))
    service.runner.wake()
    return job


def accepted(job: JobInfo) -> Response:
    """202: a job was queued, and where to watch it."""
    return json_response(job, 202, {"Location": f"{API}/jobs/{job.id}"})


def _check_open(service: Service, caller: Caller) -> None:
    own, every = count_open_jobs(service.gallery, job_name(caller)), count_open_jobs(service.gallery)
    if own >= OPEN_JOBS_EACH or every >= OPEN_JOBS:
        whose = f"{own} of your jobs" if own >= OPEN_JOBS_EACH else f"{every} jobs"
        detail = f"{whose} are not done yet; start this one when some are"
        raise Problem(429, detail, "jobs-full", {"Retry-After": "60"})


def queue_index(service: Service, caller: Caller, body: IndexBody) -> JobInfo:
    """Index uploads, or an import folder or a folder in it, with the labels.csv that lies there or above, if one does.
    Raises NotFoundError, Problem 429.
    """
    _check_open(service, caller)  # before anything is copied
    service.gallery.store.check_writable()  # before anything is copied into it
    labels = service.uploads.get(body.labels_csv, caller.name) if body.labels_csv else None
    uploads = [service.uploads.get(identity, caller.name) for identity in body.uploads or ()]
    try:
        with bringing(service.gallery) as kept:
            return queue(service, caller, "index", _brought_in(service, body, uploads, labels, kept))
    except FileNotFoundError:  # an erasure, or its age, has removed it
        raise NotFoundError("an upload is no longer there; upload it again", "no-upload") from None
    finally:
        service.runner.tidy_soon()


def _brought_in(
    service: Service, body: IndexBody, uploads: Sequence[Upload], labels: Upload | None, kept: Path
) -> dict[str, Any]:
    """The arguments of a job whose files are brought into the gallery."""
    sources, table = [_moved_in(upload, kept) for upload in uploads], None
    if body.folder is not None:
        sources, table = _import_folder(service, body)
    if labels is not None:
        labels.indexed = True
        table = _brought(labels.files[0], kept / f"{labels.id}.csv")
    return {
        "sources": sources,
        "labels": table,
        "label_columns": body.label_columns,
        "where_source": body.where_source,
        "overwrite_labels": body.overwrite_labels,
        "reports": body.reports,
        "report_columns": body.report_columns,
    }


def _import_folder(service: Service, body: IndexBody) -> tuple[list[str], str | None]:
    way = import_folders(service.settings.imports, body.folder or "", body.subfolders)
    tables = (folder / "labels.csv" for folder in reversed(way))
    return [str(way[-1])], next((str(table) for table in tables if table.is_file()), None)


def _moved_in(upload: Upload, kept: Path) -> str:
    """Copy the files of an upload into the gallery, since indexed files must stay; their folder there."""
    upload.indexed = True
    for file in (half for each in upload.files for half in files_behind(each, 1, list)):
        _brought(file, kept / upload.id / file.relative_to(upload.folder))
    return str(kept / upload.id)


def _brought(file: Path, place: Path) -> str:
    """Copy a file to its place, where it is complete as soon as it is there."""
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        coming = place.with_name(f".{secrets.token_hex(8)}")
        shutil.copyfile(file, coming)
        coming.replace(place)
    return str(place)


def cancel(service: Service, caller: Caller, identity: str) -> JobInfo:
    """Cancel a queued or running job: an admin any, others their own. Raises ForbiddenError, NotFoundError."""
    of = job_owners(caller)
    any_job = caller.may("admin") and caller.acts("admin").part is None
    job_info(service.gallery, identity, of=of)
    if may_cancel(service.gallery, identity, owner=None if any_job else job_name(caller)):
        service.runner.cancel(identity)
    return job_info(service.gallery, identity, of=of)


def job_name(caller: Caller) -> str:
    """As whose a caller's jobs are noted: of who sees a part of the gallery with the part, in which they are done."""
    if caller.part is None:
        return caller.name
    told = hashlib.sha256(json.dumps(sorted(caller.part)).encode()).hexdigest()
    return f"{caller.name} ({told[:12]})"


def job_owners(caller: Caller) -> frozenset[str] | None:
    """As whose jobs are noted that a caller sees: None for all; of who sees a part of the gallery only its own, in just
    the parts that it sees.
    """
    if caller.part is None:
        return None
    return frozenset(job_name(caller.acts(role)) for role in ROLES if caller.may(role))
