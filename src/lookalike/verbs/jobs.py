"""jobs: verbs that take long, queued in the gallery's database and run one after the other by the server."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias, get_args

from lookalike.errors import ForbiddenError, LockedError, NotFoundError
from lookalike.gallery import Gallery
from lookalike.job_steps import LoggedStep
from lookalike.learning_curves import TrainingPoint
from lookalike.listed import ListResult
from lookalike.schedules import Planned, planned
from lookalike.store.erasures import NOTE, erasures, finish_since, result_without
from lookalike.store.jobs import (
    ADDING,
    OPEN,
    Job,
    JobProgress,
    JobState,
    add_job,
    count_by_state,
    count_open,
    finish_job,
    job_lock,
    job_of,
    job_to_run,
    next_job,
    no_job,
    note_progress,
    page_of_jobs,
    queue_again,
    resume_jobs,
    without_names,
)

WITHIN: Final = "within"
"""The argument of any job that names the part of the gallery which it is done in."""
_NAMELESS: Final = ("migrate", "backup", "verify", "remind", "map")
"""The kinds of jobs whose results say nothing of a single record."""
_ONLY_TOLD: Final = ("evaluate", "audit", "duplicates", "outliers", "drift", "metadata", "quality", "split")
"""The kinds of jobs of which nothing is kept but their results, and what a removal takes its records out of."""
_ONCE: Final = ("adapt", "tune")
"""The kinds of jobs that mind removals themselves: done again, they would find what they made, or learn for as long."""
_Removed: TypeAlias = Callable[[int, int], Collection[str] | None]


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


@dataclass(frozen=True, slots=True)
class Task:
    """A job as its worker gets it: the name of the verb, and its arguments. within: the filters that name the part of
    the gallery which it is done in; () for all of it.
    """

    id: str
    kind: str
    arguments: Mapping[str, Any]
    within: tuple[str, ...] = ()


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


# For the process that runs the jobs


def task_of(gallery: Gallery, id: str) -> Task:
    """The verb and arguments of a job. Raises NotFoundError, GalleryError if it was not queued here."""
    return _task(job_to_run(gallery.store, id))


@contextmanager
def taken_job(gallery: Gallery, *, only: tuple[str, ...] = (), without: tuple[str, ...] = ()) -> Iterator[Task | None]:
    """The job that has waited longest, marked as running; None if no job waits. Within, no other service takes it over.
    only, without: kinds. Raises GalleryError.
    """
    with ExitStack() as held:

        def hold(id: str) -> None:
            if gallery.store.database.is_shared:
                lock = held.enter_context(gallery.locks.opened(job_lock(id)))
                if not lock.try_take():
                    raise LockedError("the service that gives this job back has not done so yet; take it later")

        job = next_job(gallery.store, only=only, without=without, hold=hold)
        yield None if job is None else _task(job)


def take_up_jobs(gallery: Gallery, repeatable: tuple[str, ...]) -> None:
    """After a restart, queue the running jobs of repeatable kinds again, and mark the others as failed."""
    resume_jobs(gallery.store, repeatable)


def take_over_jobs(gallery: Gallery, repeatable: tuple[str, ...]) -> None:
    """The same of what another service has left, where several may do a gallery's jobs; called now and then."""
    if gallery.store.database.is_shared:
        resume_jobs(gallery.store, repeatable)


def put_back_job(gallery: Gallery, id: str) -> None:
    """Let a running job wait again, in its place: its process was ended and nothing came of it."""
    queue_again(gallery.store, id)


def tell_progress(
    gallery: Gallery,
    id: str,
    done: int,
    total: int,
    rate: float | None = None,
    seconds_left: float | None = None,
    points: Sequence[TrainingPoint] = (),
    log: Sequence[LoggedStep] = (),
) -> None:
    """Record how far a job is. rate: a second. points: of a training. log: what it did."""
    told = JobProgress(done, total, rate, seconds_left, points=tuple(points), log=tuple(log))
    note_progress(gallery.store, id, told)


def end_job(
    gallery: Gallery, id: str, *, result: Any = None, reports: Mapping[str, str] | None = None, error: str | None = None
) -> None:
    """Close an open job: done with a result (JSON) and printed reports by format, or failed with an error."""
    finish_job(gallery.store, id, _state(error), result=_stored(result, reports, error), error=error)


def count_erasures(gallery: Gallery) -> int:
    """How many times records have been removed."""
    return erasures(gallery.store).number


def end_job_since(
    gallery: Gallery,
    id: str,
    since: int,
    removed: _Removed,
    *,
    result: Any = None,
    reports: Mapping[str, str] | None = None,
    error: str | None = None,
) -> bool:
    """``end_job``, unless records were removed since that count of erasures, which the result may name: then a job that
    adds records ends with the numbers of its result, one of which only the result is kept without what names them, one
    that minds removals itself with what does not name them, and any other does not, unless its result names no record.
    removed: called with two counts of erasures; the words that name what was removed between, None where they are not
    known. Whether it has ended.
    """
    stored = _stored(result, reports, error)
    if finish_since(gallery.store, since, id, _state(error), result=stored, error=error):
        return True
    kind = job_of(gallery.store, id).kind
    if kind in _NAMELESS:
        end_job(gallery, id, result=result, reports=reports, error=error)
        return True
    told_only = kind in _ONCE or (kind in _ONLY_TOLD and error is None)
    if told_only and _ended_without(gallery, id, kind, since, removed, stored, error):
        return True
    if kind not in (*ADDING, *_ONCE):
        return False
    error = None if error is None else NOTE
    finish_job(gallery.store, id, _state(error), result=without_names(stored), error=error)
    return True


def _ended_without(
    gallery: Gallery, id: str, kind: str, since: int, removed: _Removed, stored: Any, error: str | None
) -> bool:
    """End a job with its result, or its error, without what has been removed since, and goes on being removed; False
    where that is not known, or where nothing would be left.
    """
    told = stored or error
    while told is not None:
        until = count_erasures(gallery)
        words = removed(since, until)
        told = None if words is None else result_without(kind, told, words)
        result = None if error is not None else told
        if told is not None and finish_since(gallery.store, until, id, _state(error), result=result, error=error):
            return True
        since = until
    return False


def _state(error: str | None) -> JobState:
    return "done" if error is None else "failed"


def _stored(result: Any, reports: Mapping[str, str] | None, error: str | None) -> dict[str, Any] | None:
    return None if error is not None else {"result": result, **({"reports": reports} if reports else {})}


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
    arguments = dict(job.arguments)
    within = tuple(arguments.pop(WITHIN, ()))
    return Task(job.id, job.kind, arguments, within)
