"""System calls that no decoder needs are refused by the kernel (seccomp), for native code too: what Landlock leaves.

No socket of any kind is made, no process or program is started, no other process is looked into; threads are started.
https://docs.kernel.org/userspace-api/seccomp_filter.html; numbers of <linux/filter.h>, <linux/audit.h>.
"""

from __future__ import annotations

import ctypes
import errno
import platform
from collections.abc import Iterator
from typing import Final

from lookalike.readers.landlock import NO_NEW_PRIVILEGES, libc

_ARCHITECTURES: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# socket, fork, vfork, execve, ptrace, mount, unshare, setns, process_vm_readv, process_vm_writev, bpf, execveat,
# open_by_handle_at, userfaultfd; then io_uring_setup, pidfd_getfd, which have one number everywhere.
_REFUSED: Final = {
    "x86_64": (41, 57, 58, 59, 101, 165, 272, 308, 310, 311, 321, 322, 304, 323, 425, 438),
    "aarch64": (198, 221, 117, 40, 97, 268, 270, 271, 280, 281, 265, 282, 425, 438),
}
_CLONE: Final = {"x86_64": 56, "aarch64": 220}
_CLONE_3, _CLONE_THREAD = 435, 0x10000  # clone3 hides its flags: it is not there, and clone is called instead
_OTHER_NUMBERS: Final = 1 << 30  # x32: the same calls by other numbers
_LOAD, _EQUAL, _AT_LEAST, _HAS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _REFUSE, _MISSING = 0x7FFF0000, 0x00050000 | errno.EACCES, 0x00050000 | errno.ENOSYS
_NUMBER, _ARCHITECTURE, _FLAGS = 0, 4, 16  # offsets in struct seccomp_data
_SET_FILTER, _MODE = 22, 2


class _Step(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8), ("k", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("steps", ctypes.POINTER(_Step)))


def refuse_calls() -> bool:
    """Refuse them to this thread and what it starts, for good; False where the machine or the kernel is of another
    kind.
    """
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        return False
    steps = list(_steps(_ARCHITECTURES[machine], _CLONE[machine], _REFUSED[machine]))
    program = _Program(len(steps), (_Step * len(steps))(*steps))
    if libc().prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        return False
    return not libc().prctl(_SET_FILTER, _MODE, ctypes.byref(program), 0, 0)


def _steps(architecture: int, clone: int, refused: tuple[int, ...]) -> Iterator[_Step]:
    yield _Step(_LOAD, 0, 0, _ARCHITECTURE)
    yield _Step(_EQUAL, 1, 0, architecture)
    yield _Step(_RETURN, 0, 0, _REFUSE)
    yield _Step(_LOAD, 0, 0, _NUMBER)
    yield _Step(_AT_LEAST, len(refused) + 8, 0, _OTHER_NUMBERS)
    yield _Step(_EQUAL, 0, 1, _CLONE_3)
    yield _Step(_RETURN, 0, 0, _MISSING)
    yield _Step(_EQUAL, 0, 4, clone)
    yield _Step(_LOAD, 0, 0, _FLAGS)
    yield _Step(_HAS, 0, 1, _CLONE_THREAD)
    yield _Step(_RETURN, 0, 0, _ALLOW)
    yield _Step(_RETURN, 0, 0, _REFUSE)
    for place, number in enumerate(refused):
        yield _Step(_EQUAL, len(refused) - place, 0, number)
    yield _Step(_RETURN, 0, 0, _ALLOW)
    yield _Step(_RETURN, 0, 0, _REFUSE)
