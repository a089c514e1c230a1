"""What was uploaded: in a private folder, under random names, for a while."""

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
_SAFE_SECONDS: Final = 600.0  # what was used in the last ten minutes is never put out
_PIXELS: Final = (
    256 << 20
)  # bytes of prepared pixels kept for regions and heat; of other uploads the file is read again
_UNSAFE: Final = re.compile(r'[/\\:*?"<>|]')


@dataclass(slots=True)
class Upload:
    """files: in the order in which they came. query: what was made of it, once it has been asked with, when the
    vectors of the gallery had this version.
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
        """What a verb is given: the file, or the folder of a series."""
        return self.files[0] if len(self.files) == 1 else self.folder


class Uploads:
    """All that are kept, the total of their bytes bounded."""

    def __init__(self, most_bytes: int) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="lookalike-uploads-"))  # for this user alone (0700)
        self._most, self._kept, self._lock = most_bytes, dict[str, Upload](), threading.Lock()

    def new(self) -> Upload:
        """An empty one, known to nobody yet."""
        identity = secrets.token_urlsafe(16)
        upload = Upload(identity, "", self._folder / identity)
        upload.folder.mkdir(mode=0o700)
        return upload

    def place(self, upload: Upload, name: str | None) -> Path:
        """Where its next file goes. The name is kept, for label tables and for people, if it can be."""
        safe = _UNSAFE.sub("_", plain_text(name or "", 120)).lstrip(".") or "upload"
        folder = upload.folder / f"{len(upload.files):05}"
        folder.mkdir(mode=0o700)
        upload.files.append(folder / safe)
        upload.name = upload.name or safe
        return folder / safe

    def keep(self, upload: Upload) -> None:
        """Let it be found. Raises Problem 429 if there is no room."""
        upload.size = sum(file.stat().st_size for file in upload.files)
        with self._lock:
            for old in list(self._leaving(upload.size)):
                self._drop(old)
            if sum(one.size for one in self._kept.values()) + upload.size > self._most:
                shutil.rmtree(upload.folder, ignore_errors=True)
                said = "too many uploads are in use; try again later"
                raise Problem(429, said, "uploads-full", {"Retry-After": "60"})
            self._kept[upload.id] = upload

    def get(self, identity: str) -> Upload:
        """Raises NotFoundError for an upload that has expired or never was."""
        upload = self._kept.get(identity)
        if upload is None or time.monotonic() - upload.used > _KEPT_SECONDS:
            raise NotFoundError("no upload has that id; uploads are kept for some hours: upload it again", "no-upload")
        upload.used = time.monotonic()
        return upload

    def bound_pixels(self) -> None:
        """Let the queries of all but the latest uploads forget their pixels: they are read again when needed."""
        room = _PIXELS
        with self._lock:
            for one in sorted(self._kept.values(), key=lambda one: -one.used):
                if one.query is not None and one.query.frames:
                    room -= one.query.pixel_bytes
                    if room < 0:
                        one.query = replace(one.query, frames=())

    def discard(self, upload: Upload) -> None:
        """Remove it."""
        with self._lock:
            self._drop(upload)

    def sweep(self) -> None:
        """Remove those that nobody has used for long."""
        with self._lock:
            for old in list(self._leaving(0)):
                self._drop(old)

    def close(self) -> None:
        """Remove all of them."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _leaving(self, wanted: int) -> Iterator[Upload]:
        """The expired ones, and the oldest if there is no room, but none that is in use."""
        now, total = time.monotonic(), wanted + sum(one.size for one in self._kept.values())
        for one in sorted(self._kept.values(), key=lambda one: one.used):
            idle = now - one.used
            if idle > _KEPT_SECONDS or (total > self._most and idle > _SAFE_SECONDS):
                total -= one.size
                yield one

    def _drop(self, upload: Upload) -> None:
        self._kept.pop(upload.id, None)
        shutil.rmtree(upload.folder, ignore_errors=True)
