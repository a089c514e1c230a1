"""When a series is complete: DICOM does not say, so it is taken for complete once nothing of it came for a while."""

from __future__ import annotations


def is_stable(changed: float, now: float, wait: float) -> bool:
    """Whether a series that last changed at one time counts as complete at another. wait: seconds without a change.

    A time that lies ahead, of another machine's clock or before the clock was set, does not make it wait for longer.
    """
    return abs(now - changed) >= wait
