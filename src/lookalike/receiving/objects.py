"""What a received object is to whoever keeps it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ObjectHead:
    """What a store request says of its object: UIDs of its class, of itself and of its transfer syntax."""

    sop_class: str
    sop_instance: str
    transfer_syntax: str


class ObjectSink(Protocol):
    """Takes one object."""

    def write(self, data: memoryview) -> None:
        """Take the next bytes of the encoded data set. Raises OSError where there is no room for them."""
        ...

    def keep(self) -> None:
        """Keep the object for good: what this returns from is not lost. Raises OSError."""
        ...

    def discard(self) -> None:
        """Forget the object."""
        ...


OpenSink = Callable[[ObjectHead], ObjectSink]
"""Opens a sink for an object. Raises OSError where there is no room."""
Note = Callable[[str], None]
"""Counts: "echoes", or why something was refused."""
