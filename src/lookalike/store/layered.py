"""Dictionaries of which the next moment's share what has not changed: to copy one of 100,000 entries takes 5 ms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
_MOST: Final = 1000  # entries above, which are copied with each change


@dataclass(frozen=True, slots=True, eq=False)
class Layered(Generic[_Key, _Value]):
    """A dictionary that does not change. below: never written to; above: what has changed since, None for what is
    gone.
    """

    below: Mapping[_Key, _Value]
    above: Mapping[_Key, _Value | None] = field(default_factory=dict)

    def get(self, key: _Key) -> _Value | None:
        """A value; None where there is none."""
        return self.above[key] if key in self.above else self.below.get(key)

    def changed(self, changes: Mapping[_Key, _Value | None]) -> Layered[_Key, _Value]:
        """The dictionary after changes, None for what is gone: what was erased stays in no layer."""
        later = Layered(self.below, {**self.above, **changes})
        return Layered(later.whole()) if len(later.above) > _MOST or None in changes.values() else later

    def whole(self) -> Mapping[_Key, _Value]:
        """All of it."""
        if not self.above:
            return self.below
        kept = {key: value for key, value in self.below.items() if key not in self.above}
        return kept | {key: value for key, value in self.above.items() if value is not None}
