"""Append to the audit log: on the disk before it returns, whole lines, from any number of threads and processes."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from lookalike.audit_log.chain import BEGINNING, Link, chained, link_of, read_line
from lookalike.audit_log.events import AuditEvent
from lookalike.audit_log.place import AuditPlace
from lookalike.errors import AuditLogError

MOST_BYTES: Final = 64 << 20
"""Bytes of a file, beyond which the next one is begun."""
_LEAST_FREE: Final = 1 << 20  # bytes of the disk, with fewer nothing is begun that would have to be noted
_TAIL: Final = 1 << 16  # bytes that are looked through for the last line at first


def log_files(folder: Path) -> list[Path]:
    """The files of a log, oldest first."""
    return sorted(folder.glob("audit-*.jsonl"))


class AuditLog:
    """The log in one place. Several of them, in any processes, may append to it at the same time."""

    def __init__(self, place: AuditPlace, most_bytes: int = MOST_BYTES) -> None:
        self.place, self._most = place, most_bytes
        self._writing, self._waiting_lock = threading.Lock(), threading.Lock()
        self._waiting: list[_Turn] = []
        self._known: tuple[Path, int, Link] | None = None  # the file, its size, and where the chain ends

    def check(self) -> None:
        """Raise AuditLogError where what is about to be done could not be noted."""
        try:
            free = os.statvfs(self.place.folder)
        except OSError as error:
            raise _cannot(error) from None
        if free.f_bavail * free.f_frsize < _LEAST_FREE or not os.access(self.place.folder, os.W_OK, effective_ids=True):
            raise _cannot(OSError(28, "the disk is full, or the folder may not be written to"))

    def note(self, *events: AuditEvent) -> None:
        """Append events, and return once they are on the disk. Those of other threads that come meanwhile are written
        with one turn of the disk. Raises AuditLogError: none of them is noted.
        """
        turn = _Turn(events)
        with self._waiting_lock:
            self._waiting.append(turn)
        with self._writing:
            if not turn.done:
                self._write_waiting()
        if turn.error is not None:
            raise turn.error

    def _write_waiting(self) -> None:
        with self._waiting_lock:
            turns, self._waiting = self._waiting, []
        error = None
        try:
            self._append([event for turn in turns for event in turn.events])
        except AuditLogError as found:
            error = found
        for turn in turns:
            turn.done, turn.error = True, error

    def _append(self, events: Sequence[AuditEvent]) -> None:
        try:
            with _locked(self.place.folder):
                file, size, link = self._end()
                if size >= self._most or not file.name:
                    file, size = self.place.folder / f"audit-{link.n + 1:012}.jsonl", 0
                self._known, lines = None, []
                for event in events:
                    line, link = chained(event, link, self.place.key, time.time())
                    lines.append(line)
                data = b"".join(lines)
                _append_durably(file, size, data)
                self.place.note_head(link)
                self._known = file, size + len(data), link
        except OSError as error:
            raise _cannot(error) from None

    def _end(self) -> tuple[Path, int, Link]:
        """The last file, its size and where the chain ends; an empty path before the first. Raises AuditLogError."""
        files = log_files(self.place.folder)
        known = self._known
        if known is not None and files and files[-1] == known[0] and known[0].stat().st_size == known[1]:
            return known
        head = self.place.noted_head() or BEGINNING
        if not files:
            return Path(), 0, head
        file = files[-1]
        whole, line = _last_line(file)
        fields = read_line(line, self.place.key) if line else None
        found = BEGINNING if fields is None else link_of(fields)
        if found.n < head.n:  # what was noted is not there any more: the gap stays to be seen
            return file, _closed_line(file), head
        if found is BEGINNING and line:
            raise AuditLogError(
                "the last line of the audit log is none that was written with this key; see lookalike audit-log "
                "verify, and name another folder for a new log"
            )
        os.truncate(file, whole)  # the rest of a line that was being written when its process ended: it never counted
        return file, whole, found


class _Turn:
    def __init__(self, events: Sequence[AuditEvent]) -> None:
        self.events, self.done = events, False
        self.error: AuditLogError | None = None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _append_durably(file: Path, size: int, data: bytes) -> None:
    """Write at the end of a file, and to the disk; it is as it was where that fails. Raises OSError."""
    opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        at = size
        while data:  # where the disk is full, the rest fails
            written = os.pwrite(opened, data, at)
            at, data = at + written, data[written:]
        os.fsync(opened)
    except OSError:
        with suppress(OSError):
            os.ftruncate(opened, size)
        raise
    finally:
        os.close(opened)
    if not size:
        _fsync_folder(file.parent)


def _fsync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _last_line(file: Path) -> tuple[int, bytes]:
    """How many bytes of a file are whole lines, and the last of these; b"" where there is none."""
    size, tail = file.stat().st_size, _TAIL
    with file.open("rb") as opened:
        while True:
            opened.seek(max(0, size - tail))
            data = opened.read()
            whole = data[: data.rfind(b"\n") + 1]
            lines = whole.splitlines()
            if len(lines) > 1 or tail >= size:
                return size - len(data) + len(whole), lines[-1] if lines else b""
            tail *= 4


def _closed_line(file: Path) -> int:
    """End the last line of a file, if it is not ended; the file's size then."""
    with file.open("r+b") as opened:
        size = opened.seek(0, os.SEEK_END)
        if size and os.pread(opened.fileno(), 1, size - 1) != b"\n":
            opened.write(b"\n")
            size += 1
    return size


def _cannot(error: OSError) -> AuditLogError:
    return AuditLogError(
        f"what is asked cannot be noted in the audit log ({error.strerror}), so it is not answered; make room on its "
        "disk, or name another folder: --audit-log FOLDER"
    )
