"""Answers without what differs from run to run or is nobody's business, as they are stored.

Times are left out, and the digest of an adapter's file. Patients, whose hashes are salted, are named by the order in
which they come. Paths are told from ``data`` or ``work``. Numbers are rounded to five places. What a table or a header
says of a patient (``attributes``, the values of ``facets``) stands as a digest: it can be compared, not read.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

Steps: TypeAlias = tuple[str, ...]  # the way to a field: names and places

PLACES: Final = 5
_LEFT_OUT: Final = frozenset({"seconds", "created", "started", "finished", "rate", "seconds_left", "sha256"})
_PATIENT: Final = re.compile(r"[0-9a-f]{32}")
_DURATION: Final = re.compile(r"\b\d+(?:\.\d+)? m?s\b")


def plain(answer: Any, folders: Mapping[str, Path], drop: Sequence[str] = ()) -> Any:
    """An answer as it is stored. folders: how their paths are told. drop: fields that are left out as well, as paths
    in which ``*`` is any step.
    """
    told = {str(path): name for name, folder in folders.items() for path in (folder, folder.resolve())}
    return _Plain(told, [tuple(path.split(".")) for path in drop]).of(answer, ())


@dataclass
class _Plain:
    told: Mapping[str, str]
    drop: Sequence[Steps]
    patients: dict[str, str] = field(default_factory=dict)

    def of(self, value: Any, steps: Steps) -> Any:
        if isinstance(value, Mapping):
            kept = {name: each for name, each in value.items() if not self._left_out((*steps, name))}
            return {name: self.of(_unreadable(name, each, value), (*steps, name)) for name, each in kept.items()}
        if isinstance(value, list):
            return [self.of(each, (*steps, str(place))) for place, each in enumerate(value)]
        if isinstance(value, float):
            return round(value, PLACES) + 0.0  # no -0.0
        if isinstance(value, str):
            return self._text(value)
        return value

    def _left_out(self, steps: Steps) -> bool:
        return steps[-1] in _LEFT_OUT or any(_matches(steps, path) for path in self.drop)

    def _text(self, text: str) -> str:
        if _PATIENT.fullmatch(text):
            return self.patients.setdefault(text, f"<patient {len(self.patients) + 1}>")
        for path, name in self.told.items():
            text = text.replace(path, name)
        return _DURATION.sub("<time>", text)


def _unreadable(name: str, value: Any, beside: Mapping[str, Any]) -> Any:
    """What is recorded of one patient, as digests: attributes, and the values of a facet but for labels."""
    if name == "attributes" and isinstance(value, Mapping):
        return {field: _digest(each) for field, each in value.items()}
    if name == "values" and isinstance(value, list) and beside.get("field", "label") != "label":
        return [{**each, "value": _digest(each["value"])} for each in value]
    return value


def _digest(value: Any) -> str:
    return "#" + hashlib.sha256(str(value).encode()).hexdigest()[:6]


def _matches(steps: Steps, path: Steps) -> bool:
    return len(steps) == len(path) and all(step in ("*", name) for name, step in zip(steps, path, strict=True))
