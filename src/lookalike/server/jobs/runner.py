"""Runs the queued jobs, each in a process of its own: as many at a time as there are workers, of which one writes.

Beside them run a migration and a backup, during which others may write.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from typing import Final

from lookalike.erasing import Named, is_erasing, tidy
from lookalike.errors import LookalikeError
from lookalike.gallery import Gallery
from lookalike.job_queue import Task, cancel_job, end_job, put_back_job, take_over_jobs, take_up_jobs, taken_job
from lookalike.server.jobs.process import BESIDE, REPEATABLE, WRITERS, JobProcess

_LOOK_EVERY: Final = 2.0  # seconds: another process may have queued a job
_TIDY_SECONDS: Final = 2.0  # waited for the turn to tidy, before the next job
_JOIN: Final = 2.0  # seconds; the threads may be tidying
_CUT_OFF: Final = "the gallery's database went away while this was running; start it again"
_DIED: Final = "the process that did it ended unexpectedly (out of memory?); start it again"


class Runner:
    """Threads that wait for jobs and start their processes: some for any job, one for each kind that others do not wait
    for. workers: how many jobs are done at a time, of which one may write; 0: another service does them all.
    """

    def __init__(self, gallery: Gallery, workers: int = 1) -> None:
        self._gallery = gallery
        self._stopped, self._untidy = False, True
        self._lock, self._taking = threading.Lock(), threading.Lock()
        self._running: dict[str, JobProcess] = {}
        self._writes = False
        beside = [partial(self._run_beside, kind) for kind in BESIDE]
        runs: list[Callable[[threading.Event], None]] = [self._run_tidily, *[self._run] * (workers - 1), *beside]
        if not workers:
            runs.clear()
        self._wakes = tuple(threading.Event() for _ in runs)
        self._threads = [
            threading.Thread(target=run, args=(wake,), name="jobs", daemon=True)
            for run, wake in zip(runs, self._wakes, strict=True)
        ]

    def start(self) -> None:
        """Take up the jobs that an earlier server left, and start the threads."""
        if self._threads:
            take_up_jobs(self._gallery, REPEATABLE)
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Look for a new job now."""
        for wake in self._wakes:
            wake.set()

    def tidy_soon(self) -> None:
        """Sweep before the next job what ended ones, and such as could not be queued, left in ``sources/``."""
        self._untidy = True

    def tell_erasure(self, number: int, named: Named) -> None:
        """Tell the jobs that run what has been removed: what names it, that their results may not name."""
        with self._lock:
            for process in self._running.values():
                process.tell_erasure(number, named.words)

    def cancel(self, identity: str) -> None:
        """Cancel a queued or running job."""
        cancel_job(self._gallery, identity)
        with self._lock:
            if identity in self._running:
                self._running[identity].kill()
        self.tidy_soon()
        self.wake()

    def stop(self) -> None:
        """End the threads and what runs: it waits again, for the next server."""
        self._stopped = True
        self.wake()
        with self._lock:
            for process in self._running.values():
                process.kill()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(_JOIN)

    def _run_tidily(self, wake: threading.Event) -> None:
        while not self._stopped:
            with suppress(LookalikeError):  # the database is locked or the disk full: look again later
                take_over_jobs(self._gallery, REPEATABLE)
                self._tidy()
            self._do_next(wake)

    def _run(self, wake: threading.Event) -> None:
        while not self._stopped:
            self._do_next(wake)

    def _run_beside(self, kind: str, wake: threading.Event) -> None:
        while not self._stopped:
            job = None
            with suppress(LookalikeError), ExitStack() as held:
                job = held.enter_context(taken_job(self._gallery, only=(kind,)))
                self._do(job)
            if job is None:
                _wait(wake)

    def _do_next(self, wake: threading.Event) -> None:
        """Do the next job, or wait for one."""
        job = None
        try:
            with suppress(LookalikeError), ExitStack() as held:
                job = self._taken(held)
                self._do(job)
        finally:
            if job is not None and job.kind in WRITERS:
                self._writes = False
                self.wake()
        if job is None:
            _wait(wake)

    def _taken(self, held: ExitStack) -> Task | None:
        """The next job, held by this service until the end; none that writes while one does."""
        with self._taking:
            without = (*BESIDE, *(WRITERS if self._writes else ()))
            job = held.enter_context(taken_job(self._gallery, without=without))
            self._writes |= job is not None and job.kind in WRITERS
            return job

    def _tidy(self) -> None:
        """Remove what jobs that have ended left in ``sources/``, and what an erasure could not remove at once."""
        untidy, self._untidy = self._untidy or is_erasing(self._gallery), False
        self._untidy |= untidy and not tidy(self._gallery, _TIDY_SECONDS)

    def _do(self, job: Task | None) -> None:
        """Have a job done by a process of its own. One that is under way when the service ends waits again, as does one
        whose database went away, if it may be repeated.
        """
        if job is None:
            return
        cut_off = False
        with suppress(LookalikeError):
            cut_off = self._wait_for(job)
        with suppress(LookalikeError):  # what cannot be noted now is taken over, as another service's would be
            if self._stopped or (cut_off and job.kind in REPEATABLE):
                put_back_job(self._gallery, job.id)
            else:
                end_job(self._gallery, job.id, error=_CUT_OFF if cut_off else _DIED)  # unless it is finished
        self._untidy = True

    def _wait_for(self, job: Task) -> bool:
        """Whether the gallery's database went away meanwhile."""
        with self._lock:
            process = None if self._stopped else self._started(job)
        cut_off = process is not None and process.wait()
        with self._lock:
            self._running.pop(job.id, None)
        return cut_off

    def _started(self, job: Task) -> JobProcess:
        self._running[job.id] = JobProcess(str(self._gallery.folder), job.id, job.kind)
        return self._running[job.id]


def _wait(wake: threading.Event) -> None:
    wake.wait(_LOOK_EVERY)
    wake.clear()
