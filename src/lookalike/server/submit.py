"""What a job is given: the files that it needs are put where they outlive the server."""

from __future__ import annotations

import shutil
from typing import Any

from lookalike.gallery import SOURCES
from lookalike.server.access import Caller
from lookalike.server.bodies import Index
from lookalike.server.problems import Problem, not_found
from lookalike.server.service import Service
from lookalike.server.uploads import Upload
from lookalike.store.jobs import OPEN, Job, add_job, job_of


def queue(service: Service, caller: Caller, kind: str, given: dict[str, Any]) -> Job:
    """A new job, which starts when those before it are done."""
    job = add_job(service.gallery.store, kind, given, caller.name)
    service.runner.wake()
    return job


def index_job(service: Service, caller: Caller, body: Index) -> Job:
    """Index uploads or an import folder, whose labels.csv is used if it has one. Raises Problem 404."""
    labels = service.uploads.get(body.labels_csv) if body.labels_csv else None
    if body.folder is not None:
        folder = service.settings.imports.get(body.folder)
        if folder is None:
            raise not_found(f"no import folder is called {body.folder!r}; see imports in /gallery", "no-import")
        table = folder / "labels.csv"
        sources, labels_path = [str(folder)], str(table) if table.is_file() else None
    else:
        uploads = [service.uploads.get(identity) for identity in body.uploads or ()]
        sources, labels_path = [_moved_in(service, upload) for upload in uploads], None
    if labels is not None:
        labels_path = _table(service, labels)
    given = {
        "sources": sources,
        "labels": labels_path,
        "own_labels": labels is not None,
        "label_columns": body.label_columns,
    }
    return queue(service, caller, "index", given)


def _moved_in(service: Service, upload: Upload) -> str:
    """An upload copied into the gallery: what is indexed must stay."""
    folder = service.gallery.folder / SOURCES / upload.id
    if not folder.is_dir():
        folder.parent.mkdir(exist_ok=True)
        shutil.copytree(upload.folder, folder)
    return str(folder)


def _table(service: Service, upload: Upload) -> str:
    path = service.gallery.folder / SOURCES / f"{upload.id}.csv"
    path.parent.mkdir(exist_ok=True)
    shutil.copyfile(upload.files[0], path)
    return str(path)


def cancel(service: Service, caller: Caller, identity: str) -> Job:
    """Cancel a job that waits or runs: one's own, or as an admin any. Raises Problem 403, GalleryError."""
    job = job_of(service.gallery.store, identity)
    if job.owner != caller.name and not caller.may("admin"):
        raise Problem(403, "only who started a job, or an admin, may cancel it", "not-yours")
    if job.state in OPEN:
        service.runner.cancel(identity)
    return job_of(service.gallery.store, identity)


def told(job: Job) -> dict[str, Any]:
    """A job as it is told: without what it was given, which holds paths, and without the printed reports."""
    names = ("id", "kind", "state", "progress", "error", "owner", "created", "started", "finished")
    said = {name: getattr(job, name) for name in names}
    return {**said, "result": (job.result or {}).get("result")}


def report_of(job: Job, form: str) -> str:
    """The printed report of an evaluation. Raises Problem 404."""
    reports: dict[str, str] = (job.result or {}).get("reports", {})
    if form not in reports:
        raise not_found("this job has no such report; an evaluation has one once it is done", "no-report")
    return reports[form]
