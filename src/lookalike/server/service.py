"""What the routes share: the open gallery, access, uploads, drawing processes, jobs and metrics."""

from __future__ import annotations

import ctypes
import os
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fastapi import Request
from threadpoolctl import threadpool_limits

from lookalike.erasing import Named
from lookalike.gallery import Gallery, open_gallery
from lookalike.server.access import Access
from lookalike.server.decoding import Decoding
from lookalike.server.jobs.runner import Runner
from lookalike.server.metrics import Metrics
from lookalike.server.outgoing import Outgoing
from lookalike.server.settings import ServerSettings, check
from lookalike.server.uploads.forget import forget_uploads
from lookalike.server.uploads.store import Uploads
from lookalike.verbs.gallery import warm
from lookalike.verbs.keys import check_keys
from lookalike.verbs.pictures import Pictures

_FILTER_SECONDS: Final = 2.0  # a caller waits for a filter no longer, nor does anybody else for that caller
_M_ARENA_MAX: Final = -8  # glibc's malloc.h


@dataclass
class Service:
    """One served gallery. training: held while a classifier is trained for a caller; submitting: while a job is."""

    gallery: Gallery
    settings: ServerSettings
    metrics: Metrics
    access: Access
    uploads: Uploads
    pictures: Pictures
    runner: Runner
    decoding: Decoding = field(default_factory=Decoding)
    training: threading.Lock = field(default_factory=threading.Lock)
    submitting: threading.Lock = field(default_factory=threading.Lock)
    outgoing: Outgoing = field(default_factory=Outgoing)
    ready: bool = False
    closed: bool = False

    def warm(self) -> None:
        """Load what the first query would otherwise wait for."""
        warm(self.gallery)
        self.ready = True

    def forget(self, named: Named) -> None:
        """Drop from memory and from the temporary folder what was removed from the gallery."""
        self.pictures.forget()
        forget_uploads(self.uploads, self.gallery, named)

    def close(self) -> None:
        """Stop the processes and remove the uploads; a second call does nothing."""
        if self.closed:
            return
        self.closed = True
        self.runner.stop()
        self.pictures.close()
        self.uploads.close()
        self.gallery.close()


def open_service(folder: str | Path, settings: ServerSettings, metrics: Metrics) -> Service:
    """Open a gallery to be served.

    Raises GalleryError, ManifestMismatchError, UsageError (open to a network without keys and TLS).
    """
    # The threads of a matrix product wait for each other, and with many requests on few cores for those as well.
    threadpool_limits(max(1, (os.cpu_count() or 1) // 2), "blas")
    _share_memory()
    gallery = open_gallery(folder)
    gallery.store.limit_filters(_FILTER_SECONDS)
    if gallery.store.writable:
        gallery.allow(settings.imports.values())
    keys = check_keys(gallery)
    check(settings, keys=bool(keys))
    return Service(
        gallery,
        settings,
        metrics,
        Access(keys, open_=settings.alone, behind_proxy=settings.behind_proxy),
        Uploads(settings.max_uploads),
        Pictures(gallery),
        Runner(gallery),
    )


def _share_memory() -> None:
    """Let threads share freed memory: glibc keeps a heap per thread, and each would keep the megabytes of a product."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


async def service_of(request: Request) -> Service:
    """The service that a request reached; a dependency of routes."""
    service: Service = request.app.state.service
    return service
