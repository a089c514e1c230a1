"""Background jobs as rows: they outlive the process that runs them."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from sqlalchemy import Connection, func, insert, or_, select, update

from lookalike.errors import GalleryError, NotFoundError, UsageError
from lookalike.job_steps import LoggedStep
from lookalike.learning_curves import TrainingPoint
from lookalike.secret_key import is_signed, sign
from lookalike.store.rows import as_declared
from lookalike.store.schema import JOBS

if TYPE_CHECKING:
    from lookalike.store.store import Store

JobState: TypeAlias = Literal["queued", "running", "done", "failed", "cancelled"]
OPEN: Final = ("queued", "running")
ADDING: Final = ("index", "pull", "merge")
"""Kinds of jobs that add records: their results list files of anyone."""
FOREIGN: Final = "this job was not queued here, so it was not run; start it again"
INTERRUPTED: Final = "interrupted: the server stopped while this was running; start it again"


_READ: Final = tuple(column for column in JOBS.c if column.name != "mac")  # older tables have none


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far a job is. rate: a second; seconds_left: None if unknown. points: what a training has told of itself. log:
    what it did, step by step.
    """

    done: int = 0
    total: int = 0
    rate: float | None = None
    seconds_left: float | None = None
    message: str = ""
    points: tuple[TrainingPoint, ...] = ()
    log: tuple[LoggedStep, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """created, started, finished: seconds since 1970. owner: the name of the key that submitted it."""

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
    arguments: Mapping[str, Any] = field(default_factory=dict)


def add_job(store: Store, kind: str, arguments: Mapping[str, Any], owner: str) -> Job:
    """Queue a job."""
    row: dict[str, Any] = {
        "id": secrets.token_hex(8),
        "kind": kind,
        "arguments": json.dumps(arguments),
        "state": "queued",
        "progress": "{}",
        "owner": owner,
        "created": time.time(),
    }
    store.check_writable()
    row["mac"] = sign(store.identity.key or b"", *_orders(row))
    with store.begin(write=True) as connection:
        connection.execute(insert(JOBS), row)
    return job_of(store, row["id"])


def job_of(store: Store, identity: str) -> Job:
    """One job. Raises NotFoundError if there is none."""
    with store.begin() as connection:
        row = connection.execute(select(*_READ).where(JOBS.c.id == identity)).first()
        if row is None:
            raise no_job(identity)
        return _job(row)


def no_job(identity: str) -> NotFoundError:
    """The error for a job that is not there, or not for who asks."""
    return NotFoundError(f"no job has the id {identity!r}")


def job_to_run(store: Store, identity: str) -> Job:
    """One job that was queued here. Raises NotFoundError, GalleryError where another wrote it."""
    with store.begin() as connection:
        row = connection.execute(select(JOBS).where(JOBS.c.id == identity)).first()
    if row is not None and not _was_queued_here(store, row):
        raise GalleryError(FOREIGN)
    return job_of(store, identity)


def page_of_jobs(
    store: Store, limit: int, cursor: str | None, owners: Collection[str] | None = None
) -> tuple[list[Job], str | None]:
    """At most ``limit`` jobs, newest first, without their results; and the next page's cursor, None on the last one.
    owners: only theirs.

    Raises UsageError for an invalid cursor.
    """
    columns = [column for column in _READ if column.name != "result"]
    query = select(*columns).order_by(JOBS.c.created.desc(), JOBS.c.id.desc()).limit(limit + 1)
    if cursor:
        then, _, identity = cursor.partition("-")
        try:
            created = float.fromhex(then)
        except (ValueError, OverflowError):
            raise UsageError("the cursor is none that a page of jobs gave; leave it out to start again") from None
        older = or_(JOBS.c.created < created, (JOBS.c.created == created) & (JOBS.c.id < identity))
        query = query.where(older)
    if owners is not None:
        query = query.where(JOBS.c.owner.in_(sorted(owners)))
    with store.begin() as connection:
        jobs = [_job(row) for row in connection.execute(query)]
    more = len(jobs) > limit
    return jobs[:limit], f"{jobs[limit - 1].created.hex()}-{jobs[limit - 1].id}" if more else None


def count_open(store: Store, owner: str | None = None) -> int:
    """How many jobs are queued or running: of all, or of one owner."""
    own = [] if owner is None else [JOBS.c.owner == owner]
    with store.begin() as connection:
        return int(connection.scalar(select(func.count()).where(JOBS.c.state.in_(OPEN), *own)) or 0)


def waits_since(store: Store) -> float | None:
    """When the job was queued that has waited longest, in seconds since 1970; None where none waits."""
    with store.begin() as connection:
        found = connection.scalar(select(func.min(JOBS.c.created)).where(JOBS.c.state == "queued"))
        return None if found is None else float(found)


def count_by_state(store: Store) -> dict[str, int]:
    """How many jobs are in each state that some are in."""
    with store.begin() as connection:
        return dict(map(tuple, connection.execute(select(JOBS.c.state, func.count()).group_by(JOBS.c.state))))


def next_job(
    store: Store,
    *,
    only: tuple[str, ...] = (),
    without: tuple[str, ...] = (),
    hold: Callable[[str], object] = lambda _id: None,
) -> Job | None:
    """Mark the job that has waited longest as running, and return it; None if no job waits. only: of these kinds, where
    any are named; without: of none of these. hold: called with its id before anybody sees that it runs.

    A job that was not queued here, with the gallery's secret key, is marked as failed and never run.
    """
    oldest = select(JOBS).where(JOBS.c.state == "queued", JOBS.c.kind.not_in(without))
    oldest = (oldest.where(JOBS.c.kind.in_(only)) if only else oldest).order_by(JOBS.c.created, JOBS.c.id).limit(1)
    while store.writable:
        with store.begin() as connection:
            if connection.execute(oldest).first() is None:
                return None
        with store.begin(write=True) as connection:
            row = connection.execute(oldest).first()
            if row is None:
                return None
            here = _was_queued_here(store, row)
            if here:
                hold(row.id)
            values = {"state": "running", "started": time.time(), "progress": "{}"} if here else _failed(FOREIGN)
            connection.execute(update(JOBS).where(JOBS.c.id == row.id).values(**values))
        if here:
            return job_of(store, row.id)
    return None


def drop_jobs(connection: Connection, error: str = FOREIGN) -> int:
    """Mark every open job as one that is not run: a gallery that is adopted or restored brings none; how many."""
    return connection.execute(update(JOBS).where(JOBS.c.state.in_(OPEN)).values(**_failed(error))).rowcount


def note_progress(store: Store, identity: str, progress: JobProgress) -> None:
    """Record how far a job is."""
    _update(store, identity, ("running",), progress=json.dumps(_fields(progress)))


def finish_job(store: Store, identity: str, state: JobState, *, result: Any = None, error: str | None = None) -> bool:
    """Close an open job; returns whether it was open."""
    with store.begin(write=True) as connection:
        return close_job(connection, identity, state, result, error)


def close_job(connection: Connection, identity: str, state: JobState, result: Any, error: str | None) -> bool:
    """Close a job if it is open. It keeps no arguments, which hold paths."""
    stored = None if result is None else json.dumps(result)
    values = {"state": state, "result": stored, "error": error, "finished": time.time(), "arguments": "{}"}
    query = update(JOBS).where(JOBS.c.id == identity, JOBS.c.state.in_(OPEN)).values(**values)
    return connection.execute(query).rowcount > 0


def without_names(result: Any) -> Any:
    """A result as JSON with nothing but its numbers: lists and texts are empty."""
    if isinstance(result, Mapping):
        return {name: without_names(value) for name, value in result.items()}
    return [] if isinstance(result, list) else "" if isinstance(result, str) else result


def open_arguments(store: Store) -> list[Mapping[str, Any]]:
    """The arguments of every job that is queued or running."""
    with store.begin() as connection:
        return [json.loads(text) for text in connection.scalars(select(JOBS.c.arguments).where(JOBS.c.state.in_(OPEN)))]


def queue_again(store: Store, identity: str) -> bool:
    """Let a running job wait again; returns whether it was running."""
    return _update(store, identity, ("running",), state="queued", started=None, progress="{}")


def resume_jobs(store: Store, repeatable: tuple[str, ...]) -> None:
    """Queue again the jobs that were running and are repeatable, and mark the others as failed. At the start of a
    server: nobody else does a gallery's jobs. Of a database that several may share those that a server has left
    (``job_lock``), at any time.
    """
    if not store.writable:
        return
    running = JOBS.c.state == "running"
    if store.database.is_shared:
        if not (left := left_jobs(store)):
            return
        running &= JOBS.c.id.in_(left)
    with store.begin(write=True) as connection:
        connection.execute(update(JOBS).where(running, JOBS.c.kind.in_(repeatable)).values(state="queued"))
        connection.execute(update(JOBS).where(running).values(**_failed(INTERRUPTED)))


def job_lock(identity: str) -> str:
    """The name of the lock that is held by the server that does a job, where several may."""
    return f"job {identity}"


def left_jobs(store: Store) -> list[str]:
    """The running jobs that no server does."""
    with store.begin() as connection:
        found = list(connection.scalars(select(JOBS.c.id).where(JOBS.c.state == "running")))
    return [identity for identity in found if not store.database.locks.is_held(job_lock(identity))]


def _update(store: Store, identity: str, states: tuple[str, ...], **values: Any) -> bool:
    query = update(JOBS).where(JOBS.c.id == identity, JOBS.c.state.in_(states)).values(**values)
    with store.begin(write=True) as connection:
        return connection.execute(query).rowcount > 0


def _orders(row: Mapping[str, Any]) -> tuple[str, ...]:
    """What a job's authentication code stands for: everything that says what is done, and for whom."""
    return tuple(str(row[name]) for name in ("id", "kind", "arguments", "owner"))


def _was_queued_here(store: Store, row: Any) -> bool:
    return store.identity.owned and is_signed(store.identity.key, row.mac, *_orders(row._mapping))


def _failed(error: str) -> dict[str, Any]:
    return {"state": "failed", "error": error, "finished": time.time(), "arguments": "{}"}


def _fields(progress: JobProgress) -> dict[str, Any]:
    return asdict(progress)


def _progress(fields: dict[str, Any]) -> JobProgress:
    points = tuple(TrainingPoint(**each) for each in fields.pop("points", ()))
    log = tuple(LoggedStep(**each) for each in fields.pop("log", ()))
    return JobProgress(**fields, points=points, log=log)


def _job(row: Any) -> Job:
    result = as_declared(row, JOBS)._mapping.get("result")
    progress = _progress(json.loads(row.progress))
    return Job(
        row.id,
        row.kind,
        row.state,
        progress,
        row.error,
        row.owner,
        row.created,
        row.started,
        row.finished,
        None if result is None else dict(json.loads(result)),
        dict(json.loads(row.arguments)),
    )
