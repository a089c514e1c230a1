"""The uploads: kept for a few hours in a private folder, under random names, each for who sent it."""

from __future__ import annotations

import re
import secrets
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from lookalike.asking.query import Query
from lookalike.errors import LookalikeError, NotFoundError
from lookalike.scratch import Scratch
from lookalike.server.problems import Problem
from lookalike.text import plain_text

COMING_EACH: Final = 8  # uploads of one caller that are on their way,
COMING: Final = 32  # and of all
_SHARE: Final = 0.75  # of the room, for one caller
_STEP: Final = 1 << 20  # bytes by which room is taken for an upload that does not say how long it is
_KEPT_SECONDS: Final = 6 * 3600.0
_SAFE_SECONDS: Final = 600.0  # an upload used within this time is never evicted
# Bytes of prepared pixels kept for regions and heat maps; beyond them an upload's file is read again.
_PIXELS: Final = 64 << 20
_TABLES: Final = (".csv", ".tsv", ".txt")
_UNSAFE: Final = re.compile(r'[/\\:*?"<>|]')


@dataclass(slots=True)
class Upload:
    """owner: the name of the caller who sent it. files: in the order of arrival; names: how many of each, in lower
    case. size: bytes, or the room taken for it while it is on its way.

    query: the encoded upload, or the study that it is the first upload of, once it has been a query, or refused: why
    it cannot be one; asked: as what, with which uploads, and of which version of the gallery's vectors, and which part
    of it was seen. indexed: whether a job was given its files. digests: their SHA-256, once asked for.
    """

    id: str
    owner: str
    folder: Path
    name: str = ""
    files: list[Path] = field(default_factory=list)
    names: Counter[str] = field(default_factory=Counter)
    size: int = 0
    used: float = field(default_factory=time.monotonic)
    query: Query | None = None
    refused: LookalikeError | None = None
    asked: tuple[object, ...] = ()
    indexed: bool = False
    digests: tuple[str, ...] = ()
    reading: threading.Lock = field(default_factory=threading.Lock)

    @property
    def source(self) -> Path:
        """The source for a verb: the file, or the folder of a series."""
        return self.files[0] if len(self.files) == 1 else self.folder

    @property
    def is_table(self) -> bool:
        """Whether it is a label table and no picture, by its name."""
        return self.name.lower().endswith(_TABLES)


