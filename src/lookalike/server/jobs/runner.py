"""Runs the queued jobs one at a time, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import suppress
from typing import Final

from lookalike.erasing import is_erasing, tidy
from lookalike.errors import LookalikeError
from lookalike.gallery import Gallery
from lookalike.server.jobs.process import REPEATABLE
from lookalike.verbs.jobs import Task, cancel_job, end_job, take_job, take_up_jobs

_LOOK_EVERY: Final = 2.0  # seconds: another process may have queued a job
_TIDY_SECONDS: Final = 2.0  # waited for the turn to tidy, before the next job
_DIED: Final = "the process that did it ended unexpectedly (out of memory?); start it again"


class Runner:
    """A thread that waits for jobs and starts their processes."""

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self._wake, self._stopped, self._untidy = threading.Event(), False, True
        self._lock = threading.Lock()
        self._running: tuple[str, subprocess.Popen[bytes]] | None = None
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)

    def start(self) -> None:
        """Take up the jobs that an earlier server left, and start the thread."""
        take_up_jobs(self._gallery, REPEATABLE)
        self._thread.start()

    def wake(self) -> None:
        """Look for a new job now."""
        self._wake.set()

    def tidy_soon(self) -> None:
        """Sweep before the next job what ended ones, and such as could not be queued, left in ``sources/``."""
        self._untidy = True

    def cancel(self, identity: str) -> None:
        """Cancel a queued or running job."""
        cancel_job(self._gallery, identity)
        with self._lock:
            if self._running is not None and self._running[0] == identity:
                self._running[1].kill()
        self.tidy_soon()
        self.wake()

    def stop(self) -> None:
        """End the thread. A running job stays marked as running, and the next server takes it up."""
        self._stopped = True
        self._wake.set()
        with self._lock:
            if self._running is not None:
                self._running[1].kill()
        if self._thread.is_alive():
            self._thread.join(10)

    def _run(self) -> None:
        while not self._stopped:
            job = None
            with suppress(LookalikeError):  # the database is locked or the disk full: look again later
                self._tidy()
            with suppress(LookalikeError):
                job = take_job(self._gallery)
            if job is None:
                self._wake.wait(_LOOK_EVERY)
                self._wake.clear()
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
            self._running = job.id, process
        process.wait()
        with self._lock:
            self._running = None
        if process.stdin is not None:
            process.stdin.close()
        if not self._stopped:
            with suppress(LookalikeError):
                end_job(self._gallery, job.id, error=_DIED)  # unless it is finished
        self._untidy = True
