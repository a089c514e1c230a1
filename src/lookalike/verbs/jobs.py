"""jobs: verbs that take long, queued in the gallery's database and run one after the other by the server."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, get_args

from lookalike.errors import ForbiddenError, NotFoundError
from lookalike.gallery import Gallery
from lookalike.listed import ListResult
from lookalike.schedules import Planned, planned
from lookalike.store.jobs import (
    OPEN,
    Job,
    JobProgress,
    JobState,
    add_job,
    count_by_state,
    count_open,
    job_of,
    no_job,
    page_of_jobs,
)


@dataclass(frozen=True, slots=True)
class JobInfo:
    """A job as it is shown: without its arguments, which hold paths, and without its printed reports.

    created, started, finished: seconds since 1970. owner: the name of the key that submitted it. result: what the
    verb returned, as JSON.
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


@dataclass(frozen=True, slots=True, repr=False)
class JobPage(ListResult[JobInfo]):
    """items: newest first, without results, points and logs. next_cursor: where the next page starts, None on the
    last.
    """

    items: tuple[JobInfo, ...]
    next_cursor: str | None


def submit_job(gallery: Gallery, kind: str, arguments: Mapping[str, Any], owner: str) -> JobInfo:
    """Queue a job. arguments: of its verb, as JSON."""
    return _info(add_job(gallery.store, kind, arguments, owner))


def job_info(gallery: Gallery, id: str, *, of: Collection[str] | None = None) -> JobInfo:
    """A job's state, progress and result. of: only where one of these submitted it. Raises NotFoundError."""
    return _info(_job_of(gallery, id, of))


def _job_of(gallery: Gallery, identity: str, of: Collection[str] | None) -> Job:
    job = job_of(gallery.store, identity)
    if of is not None and job.owner not in of:
        raise no_job(identity)
    return job


def is_open_job(gallery: Gallery, id: str) -> bool:
    """Whether there is such a job, and it has not ended."""
    with suppress(NotFoundError):
        return job_of(gallery.store, id).state in OPEN
    return False


def list_jobs(
    gallery: Gallery, *, limit: int = 50, cursor: str | None = None, of: Collection[str] | None = None
) -> JobPage:
    """A page of jobs. of: only those that one of these submitted. Raises UsageError for an invalid cursor."""
    jobs, after = page_of_jobs(gallery.store, limit, cursor, of)
    return JobPage(tuple(_info(replace(job, progress=replace(job.progress, points=(), log=()))) for job in jobs), after)


def count_open_jobs(gallery: Gallery, owner: str | None = None) -> int:
    """How many jobs are queued or running: of all, or those of one key."""
    return count_open(gallery.store, owner)


def count_jobs(gallery: Gallery) -> dict[str, int]:
    """How many jobs are in each state."""
    counts = count_by_state(gallery.store)
    return {state: counts.get(state, 0) for state in get_args(JobState)}


def may_cancel(gallery: Gallery, id: str, *, owner: str | None) -> bool:
    """Whether a job is still queued or running. owner: the name of the caller's key; None may cancel any job.

    Raises NotFoundError, ForbiddenError for somebody else's job.
    """
    job = job_of(gallery.store, id)
    if owner is not None and job.owner != owner:
        raise ForbiddenError("only who started a job, or an admin, may cancel it", "not-yours")
    return job.state in OPEN


def job_report(gallery: Gallery, id: str, format: str, *, of: Collection[str] | None = None) -> str:
    """The printed report of an evaluation. of: as in ``job_info``. Raises NotFoundError."""
    stored = _job_of(gallery, id, of).result or {}
    reports: Mapping[str, str] = stored.get("reports", {})
    if reports and format == "json":
        return json.dumps(stored["result"], indent=2, ensure_ascii=False)
    if format not in reports:
        raise NotFoundError("this job has no such report; an evaluation has one once it is done", "no-report")
    return reports[format]


@dataclass(frozen=True, slots=True)
class ScheduleInfo:
    """What is queued again and again. kind: of the job. when: as it is configured. next, last: in seconds since 1970;
    last is None before the first. job, state: of the last job that was queued; None where none is kept.
    """

    kind: str
    when: str
    next: float
    last: float | None
    job: str | None = None
    state: JobState | None = None


@dataclass(frozen=True, slots=True, repr=False)
class ScheduleList(ListResult[ScheduleInfo]):
    """items: by what is due next. next_cursor: None, since there is one page."""

    items: tuple[ScheduleInfo, ...]
    next_cursor: None = None


def schedule_owner(kind: str) -> str:
    """As whom the schedules queue jobs of a kind."""
    return f"schedule {kind}"


def list_schedules(gallery: Gallery) -> ScheduleList:
    """What the service queues by itself, as it last noted it. Raises GalleryError."""
    found = sorted(planned(gallery.store.id).items(), key=lambda each: each[1].next)
    return ScheduleList(tuple(_scheduled(gallery, kind, each) for kind, each in found))


def _scheduled(gallery: Gallery, kind: str, plan: Planned) -> ScheduleInfo:
    jobs = page_of_jobs(gallery.store, 1, None, (schedule_owner(kind),))[0]
    told = (jobs[0].id, jobs[0].state) if jobs else (None, None)
    return ScheduleInfo(kind, plan.when, plan.next, plan.last, *told)


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
