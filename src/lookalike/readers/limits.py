"""Limits of size, memory and time for one file, checked before decoding and enforced by the operating system."""

from __future__ import annotations

import math
import resource
import signal
from typing import Final

from lookalike.errors import UnreadableImageError

MAX_SAMPLES_A_FRAME: Final = 1 << 27  # 134 million: a 11,000 x 11,000 grey picture
MAX_VOXELS: Final = 1 << 29  # 537 million: 512 x 512 x 2,048
MAX_FRAMES: Final = 1 << 16
MAX_PICTURES: Final = 2000  # of one file: each becomes a record, however small it is
MAX_INFLATED: Final = 1 << 29  # bytes of a deflated DICOM data set
MEMORY_BYTES: Final = 1792 << 20  # address space of a decoding process
MOST_BYTES_SENT: Final = 96 << 20  # of a file that is made anew without identity
SECONDS_A_FILE: Final = 15.0  # of processor time
SLOWED: Final = 4  # times as long by the clock: others may keep the processors busy
BYTES_A_SECOND: Final = 20 << 20  # read rate of a slow disk: time allowed for reading a file
SECONDS_A_FRAME: Final = 0.25  # of processor time, in addition for each frame
SECONDS_OF_TEXT: Final = 90.0  # time allowed in addition where text is looked for in a picture


def seconds_of_text(burned_in: str) -> float:
    """How much longer a picture may take where text in it is looked for (``burned_in.BurnedIn``)."""
    return 0.0 if burned_in == "keep" else SECONDS_OF_TEXT


def seconds_of_decoding(files: int, burned_in: str) -> float:
    """Of processor time, which an item of so many files may take."""
    return SECONDS_A_FILE + SECONDS_A_FRAME * files + seconds_of_text(burned_in)


def seconds_of_frame(burned_in: str) -> float:
    """Of processor time, which an item may take in addition once a frame of it has come."""
    return SECONDS_A_FRAME + seconds_of_text(burned_in)


def limit_time(seconds: float) -> None:
    """End this process once it has taken so many seconds of processor time from now; or, should nobody wait for it any
    more, twice as long by the clock as somebody would (``SLOWED``). 0: no limit.
    """
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.alarm(math.ceil(2 * SLOWED * seconds))


def time_left() -> float:
    """Seconds of processor time until this process is ended."""
    return signal.getitimer(signal.ITIMER_PROF)[0]


def check_size(rows: int, columns: int, samples: int, frames: int) -> None:
    """Raise UnreadableImageError if a header announces no picture, or one larger than the limits."""
    if rows <= 0 or columns <= 0 or samples not in (1, 3):
        raise UnreadableImageError("unsupported-pixels")
    if math.prod((rows, columns, samples)) > MAX_SAMPLES_A_FRAME or frames > MAX_FRAMES:
        raise UnreadableImageError("too-large")


def check_volume(shape: tuple[int, ...]) -> None:
    """Raise UnreadableImageError if a volume of (i, j, k) voxels is empty or larger than the limit."""
    if min(shape) <= 0:
        raise UnreadableImageError("unsupported-pixels")
    if math.prod(shape) > MAX_VOXELS:
        raise UnreadableImageError("too-large")


def check_pictures(frames: int) -> None:
    """Raise UnreadableImageError if a file holds more pictures, or volumes, than the limit."""
    if frames > MAX_PICTURES:
        raise UnreadableImageError("too-many-frames", f"{frames} in one file, the limit is {MAX_PICTURES}")


def limit_memory() -> None:
    """Limit this process's address space, if the operating system can."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
