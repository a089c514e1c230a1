"""Batch concurrent searches: one matrix product answers many threads at once, for little more than the cost of one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from lookalike.types import Keys, Scores, Vectors

Answer = tuple[Keys, Scores]
_PATIENCE: Final = 0.3  # share of the time that the last batch took


@dataclass(eq=False)
class _Turn:
    queries: Vectors
    k: int
    woken: threading.Event = field(default_factory=threading.Event)
    answer: Answer | None = None
    error: BaseException | None = None


class Together:
    """search(queries (q, dim), k) for callers in several threads. A caller that arrives while a batch is running waits
    for its end, and is then answered in one batch with all others that have arrived meanwhile.
    """

    def __init__(self, search: Callable[[Vectors, int], Answer]) -> None:
        self._search, self._lock = search, threading.Lock()
        self._waiting: list[_Turn] = []
        self._busy = False
        self._last, self._took = 1, 0.0  # size of the last batch, and its seconds

    def __call__(self, queries: Vectors, k: int) -> Answer:
        turn = _Turn(queries, k)
        with self._lock:
            self._waiting.append(turn)
            leads, self._busy = not self._busy, True
        if not leads:
            turn.woken.wait()
        if turn.answer is None and turn.error is None:
            self._lead()
        if turn.answer is None:
            raise turn.error or RuntimeError("no answer")
        return turn.answer

    def _lead(self) -> None:
        self._gather()
        with self._lock:
            turns, self._waiting = self._waiting, []
        started = time.monotonic()
        try:
            self._work(turns)
        finally:
            self._last, self._took = len(turns), time.monotonic() - started
            with self._lock:
                if self._waiting:
                    self._waiting[0].woken.set()  # it leads now
                else:
                    self._busy = False

    def _gather(self) -> None:
        """Callers that were answered together are likely to come back together: wait for them, but not for long."""
        end = time.monotonic() + _PATIENCE * self._took
        while len(self._waiting) < self._last and time.monotonic() < end:
            time.sleep(0.0005)

    def _work(self, turns: list[_Turn]) -> None:
        try:
            self._answer(turns)
        except BaseException:
            for turn in turns:  # each by itself: one caller's faulty query is no other's error
                try:
                    self._answer([turn])
                except BaseException as error:
                    turn.error = error
        for turn in turns:
            turn.woken.set()

    def _answer(self, turns: list[_Turn]) -> None:
        depth, start = max(turn.k for turn in turns), 0
        keys, scores = self._search(np.concatenate([turn.queries for turn in turns]), depth)
        for turn in turns:
            rows = slice(start, start := start + len(turn.queries))
            turn.answer = keys[rows, : turn.k], scores[rows, : turn.k]
