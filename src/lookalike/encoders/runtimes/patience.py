"""How long to wait before a server that was busy, or did not answer, is asked again."""

from __future__ import annotations

import random
import time
from email.utils import parsedate_to_datetime
from typing import Final

TRIES: Final = 6
FIRST_WAIT: Final = 1.0  # seconds
LONGEST_WAIT: Final = 60.0


def is_passing(status: int) -> bool:
    """Whether an HTTP status says that the same request may succeed later."""
    return status in (408, 425, 429) or status >= 500


def wait(attempt: int, retry_after: str = "", first: float = FIRST_WAIT) -> float:
    """Seconds to wait after the ``attempt``-th try (0-based): twice as long each time, half of it random, so that
    clients refused at the same time do not come back at the same time; never less than the server asks for.

    retry_after: the header of this name, seconds or a date (RFC 9110, 10.2.3). Never more than a minute.
    """
    own: float = min(first * 2**attempt, LONGEST_WAIT) * random.uniform(0.5, 1.0)
    return min(max(own, _seconds(retry_after)), LONGEST_WAIT)


def _seconds(retry_after: str) -> float:
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        return parsedate_to_datetime(retry_after).timestamp() - time.time()
    except (ValueError, TypeError):  # no date
        return 0.0
