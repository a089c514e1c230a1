"""Landlock (Linux 5.13 and later): this thread, and whatever it starts, may read these places and do nothing else to
files, nor connect or listen by TCP. The kernel holds it against native code too. By system calls: there is no binding.

https://docs.kernel.org/userspace-api/landlock.html; the numbers are those of <linux/landlock.h>.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Sequence
from functools import cache
from typing import Final

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # system calls, of one number on every architecture
_VERSION: Final = 1 << 0
_PATH_BENEATH: Final = 1
NO_NEW_PRIVILEGES: Final = 38
"""An operation of prctl(2): what confines a process may be asked for without rights once it can gain none."""
_EXECUTE, _READ_FILE, _READ_FOLDER = 1 << 0, 1 << 2, 1 << 3
_DEVICES: Final = 1 << 6 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12 | 1 << 15  # made or asked: no plain files, no folders
# What each version of the interface knows: rights over files and folders, over ports, and what reaches other processes.
_FILES: Final = (0, (1 << 13) - 1, (1 << 14) - 1, (1 << 15) - 1, (1 << 15) - 1, (1 << 16) - 1)
_PORTS, _PORTS_SINCE = 0b11, 4
_SCOPES, _SCOPES_SINCE = 0b11, 6


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("ports", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


@cache
def landlock_version() -> int:
    """The version of the kernel's Landlock; 0 if it has none, or has it switched off."""
    return max(0, int(libc().syscall(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION))))


def restrict(readable: Sequence[int], writable: Sequence[int] = ()) -> None:
    """Restrict this thread to reading these files and folders, and to making, changing and removing files in others,
    all of which are open; for good. Raises OSError.
    """
    version = landlock_version()
    rules = _Ruleset(_FILES[min(version, len(_FILES) - 1)], _PORTS, _SCOPES)
    known = 8 * (1 + (version >= _PORTS_SINCE) + (version >= _SCOPES_SINCE))
    ruleset = _call(_CREATE, ctypes.byref(rules), ctypes.c_size_t(known), ctypes.c_uint32(0))
    try:
        for place in readable:
            _call(_ADD, ruleset, _PATH_BENEATH, ctypes.byref(_Beneath(_rights(place), place)), ctypes.c_uint32(0))
        for place in writable:
            rights = _FILES[min(version, len(_FILES) - 1)] & ~_EXECUTE & ~_DEVICES
            _call(_ADD, ruleset, _PATH_BENEATH, ctypes.byref(_Beneath(rights, place)), ctypes.c_uint32(0))
        if libc().prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "no privileges can be renounced")
        _call(_RESTRICT, ruleset, ctypes.c_uint32(0))
    finally:
        os.close(ruleset)


def _rights(place: int) -> int:
    return _READ_FILE | _READ_FOLDER if stat.S_ISDIR(os.fstat(place).st_mode) else _READ_FILE


def _call(number: int, *arguments: object) -> int:
    answer = int(libc().syscall(number, *arguments))
    if answer < 0:
        raise OSError(ctypes.get_errno(), "Landlock refused")
    return answer


@cache
def libc() -> ctypes.CDLL:
    """The C library, for system calls that Python does not offer."""
    return ctypes.CDLL(None, use_errno=True)
