"""What an audit of quality says: a row a picture and fault, with the number that speaks for it and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final, Literal, TypeAlias, get_args

from lookalike.columns import paragraphs
from lookalike.evaluation.tables import render

FaultName: TypeAlias = Literal[
    "blank", "clipped", "inverted", "upside-down", "turned", "mirrored", "wrong-body-part", "burned-in-text"
]
FAULT_NAMES: Final[tuple[str, ...]] = get_args(FaultName)

ADVICE: Final[dict[str, str]] = {
    "blank": "look at the original; if it shows nothing, remove the record",
    "clipped": "export it again with a wider window, or from the original",
    "inverted": "correct PhotometricInterpretation, or exchange black and white, and index it again",
    "upside-down": "turn it by 180 degrees, or mirror it from top to bottom, and index it again",
    "turned": "turn it by 90 degrees, and index it again",
    "mirrored": "compare with the side mark; if it is mirrored, mirror it back and index it again",
    "wrong-body-part": "correct what is recorded, or take it out of this gallery",
    "burned-in-text": "read it; index again with --burned-in mask, or export without it",
}
_ROWS: Final = 40  # of a table on a terminal


@dataclass(frozen=True, slots=True)
class QualityFinding:
    """A fault of a record. reason: what was seen. measure: what ``value`` is; ``threshold``: the value from which on,
    or below which, it is listed. advice: what to do.
    """

    id: str
    source: str
    fault: FaultName
    reason: str
    measure: str
    value: float
    threshold: float
    advice: str


@dataclass(frozen=True, slots=True)
class JudgedFault:
    """listed: how many records have it. judged: whether pictures tell it here; else ``note`` says why not. found: of
    this gallery's own pictures, with the fault put into them, the share that is listed; None where none was.
    """

    fault: FaultName
    listed: int
    judged: bool
    found: float | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class QualityAudit:
    """records: that were asked for; compared: those that have a picture. findings: fault by fault, in the order of
    ``faults``. Nothing is changed.
    """

    records: int
    compared: int
    faults: tuple[JudgedFault, ...]
    findings: tuple[QualityFinding, ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        rows = [["fault", "listed", "planted found"]]
        rows += [
            [each.fault, str(each.listed) if each.judged else "-", "-" if each.found is None else f"{each.found:.2f}"]
            for each in self.faults
        ]
        told = [f"{each.fault}: {each.note}" for each in self.faults if each.note]
        more = len(self.findings) - _ROWS
        rest = [f"{more} more are not shown; --output csv lists all."] if more > 0 else []
        return "\n".join(
            [
                render(f"Quality of {self.compared} pictures", rows, "text"),
                *([render("To look at", _listed(self.findings[:_ROWS]), "text")] if self.findings else []),
                paragraphs([*rest, *told, *self.notes]),
            ]
        )


def _listed(findings: Sequence[QualityFinding]) -> list[list[str]]:
    rows = [["fault", "reason", "value", "limit", "what to do", "record", "source"]]
    rows += [
        [
            each.fault,
            each.reason,
            f"{each.value:.2f}",
            f"{each.threshold:.2f}",
            each.advice,
            each.id,
            PurePath(each.source).name,
        ]
        for each in findings
    ]
    return rows
