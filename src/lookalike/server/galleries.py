"""The galleries that one service serves: each with its own access, uploads and jobs; one that cannot be opened stops no
other, and is tried again.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from fastapi import Request
from starlette.requests import HTTPConnection
from threadpoolctl import threadpool_limits

from lookalike.audit_log.log import AuditLog
from lookalike.audit_log.place import audit_place
from lookalike.configuration.setting import GalleryPlace
from lookalike.errors import GalleryError, LookalikeError
from lookalike.machine import usable_processors
from lookalike.server.addressed import split_address
from lookalike.server.decoding import Decoding
from lookalike.server.logs import log_failure
from lookalike.server.metrics import Metrics
from lookalike.server.problems import Problem
from lookalike.server.service import Service, Shared, open_service
from lookalike.server.settings import ServerSettings, check_named_files, check_settings, scraper_token
from lookalike.server.signin import sign_in_for
from lookalike.server.wrong_keys import WrongKeys

_M_ARENA_MAX: Final = -8  # glibc's malloc.h


class Galleries:
    """Opens the galleries of its settings; ``settings`` and ``shared`` are what they have in common. problems: why one
    is not open, by name.
    """

    def __init__(self, settings: ServerSettings) -> None:
        """Raises UsageError, AuditLogError; GalleryError and the like where the only gallery cannot be opened."""
        _share_memory()
        self.settings, self._opening = settings, threading.Lock()
        self.metrics_token = scraper_token(settings)
        self.places = {place.name: place for place in settings.galleries}
        self.problems: dict[str, LookalikeError] = {}
        self._services: dict[str, Service] = {}
        self._closed = False
        place = audit_place(settings.audit_log)
        log = None if place is None else AuditLog(place)
        self.shared = Shared(Metrics(), Decoding(), sign_in_for(settings.people), WrongKeys(), log)
        try:
            self.open_those_that_can()
            self._check_only()
            check_settings(settings)
            check_named_files(settings)
        except BaseException:
            self.close()
            raise

    def _check_only(self) -> None:
        """Raise what keeps the only gallery from being opened, unless there is none yet and it is waited for."""
        waits = self.settings.waits and all(map(is_missing, self.places.values()))
        if len(self.places) == 1 and self.problems and not waits:
            raise next(iter(self.problems.values()))

    @property
    def several(self) -> bool:
        """Whether an address has to say which gallery is meant."""
        return len(self.places) > 1

    def named(self, name: str) -> bool:
        """Whether a gallery has this name, open or not."""
        return name in self.places

    def service(self, name: str = "") -> Service | None:
        """The service of a gallery, of the first one without a name; None where it is not open."""
        return self._services.get(name or next(iter(self.places), ""))

    def knows(self, request: HTTPConnection) -> bool:
        """Whether this process alone can tell who asks for something of a gallery (``Access.knows``)."""
        service = self.service(split_address(request.scope["path"])[0])
        return service is not None and service.access.knows(request)

    def refusal(self, name: str = "") -> Problem:
        """Why it is not."""
        if not self.places:
            return Problem(503, "there is no gallery here yet", "no-gallery", {"Retry-After": "10"})
        which = f"the gallery {name}" if name else "the first gallery"
        return Problem(503, f"{which} cannot be opened now; see /", "gallery-closed", {"Retry-After": "10"})

    def services(self) -> list[Service]:
        """Those that are open, in their order."""
        return [self._services[name] for name in self.places if name in self._services]

    def open_those_that_can(self) -> list[Service]:
        """Open what is not open yet; returns what was opened."""
        with self._opening:
            return list(self._opened())

    def _opened(self) -> Iterator[Service]:
        for name, place in self.places.items():
            if name in self._services or self._closed:
                continue
            try:
                service = open_service(place, self.settings, self.shared)
            except Exception as error:
                self._note(place, error)
                continue
            self._services[name] = service
            self.problems.pop(name, None)
            if self._closed:  # meanwhile
                service.close()
            yield service

    def _note(self, place: GalleryPlace, error: Exception) -> None:
        if not isinstance(error, LookalikeError):  # its words may be anybody's
            what = f"unexpected {type(error).__name__}; lookalike doctor --gallery '{place.path}'"
            error = GalleryError(what).with_traceback(error.__traceback__)
        told = str(self.problems.get(place.name, "")) == str(error)
        if not told and (self.several or self.settings.waits):  # else it is raised
            log_failure("opening", error, gallery=place.name)
        self.problems[place.name] = error

    def stop_jobs(self) -> None:
        """End the jobs of every gallery, at the same time."""
        self._closed = True
        threads = [threading.Thread(target=service.stop_jobs, daemon=True) for service in self.services()]
        for thread in threads:
            thread.start()

    def note_stop(self) -> None:
        """Note in the audit log that the service ends."""
        for service in self.services():
            service.note_stop()

    def close(self) -> None:
        """Close every gallery; a second call does nothing. Waits for none that is being opened."""
        self._closed = True
        for service in self.services():
            service.close()


def is_missing(place: GalleryPlace) -> bool:
    """Whether nothing is in a gallery's place, so that one can be made there."""
    try:
        return not any(place.path.iterdir())
    except FileNotFoundError:
        return True
    except OSError:
        return False


async def galleries_of(request: Request) -> Galleries:
    """All that the service serves, a dependency of routes that are of no gallery; none that waits for a thread."""
    found: Galleries = request.app.state.galleries
    return found


def _share_memory() -> None:
    """Let threads share freed memory: glibc keeps a heap per thread, and each would keep the megabytes of a product.

    The threads of a matrix product wait for each other, and with many requests on few cores for those as well.
    """
    threadpool_limits(max(1, usable_processors() // 2), "blas")
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)