class Uploads:
    """All uploads, with a limit on the bytes of those that are kept and of those that are on their way."""

    def __init__(self, most_bytes: int) -> None:
        self._scratch = Scratch("uploads")
        self._folder = self._scratch.folder
        self._most, self._lock = most_bytes, threading.Lock()
        self._coming, self._kept = dict[str, Upload](), dict[str, Upload]()
        self._held: Counter[str] = Counter()  # bytes by owner, of those on their way too

    def new(self, owner: str, announced: int = 0) -> Upload:
        """A new, empty upload that ``get`` does not find yet. announced: bytes that it will have, for which room is
        taken at once. It must be kept or discarded.

        Raises Problem 429 if there is no room, or the caller has too many on their way; 503 if all have.
        """
        identity = secrets.token_urlsafe(16)
        upload = Upload(identity, owner, self._folder / identity)
        with self._lock:
            self._check_coming(owner)
            self._coming[identity] = upload
        try:
            upload.folder.mkdir(mode=0o700)
            self.make_room(upload, announced)
        except BaseException:
            self.discard(upload)
            raise
        return upload

    def _check_coming(self, owner: str) -> None:
        if sum(upload.owner == owner for upload in self._coming.values()) >= COMING_EACH:
            detail = f"{COMING_EACH} of your uploads are on their way; send this one when they are there"
            raise Problem(429, detail, "uploads-coming", {"Retry-After": "5"})
        if len(self._coming) >= COMING:
            raise Problem(503, "too many uploads are on their way; try again", "uploads-busy", {"Retry-After": "5"})

    def make_room(self, upload: Upload, size: int) -> None:
        """Take room for an upload of so many bytes, or more; removes it and raises Problem 429 if there is none."""
        if size <= upload.size:
            return
        with self._lock:
            self._resize(upload, size)
            gone = self._evicted(upload.owner)
            full = self._fullness(upload.owner)
            gone += self._forgotten(upload) if full else []
        _remove(gone)
        if full:
            raise full

    def came(self, upload: Upload, size: int) -> None:
        """Note how many bytes of an upload have come. Raises as ``make_room``."""
        if size > upload.size:
            self.make_room(upload, size + _STEP)

    def _resize(self, upload: Upload, size: int) -> None:
        self._held[upload.owner] += size - upload.size
        upload.size = size

    def _forgotten(self, upload: Upload) -> list[Upload]:
        """Forget an upload, whose files are still to be removed."""
        self._coming.pop(upload.id, None)
        self._kept.pop(upload.id, None)
        self._resize(upload, 0)
        return [upload]

    def _fullness(self, owner: str) -> Problem | None:
        """Why there is no room; None if there is."""
        wait = {"Retry-After": "60"}
        if self._held.total() > self._most:
            return Problem(429, "too many uploads are in use; try again later", "uploads-full", wait)
        if self._held[owner] > _SHARE * self._most:
            return Problem(429, "too many of your uploads are in use; try again later", "uploads-share-full", wait)
        return None

    def _evicted(self, owner: str = "") -> list[Upload]:
        """Forget the expired uploads, and while there is no room the least recently used ones that are not in use: of
        all, or while the owner has none left his own.
        """
        now, gone = time.monotonic(), list[Upload]()
        for upload in sorted(self._kept.values(), key=lambda upload: upload.used):
            idle = now - upload.used
            full = self._held.total() > self._most or (
                upload.owner == owner and self._held[owner] > _SHARE * self._most
            )
            if idle > _KEPT_SECONDS or (full and idle > _SAFE_SECONDS):
                gone += self._forgotten(upload)
        return gone

    def place(self, upload: Upload, name: str | None) -> Path:
        """The path for an upload's next file. Its name is kept where it is safe, for label tables, for people, and for
        headers that name the file of their data: files lie side by side unless their names are the same.
        """
        safe = _UNSAFE.sub("_", plain_text(name or "", 120)).lstrip(".") or "upload"
        alike = upload.names[safe.lower()]
        upload.names[safe.lower()] += 1
        folder = upload.folder / (f"series-{alike}" if alike else "series")
        folder.mkdir(mode=0o700, exist_ok=True)
        upload.files.append(folder / safe)
        upload.name = upload.name or safe
        return folder / safe

    def keep(self, upload: Upload) -> None:
        """Let ``get`` find an upload. Removes it and raises Problem 429 if there is no room."""
        size = sum(file.stat().st_size for file in upload.folder.rglob("*") if file.is_file())
        self.make_room(upload, size)
        with self._lock:
            self._resize(upload, size)
            self._kept[upload.id] = upload
            self._coming.pop(upload.id, None)

    def get(self, identity: str, owner: str) -> Upload:
        """A caller's upload by its id. Raises NotFoundError if it has expired, is another's or never existed."""
        upload = self._kept.get(identity)
        if upload is None or upload.owner != owner or time.monotonic() - upload.used > _KEPT_SECONDS:
            raise NotFoundError("no upload has that id; uploads are kept for some hours: upload it again", "no-upload")
        upload.used = time.monotonic()
        return upload

    def bound_pixels(self) -> None:
        """Drop the pixels of all but the latest uploads' queries; they are read again when needed."""
        room = _PIXELS
        with self._lock:
            for upload in sorted(self._kept.values(), key=lambda upload: -upload.used):
                if upload.query is not None and upload.query.frames:
                    room -= upload.query.pixel_bytes
                    if room < 0:
                        upload.query = replace(upload.query, frames=())

    def latest_first(self) -> list[Upload]:
        """All uploads, the one used last first."""
        with self._lock:
            return sorted(self._kept.values(), key=lambda upload: -upload.used)

    def discard(self, upload: Upload) -> None:
        """Remove an upload."""
        with self._lock:
            gone = self._forgotten(upload)
        _remove(gone)

    def sweep(self) -> None:
        """Remove expired uploads."""
        with self._lock:
            gone = self._evicted()
        _remove(gone)

    def close(self) -> None:
        """Remove all uploads."""
        self._scratch.close()


def _remove(uploads: Iterable[Upload]) -> None:
    for upload in uploads:
        shutil.rmtree(upload.folder, ignore_errors=True)
