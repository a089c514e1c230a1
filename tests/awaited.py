"""Waiting for what must come: nothing is ever judged by how quick it is, since another process may hold the processor
at any line for as long as it likes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

PATIENCE: Final = 300.0
"""Seconds that are waited for what must come, after which something is broken, however busy the machine."""
_LOOK_EVERY: Final = 0.1  # seconds: a look may cost a server more than a hundredth of one
T = TypeVar("T")


def eventually(
    look: Callable[[], T], done: Callable[[T], Any] = bool, seconds: float = PATIENCE, every: float = _LOOK_EVERY
) -> T:
    """What is seen once it is as awaited. every: seconds from one look to the next."""
    end = time.monotonic() + seconds
    while not done(seen := look()):
        assert time.monotonic() < end, f"still {seen}"
        time.sleep(every)
    return seen
