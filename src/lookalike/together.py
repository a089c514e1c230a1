"""Answer callers in several threads in batches: what they ask for at once costs little more than what one does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeAlias, TypeVar

_Asked = TypeVar("_Asked")
_Answer = TypeVar("_Answer")
BatchWork: TypeAlias = Callable[[Sequence[_Asked]], Sequence[_Answer | Exception]]
_LOOK_EVERY: Final = 0.0005  # seconds
_LONGEST_REST: Final = 1.0  # seconds


@dataclass(eq=False)
class _Turn(Generic[_Asked, _Answer]):
    asked: _Asked
    woken: threading.Event = field(default_factory=threading.Event)
    answer: list[_Answer | BaseException] = field(default_factory=list)  # one, once there is one


class Together(Generic[_Asked, _Answer]):
    """A caller that arrives while a batch is done waits for its end, and is then answered in one batch with all others
    that have arrived meanwhile. A batch that fails is done again one by one: one caller's fault is no other's error.

    work: what is answered to each of a batch; an exception is raised to that caller. patience: how long a batch waits
    for as many callers as the last one had, as a share of the time that the last one took. rest: how long those who
    have waited for the last batch wait on, for more to join them, as such a share; a second at most.
    """

    def __init__(self, work: BatchWork[_Asked, _Answer], patience: float = 0.0, rest: float = 0.0) -> None:
        self._work, self._patience, self._rest, self._lock = work, patience, rest, threading.Lock()
        self._waiting: list[_Turn[_Asked, _Answer]] = []
        self._busy = False
        self._last, self._took = 1, 0.0  # size of the last batch, and its seconds

    def __call__(self, asked: _Asked) -> _Answer:
        turn: _Turn[_Asked, _Answer] = _Turn(asked)
        with self._lock:
            self._waiting.append(turn)
            leads, self._busy = not self._busy, True
        if not leads:
            turn.woken.wait()
            if not turn.answer:
                time.sleep(min(self._rest * self._took, _LONGEST_REST))
        if not turn.answer:
            self._lead()
        (answer,) = turn.answer
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _lead(self) -> None:
        self._gather()
        with self._lock:
            turns, self._waiting = self._waiting, []
        started = time.monotonic()
        try:
            self._answer(turns)
        finally:
            self._last, self._took = len(turns), time.monotonic() - started
            with self._lock:
                if self._waiting:
                    self._waiting[0].woken.set()  # it leads now
                else:
                    self._busy = False

    def _gather(self) -> None:
        """Callers that were answered together are likely to come back together: wait for them, but not for long."""
        end = time.monotonic() + self._patience * self._took
        while len(self._waiting) < self._last and time.monotonic() < end:
            time.sleep(_LOOK_EVERY)

    def _answer(self, turns: Sequence[_Turn[_Asked, _Answer]]) -> None:
        try:
            self._do(turns)
        except BaseException:
            for turn in turns:
                try:
                    self._do([turn])
                except BaseException as error:
                    turn.answer.append(error)
        for turn in turns:
            turn.woken.set()

    def _do(self, turns: Sequence[_Turn[_Asked, _Answer]]) -> None:
        for turn, answer in zip(turns, self._work([turn.asked for turn in turns]), strict=True):
            turn.answer.append(answer)
