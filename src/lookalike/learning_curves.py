"""How a training does as it goes on, told to whoever follows it: a job of the server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, TypeAlias


@dataclass(frozen=True, slots=True)
class TrainingPoint:
    """A point of a curve. measure: ``loss``, or the name of a score. run: which of the runs that are compared, "" where
    there is one. low, high: its 95 % interval by patient, None where it has none.
    """

    measure: str
    run: str
    step: int
    value: float
    low: float | None = None
    high: float | None = None


Curves: TypeAlias = Callable[[TrainingPoint], None]

_CURVES: Final[ContextVar[Curves | None]] = ContextVar("curves", default=None)


def curves_followed() -> Curves | None:
    """Who is told of a training here; None where nobody is, and intervals need not be reckoned."""
    return _CURVES.get()


@contextmanager
def curves_followed_by(curves: Curves | None) -> Iterator[None]:
    """Within, trainings tell ``curves`` their points; nobody if it is None."""
    before = _CURVES.set(curves)
    try:
        yield
    finally:
        _CURVES.reset(before)


def thinned(points: Sequence[TrainingPoint]) -> list[TrainingPoint]:
    """Every other point of each curve, from its first on."""
    seen: Counter[tuple[str, str]] = Counter()
    kept = []
    for point in points:
        curve = (point.measure, point.run)
        if seen[curve] % 2 == 0:
            kept.append(point)
        seen[curve] += 1
    return kept
