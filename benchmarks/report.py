"""What a benchmark says: a figure beside its target, and how it came about."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure. target: None where it is told for what it is. at_least: whether more is better.
    notes: the measurements it was made from.
    """

    name: str
    value: float
    target: float | None = None
    unit: str = "x"
    at_least: bool = True
    notes: tuple[str, ...] = ()

    @property
    def met(self) -> bool:
        """Whether the target was reached in this run."""
        if self.target is None:
            return True
        return self.value >= self.target if self.at_least else self.value <= self.target

    def lines(self) -> list[str]:
        """As printed."""
        head = f"{self.name}: {self.value:.2f} {self.unit}"
        if self.target is not None:
            bound, verdict = "at least" if self.at_least else "at most", "met" if self.met else "MISSED"
            head += f" (target {bound} {self.target:g}: {verdict})"
        return [head, *(f"    {note}" for note in self.notes)]
