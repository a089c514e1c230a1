"""Queues what is due by the configured schedules: a pull, a backup, a look at what was trained."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from lookalike.errors import LookalikeError
from lookalike.gallery import Gallery
from lookalike.schedules import start_due
from lookalike.server.jobs.runner import Runner
from lookalike.verbs.gallery import gallery_id
from lookalike.verbs.jobs import count_open_jobs, schedule_owner, submit_job

_LOOK_EVERY: Final = 5.0  # seconds


class Scheduler:
    """A thread that looks at the clock. schedules: by kind of job, when."""

    def __init__(self, gallery: Gallery, runner: Runner, schedules: Mapping[str, str]) -> None:
        self._gallery, self._runner, self._schedules = gallery, runner, schedules
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="schedules", daemon=True)

    def start(self) -> None:
        """Begin to look, where anything is planned."""
        if self._schedules:
            self._thread.start()

    def stop(self) -> None:
        """Queue nothing more."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            with suppress(LookalikeError):  # the disk is full, or the database locked: look again later
                start_due(gallery_id(self._gallery), self._schedules, time.time(), self._queue)
            self._stopped.wait(_LOOK_EVERY)

    def _queue(self, kind: str) -> bool:
        """Queue a job, unless the one of before is still open."""
        owner = schedule_owner(kind)
        if self._stopped.is_set() or count_open_jobs(self._gallery, owner):
            return False
        submit_job(self._gallery, kind, {}, owner)
        self._runner.wake()
        return True
