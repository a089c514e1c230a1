"""What a space is for: the criterion that its adapter learnt, and whether it may be searched by default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lookalike.adapters.adapter import Adapter
from lookalike.metrics import sure_gain
from lookalike.types import Attribute, Record


@dataclass(frozen=True, slots=True)
class Criterion:
    """What makes two images alike: that a field says the same of both.

    field: "label", or the name of an attribute (a DICOM keyword, a column of a table). labels: the values that are
    told apart, others count as not recorded; all of them if empty.
    """

    field: str = "label"
    labels: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As shown: ``label``, or ``view: PA, AP``."""
        return f"{self.field}: {', '.join(self.labels)}" if self.labels else self.field

    def of(self, record: Record) -> tuple[str, ...]:
        """The values that count of a record; () where none does."""
        found = record.labels if self.field == "label" else _recorded(record.attributes.get(self.field))
        return tuple(value for value in found if not self.labels or value in self.labels)


def criterion_of(adapter: Adapter | None) -> Criterion:
    """What an adapter learnt; the label, for the base space and for adapters of earlier versions."""
    noted = {} if adapter is None else adapter.training.get("criterion", {})
    return Criterion(str(noted.get("field", "label")), tuple(map(str, noted.get("labels", ()))))


def is_accepted(training: Mapping[str, Any]) -> bool:
    """Whether a space may be offered before the base space: on folds of its own records it was above chance, and surely
    better than base (``metrics.sure_gain``). It reads ``training`` of an adapter. Earlier versions noted no p: what
    they accepted stays so.
    """
    folds: Any = training.get("inner_folds")
    return bool(folds) and sure_gain(folds["gain"][1], folds.get("p", 0.0)) and folds["adapter"] > folds["chance"]


def _recorded(value: Attribute | None) -> tuple[str, ...]:
    if value is None:
        return ()
    text = f"{value:g}" if isinstance(value, float) else str(value).strip()
    return (text,) if text else ()
