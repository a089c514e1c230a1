"""jobs: what takes long, queued in the gallery's database and done one after the other by the server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lookalike.errors import ForbiddenError, NotFoundError
from lookalike.gallery import Gallery
from lookalike.store.jobs import (
    OPEN,
    Job,
    JobProgress,
    JobState,
    add_job,
    count_open,
    finish_job,
    job_of,
    next_job,
    note_progress,
    page_of_jobs,
    resume_jobs,
)


@dataclass(frozen=True, slots=True)
class JobInfo:
    """A job as it is told: without what it was given, which holds paths, and without its printed reports.

    created, started, finished: seconds since 1970. owner: the name of the key that asked for it. result: what the
    verb answered, as JSON.
    """

    id: str
    kind: str
    state: JobState
    progress: JobProgress
    error: str | None
    owner: str
    created: float
    started: float | None
    finished: float | None
    result: Any = None


@dataclass(frozen=True, slots=True)
class JobPage:
    """items: the newest first, without results. next_cursor: where to go on, None at the end."""

    items: tuple[JobInfo, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Task:
    """A job as whoever does it is told: the name of the verb, and what it is given."""

    id: str
    kind: str
    arguments: Mapping[str, Any]


def submit_job(gallery: Gallery, kind: str, arguments: Mapping[str, Any], owner: str) -> JobInfo:
    """Queue a job. arguments: of its verb, as JSON."""
    return _info(add_job(gallery.store, kind, arguments, owner))


def job_info(gallery: Gallery, id: str) -> JobInfo:
    """How far a job is, and what came of it. Raises NotFoundError."""
    return _info(job_of(gallery.store, id))


def list_jobs(gallery: Gallery, *, limit: int = 50, cursor: str | None = None) -> JobPage:
    """A page of jobs. Raises UsageError for a cursor that no page gave."""
    jobs, after = page_of_jobs(gallery.store, limit, cursor)
    return JobPage(tuple(map(_info, jobs)), after)


def count_open_jobs(gallery: Gallery) -> int:
    """How many jobs wait or run."""
    return count_open(gallery.store)


def may_cancel(gallery: Gallery, id: str, *, owner: str | None) -> bool:
    """Whether a job is open still. owner: who asks, None for whoever may cancel any.

    Raises NotFoundError, ForbiddenError for somebody else's job.
    """
    job = job_of(gallery.store, id)
    if owner is not None and job.owner != owner:
        raise ForbiddenError("only who started a job, or an admin, may cancel it", "not-yours")
    return job.state in OPEN


def job_report(gallery: Gallery, id: str, format: str) -> str:
    """The printed report of an evaluation. Raises NotFoundError."""
    reports: Mapping[str, str] = (job_of(gallery.store, id).result or {}).get("reports", {})
    if format not in reports:
        raise NotFoundError("this job has no such report; an evaluation has one once it is done", "no-report")
    return reports[format]


# For whoever does the jobs


def task_of(gallery: Gallery, id: str) -> Task:
    """What a job is to do. Raises NotFoundError."""
    return _task(job_of(gallery.store, id))


def take_job(gallery: Gallery) -> Task | None:
    """The job that has waited longest, now running; None if none waits."""
    job = next_job(gallery.store)
    return None if job is None else _task(job)


def take_up_jobs(gallery: Gallery, repeatable: tuple[str, ...]) -> None:
    """After a restart: jobs of the kinds that may simply be run again are queued, the others have failed."""
    resume_jobs(gallery.store, repeatable)


def tell_progress(
    gallery: Gallery, id: str, done: int, total: int, rate: float | None = None, seconds_left: float | None = None
) -> None:
    """Say how far a job is. rate: a second."""
    note_progress(gallery.store, id, JobProgress(done, total, rate, seconds_left))


def end_job(
    gallery: Gallery, id: str, *, result: Any = None, reports: Mapping[str, str] | None = None, error: str | None = None
) -> None:
    """Close an open job: done with a result (JSON) and printed reports by format, or failed with an error."""
    if error is not None:
        finish_job(gallery.store, id, "failed", error=error)
    else:
        finish_job(gallery.store, id, "done", result={"result": result, **({"reports": reports} if reports else {})})


def cancel_job(gallery: Gallery, id: str) -> None:
    """Close an open job as cancelled."""
    finish_job(gallery.store, id, "cancelled")


def _info(job: Job) -> JobInfo:
    return JobInfo(
        job.id,
        job.kind,
        job.state,
        job.progress,
        job.error,
        job.owner,
        job.created,
        job.started,
        job.finished,
        (job.result or {}).get("result"),
    )


def _task(job: Job) -> Task:
    return Task(job.id, job.kind, job.arguments)
