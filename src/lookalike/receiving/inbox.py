"""Receiving into an inbox (``folder``): what it is and where its parts lie.

An object is on the disk, and its name too, before ``keep`` returns: only then is its sender told of success.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from lookalike.atomic import sync_folder
from lookalike.receiving.folder import APART, ARRIVED, COMING, inbox_pseudonym, make_inbox, objects_in, parts_of_name
from lookalike.receiving.objects import Note, ObjectHead, ObjectSink
from lookalike.receiving.part10 import file_head, series_of_file

MOST_WAITING: Final = 200_000  # objects, whose names are held in memory
_SPARE: Final = 256 << 20  # bytes of the disk that are left to others
_RECOUNT_EVERY: Final = 2.0  # seconds, while it is full: what was indexed is gone


class FullError(OSError):
    """No room for another object."""


class Inbox:
    """An inbox that objects are received into; nothing else may be receiving into it. key: for pseudonyms. quota: bytes
    that may be in it. note: counts "received", "repeated", "apart".
    """

    def __init__(self, folder: Path, key: bytes, quota: int, note: Note = lambda _what: None) -> None:
        make_inbox(folder)
        self.folder, self._key, self._quota, self._note = folder, key, quota, note
        self._lock = threading.Lock()
        shutil.rmtree(folder / COMING, ignore_errors=True)  # nobody was told that these are here
        (folder / COMING).mkdir(mode=0o700, exist_ok=True)
        self._recount()

    def open(self, head: ObjectHead) -> ObjectSink:
        """A sink for an object. Raises OSError where there is no room."""
        disk = os.statvfs(self.folder)
        if disk.f_bavail * disk.f_frsize < _SPARE:
            raise FullError
        self.take_room(0)
        return _Incoming(self, head)

    def take_room(self, size: int) -> None:
        """Take room for so many bytes. Raises OSError where there is none."""
        with self._lock:
            if self._used + size > self._quota or len(self._here) >= MOST_WAITING:
                if time.monotonic() - self._counted > _RECOUNT_EVERY:
                    self._recount()
                if self._used + size > self._quota or len(self._here) >= MOST_WAITING:
                    raise FullError
            self._used += size

    def give_room(self, size: int) -> None:
        """Room that was taken is no longer needed."""
        with self._lock:
            self._used -= size

    def pseudonym(self, uid: str) -> str:
        """The name of a UID (``folder.inbox_pseudonym``)."""
        return inbox_pseudonym(self._key, uid)

    def place(self, coming: Path, head: ObjectHead, series: str, digest: str) -> bool:
        """Give an object that is on the disk its place; False where the same is here already. Raises OSError."""
        instance = self.pseudonym(head.sop_instance)
        name = f"{instance}-{digest}.dcm"
        own = self.folder / ARRIVED / (self.pseudonym(series) if series else instance)
        with self._lock:
            there = self._there(instance)
            same = there is not None and there.name == name
            place = there if there is not None and same else (own if there is None else self.folder / APART) / name
            if not same:
                _rename(coming, place)
            if there is None:
                self._here[bytes.fromhex(instance)] = f"{own.name}/{name}"
        with suppress(FileNotFoundError):  # it was indexed and removed already
            sync_folder(place.parent)
        sync_folder(place.parent.parent)
        self._note("repeated" if same else "received" if there is None else "apart")
        return not same

    def _there(self, instance: str) -> Path | None:
        """Where an object of that pseudonym lies; None where there is none, or it was indexed."""
        name = self._here.get(bytes.fromhex(instance))
        place = self.folder / ARRIVED / name if name is not None else None
        return place if place is not None and place.exists() else None

    def _recount(self) -> None:
        self._counted, self._used = time.monotonic(), 0
        self._here: dict[bytes, str] = {}
        for path in objects_in(self.folder):
            with suppress(OSError):
                self._used += path.stat().st_size
            if path.parent.parent.name == ARRIVED:
                self._here[bytes.fromhex(parts_of_name(path)[0])] = f"{path.parent.name}/{path.name}"


class _Incoming:
    """An object on its way into an inbox."""

    def __init__(self, inbox: Inbox, head: ObjectHead) -> None:
        self._inbox, self._head, self._size = inbox, head, 0
        first = file_head(head.sop_class, head.sop_instance, head.transfer_syntax)
        self._path = inbox.folder / COMING / secrets.token_hex(8)
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._digest = hashlib.sha256(f"{head.sop_class} {head.transfer_syntax} ".encode())
        self._start = os.write(self._file, first)

    def write(self, data: memoryview) -> None:
        self._inbox.take_room(len(data))
        self._size += len(data)
        self._digest.update(data)
        while data:
            data = data[os.write(self._file, data) :]

    def keep(self) -> None:
        os.fsync(self._file)
        series = series_of_file(self._file, self._start, self._head.transfer_syntax)
        if not self._inbox.place(self._path, self._head, series, self._digest.hexdigest()[:32]):
            self._inbox.give_room(self._size)
        self._close()

    def discard(self) -> None:
        self._close()
        self._inbox.give_room(self._size)

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            self._path.unlink(missing_ok=True)


def _rename(path: Path, place: Path) -> None:
    """Rename into a folder that whoever indexes may remove while it is empty."""
    for _ in range(10):
        with suppress(FileExistsError):
            place.parent.mkdir(mode=0o700)
        with suppress(FileNotFoundError):
            path.rename(place)
            return
    raise FullError
