"""The queue of a gallery's jobs, for the process that does them: jobs taken, put back, told of and ended."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from lookalike.errors import LockedError
from lookalike.gallery import Gallery
from lookalike.job_steps import LoggedStep
from lookalike.learning_curves import TrainingPoint
from lookalike.store.erasures import NOTE, erasures, finish_since, result_without
from lookalike.store.jobs import (
    ADDING,
    Job,
    JobProgress,
    JobState,
    finish_job,
    job_lock,
    job_of,
    job_to_run,
    next_job,
    note_progress,
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
class Task:
    """A job as its worker gets it: the name of the verb, and its arguments. within: the filters that name the part of
    the gallery which it is done in; () for all of it.
    """

    id: str
    kind: str
    arguments: Mapping[str, Any]
    within: tuple[str, ...] = ()


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


def _task(job: Job) -> Task:
    arguments = dict(job.arguments)
    within = tuple(arguments.pop(WITHIN, ()))
    return Task(job.id, job.kind, arguments, within)
