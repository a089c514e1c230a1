"""What a verb does step by step, told to whoever follows it: the log of a job of the server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final, TypeAlias

_MOST: Final = 120  # steps of a log
_LEFT_OUT: Final = "steps left out"


@dataclass(frozen=True, slots=True)
class LoggedStep:
    """step: in the program's own words or by a code, never by what names a record, a file or a patient. counts: how
    many, of what. time: seconds since 1970. warning: something was left out, or is to be looked at.
    """

    time: float
    step: str
    counts: Mapping[str, int] = field(default_factory=dict)
    warning: bool = False


Steps: TypeAlias = Callable[[LoggedStep], None]
_STEPS: Final[ContextVar[Steps | None]] = ContextVar("steps", default=None)


def log_step(step: str, **counts: int) -> None:
    """Tell whoever follows that a step begins; nobody, where nobody does. step: a constant, or the name of a method."""
    if (follower := _STEPS.get()) is not None:
        follower(LoggedStep(time.time(), step, counts))


def log_warning(step: str, **counts: int) -> None:
    """The same of something that was left out, or is to be looked at."""
    if (follower := _STEPS.get()) is not None:
        follower(LoggedStep(time.time(), step, counts, warning=True))


@contextmanager
def steps_followed_by(steps: Steps) -> Iterator[None]:
    """Within, verbs tell ``steps`` what they do."""
    before = _STEPS.set(steps)
    try:
        yield
    finally:
        _STEPS.reset(before)


def bounded_log(log: list[LoggedStep]) -> list[LoggedStep]:
    """A log that is too long without its middle, where a step says how many are left out."""
    if len(log) <= _MOST:
        return log
    half = _MOST // 2
    cut, tail = log[half], log[-(half - 1) :]
    gone = cut.counts.get("steps", 0) if cut.step == _LEFT_OUT else 1
    return [*log[:half], LoggedStep(cut.time, _LEFT_OUT, {"steps": gone + len(log) - _MOST}), *tail]
