"""Runs the queued jobs one at a time, each in a process of its own; beside them a migration, since others may write."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import suppress
from typing import Final

from lookalike.erasing import is_erasing, tidy
from lookalike.errors import LookalikeError
from lookalike.gallery import Gallery
from lookalike.server.jobs.process import BESIDE, REPEATABLE
from lookalike.verbs.jobs import Task, cancel_job, end_job, take_job, take_up_jobs

_LOOK_EVERY: Final = 2.0  # seconds: another process may have queued a job
_TIDY_SECONDS: Final = 2.0  # waited for the turn to tidy, before the next job
_DIED: Final = "the process that did it ended unexpectedly (out of memory?); start it again"


class Runner:
    """Threads that wait for jobs and start their processes: one for those that others do not wait for, one for the
    rest.
    """

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self._wakes, self._stopped, self._untidy = (threading.Event(), threading.Event()), False, True
        self._lock = threading.Lock()
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._threads = [
            threading.Thread(target=run, name="jobs", daemon=True) for run in (self._run, self._run_beside)
        ]

    def start(self) -> None:
        """Take up the jobs that an earlier server left, and start the threads."""
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

    def cancel(self, identity: str) -> None:
        """Cancel a queued or running job."""
        cancel_job(self._gallery, identity)
        with self._lock:
            if identity in self._running:
                self._running[identity].kill()
        self.tidy_soon()
        self.wake()

    def stop(self) -> None:
        """End the threads. A running job stays marked as running, and the next server takes it up."""
        self._stopped = True
        self.wake()
        with self._lock:
            for process in self._running.values():
                process.kill()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(10)

    def _run(self) -> None:
        while not self._stopped:
            with suppress(LookalikeError):  # the database is locked or the disk full: look again later
                self._tidy()
            self._do_next(self._wakes[0], without=BESIDE)

    def _run_beside(self) -> None:
        while not self._stopped:
            self._do_next(self._wakes[1], only=BESIDE)

    def _do_next(self, wake: threading.Event, **kinds: tuple[str, ...]) -> None:
        """Do the next job of some kinds, or wait for one."""
        job = None
        with suppress(LookalikeError):
            job = take_job(self._gallery, **kinds)
        if job is None:
            wake.wait(_LOOK_EVERY)
            wake.clear()
        else:
            self._do(job)

    def _tidy(self) -> None:
        """Remove what jobs that have ended left in ``sources/``, and what an erasure could not remove at once."""
        untidy, self._untidy = self._untidy or is_erasing(self._gallery), False
        self._untidy |= untidy and not tidy(self._gallery, _TIDY_SECONDS)

    def _do(self, job: Task) -> None:
        with self._lock:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "lookalike.server.jobs.process", str(self._gallery.folder), job.id],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            self._running[job.id] = process
        process.wait()
        with self._lock:
            del self._running[job.id]
        if process.stdin is not None:
            process.stdin.close()
        if not self._stopped:
            with suppress(LookalikeError):
                end_job(self._gallery, job.id, error=_DIED)  # unless it is finished
        self._untidy = True
