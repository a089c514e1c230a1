"""When each API key was used last, in a file beside the configuration of its gallery: it only informs.

CONFIG/galleries/0123456789abcdef.used    JSON: seconds since 1970, by the key's SHA-256
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from lookalike.atomic import write_atomically
from lookalike.errors import GalleryError
from lookalike.ownership import config_folder
from lookalike.private_files import changing_files

_WRITTEN_EVERY: Final = 60.0  # seconds


def uses_of(gallery: str) -> dict[str, float]:
    """When each key was used last, by its SHA-256; nothing where that is not known."""
    with suppress(OSError, ValueError, TypeError, AttributeError):
        found = json.loads(_file(gallery).read_bytes())
        return {str(digest): float(when) for digest, when in found.items()}
    return {}


class KeyUses:
    """Notes uses in memory, and writes them down once a minute."""

    def __init__(self, gallery: str) -> None:
        self._gallery, self._lock = gallery, threading.Lock()
        self._noted: dict[str, float] = {}
        self._written = 0.0

    def note(self, digest: str) -> None:
        """A key has been used now."""
        now = time.time()
        self._noted[digest] = now
        if now - self._written > _WRITTEN_EVERY and self._lock.acquire(blocking=False):
            try:
                self._written = now
                self.write()
            finally:
                self._lock.release()

    def write(self) -> None:
        """Write down what was noted; not where that cannot be: it only informs."""
        file, noted = _file(self._gallery), dict(self._noted)
        if not noted:
            return
        with suppress(OSError, GalleryError), changing_files(file.parent):
            before = uses_of(self._gallery)
            latest = {digest: max(when, before.get(digest, 0.0)) for digest, when in noted.items()}
            write_atomically(file, json.dumps({**before, **latest}).encode(), 0o600)


def _file(gallery: str) -> Path:
    return config_folder() / "galleries" / f"{gallery}.used"
