"""The uploads: kept for a few hours in a private folder, under random names."""

from __future__ import annotations

import re
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from lookalike.asking.query import Query
from lookalike.errors import NotFoundError
from lookalike.server.problems import Problem
from lookalike.text import plain_text

_KEPT_SECONDS: Final = 6 * 3600.0
_SAFE_SECONDS: Final = 600.0  # an upload used within this time is never evicted
# Bytes of prepared pixels kept for regions and heat maps; beyond them an upload's file is read again.
_PIXELS: Final = 256 << 20
_UNSAFE: Final = re.compile(r'[/\\:*?"<>|]')


@dataclass(slots=True)
class Upload:
    """files: in the order of arrival. query: the encoded upload, once it has been a query; version: of the gallery's
    vectors at that time.
    """

    id: str
    name: str
    folder: Path
    files: list[Path] = field(default_factory=list)
    size: int = 0
    used: float = field(default_factory=time.monotonic)
    query: Query | None = None
    version: int = -1
    reading: threading.Lock = field(default_factory=threading.Lock)

    @property
    def source(self) -> Path:
        """The source for a verb: the file, or the folder of a series."""
        return self.files[0] if len(self.files) == 1 else self.folder


class Uploads:
    """All uploads, with a limit on their total bytes."""

    def __init__(self, most_bytes: int) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="lookalike-uploads-"))  # for this user alone (0700)
        self._most, self._kept, self._lock = most_bytes, dict[str, Upload](), threading.Lock()

    def new(self) -> Upload:
        """A new, empty upload that ``get`` does not find yet."""
        identity = secrets.token_urlsafe(16)
        upload = Upload(identity, "", self._folder / identity)
        upload.folder.mkdir(mode=0o700)
        return upload

    def place(self, upload: Upload, name: str | None) -> Path:
        """The path for an upload's next file. Its name is kept where it is safe, for label tables, for people, and for
        headers that name the file of their data: files lie side by side unless their names are the same.
        """
        safe = _UNSAFE.sub("_", plain_text(name or "", 120)).lstrip(".") or "upload"
        alike = sum(file.name.lower() == safe.lower() for file in upload.files)
        folder = upload.folder / (f"series-{alike}" if alike else "series")
        folder.mkdir(mode=0o700, exist_ok=True)
        upload.files.append(folder / safe)
        upload.name = upload.name or safe
        return folder / safe

    def keep(self, upload: Upload) -> None:
        """Let ``get`` find an upload. Raises Problem 429 if there is no room."""
        upload.size = sum(file.stat().st_size for file in upload.folder.rglob("*") if file.is_file())
        with self._lock:
            for old in list(self._leaving(upload.size)):
                self._drop(old)
            if sum(kept.size for kept in self._kept.values()) + upload.size > self._most:
                shutil.rmtree(upload.folder, ignore_errors=True)
                detail = "too many uploads are in use; try again later"
                raise Problem(429, detail, "uploads-full", {"Retry-After": "60"})
            self._kept[upload.id] = upload

    def get(self, identity: str) -> Upload:
        """An upload by its id. Raises NotFoundError if it has expired or never existed."""
        upload = self._kept.get(identity)
        if upload is None or time.monotonic() - upload.used > _KEPT_SECONDS:
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

    def discard(self, upload: Upload) -> None:
        """Remove an upload."""
        with self._lock:
            self._drop(upload)

    def sweep(self) -> None:
        """Remove expired uploads."""
        with self._lock:
            for old in list(self._leaving(0)):
                self._drop(old)

    def close(self) -> None:
        """Remove all uploads."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _leaving(self, wanted: int) -> Iterator[Upload]:
        """The expired uploads, and while there is no room the least recently used ones that are not in use."""
        now, total = time.monotonic(), wanted + sum(upload.size for upload in self._kept.values())
        for upload in sorted(self._kept.values(), key=lambda upload: upload.used):
            idle = now - upload.used
            if idle > _KEPT_SECONDS or (total > self._most and idle > _SAFE_SECONDS):
                total -= upload.size
                yield upload

    def _drop(self, upload: Upload) -> None:
        self._kept.pop(upload.id, None)
        shutil.rmtree(upload.folder, ignore_errors=True)
