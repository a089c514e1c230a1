"""What a job tells while it runs, recorded in the gallery's database now and then."""

from __future__ import annotations

import time
from typing import Final

from lookalike.gallery import Gallery
from lookalike.job_queue import tell_progress
from lookalike.job_steps import LoggedStep, bounded_log
from lookalike.learning_curves import TrainingPoint, thinned

MOST_POINTS: Final = 300  # of all curves of a job; beyond, every other one is kept
_NOTED_EVERY: Final = 0.5  # seconds


class NotedProgress:
    """Records progress, with rate and time left, the points of a training, and the log, at most every half second."""

    def __init__(self, gallery: Gallery, identity: str) -> None:
        self._gallery, self._identity = gallery, identity
        self._started, self._noted = time.monotonic(), 0.0
        self._done, self._total, self._unsaid = 0, 0, False
        self._points: list[TrainingPoint] = []
        self._log: list[LoggedStep] = []

    def __call__(self, done: int, total: int) -> None:
        self._done, self._total, self._unsaid = done, total, True
        if done >= total:
            self.step(LoggedStep(time.time(), "all parts done", {"parts": total}))
        if done >= total or self._is_due():
            self.note()

    def point(self, point: TrainingPoint) -> None:
        """A training has told a point of its curves."""
        self._points.append(point)
        if len(self._points) > MOST_POINTS:
            self._points = thinned(self._points)
        self._unsaid = True
        if self._is_due():
            self.note()

    def step(self, step: LoggedStep) -> None:
        """A verb has told what it does."""
        self._log = bounded_log([*self._log, step])
        self._unsaid = True

    def begin(self) -> None:
        """The job is done, perhaps once more: curves start anew, and the log goes on."""
        self._points.clear()
        again = bool(self._log)
        told = "started again: records were removed meanwhile" if again else "started"
        self.step(LoggedStep(time.time(), told, warning=again))

    def note(self) -> None:
        """Record what was not yet."""
        if not self._unsaid:
            return
        self._noted, self._unsaid = time.monotonic(), False
        rate = self._done / max(self._noted - self._started, 1e-3)
        left = (self._total - self._done) / rate if rate else None
        tell_progress(self._gallery, self._identity, self._done, self._total, rate, left, self._points, self._log)

    def _is_due(self) -> bool:
        return time.monotonic() - self._noted >= _NOTED_EVERY
