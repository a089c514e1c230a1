"""All requests to one PACS: few at the same time, not too many a second, again where that may help, and to no other."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from queue import Empty, LifoQueue
from typing import Any, Final
from urllib.parse import urlencode

from lookalike.encoders.runtimes import patience
from lookalike.errors import PacsError, UnreadableImageError
from lookalike.sources.dicomweb.address import PacsAddress
from lookalike.sources.dicomweb.connection import AnswerBody, Connection, NoSuchObjectError, PassingError, Taken
from lookalike.sources.dicomweb.login import PacsLogin
from lookalike.sources.pacs import PacsLimits
from lookalike.sources.pacs_lists import NARROW, Pace

_IN_A_ROW: Final = 8  # objects that a PACS does not send before it is taken for one that does not work


class PacsOrigin:
    """The one origin (RFC 6454) that is asked: every request goes through ``get``, which takes a path and no more."""

    def __init__(self, address: PacsAddress, login: PacsLogin, limits: PacsLimits) -> None:
        self.address, self.limits, self._login = address, limits, login
        self._turns = threading.BoundedSemaphore(limits.at_once)
        self._idle: LifoQueue[Connection] = LifoQueue()
        self._pace = Pace(limits.a_second)
        self._missed = 0  # objects in a row
        self._busy: set[Connection] = set()
        self._stopped = threading.Event()

    def within(self, limits: PacsLimits) -> PacsOrigin:
        """The same origin, asked within other limits."""
        return PacsOrigin(self.address, self._login, limits)

    @cached_property
    def _context(self) -> ssl.SSLContext | None:
        return self._login.context() if self.address.scheme == "https" else None

    def listed(self, resource: str, parameters: Mapping[str, Any], take: Callable[[AnswerBody], Taken]) -> Taken:
        """What ``take`` makes of a page of a listing. parameters: several values of one are given one by one.

        Raises PacsError.
        """
        asked = f"?{urlencode(parameters, doseq=True)}" if parameters else ""
        try:
            return self.get(f"{resource}{asked}", "application/dicom+json", self.limits.page_bytes, take)
        except NoSuchObjectError:
            raise PacsError(
                "there is no DICOMweb service at this address that lists its studies; check its path"
            ) from None
        except UnreadableImageError:
            raise PacsError(f"the PACS lists more at once than is taken; {NARROW}") from None
        except PassingError as error:
            raise self.gives_nothing(error) from None

    def fetched(self, resource: str, accept: str, take: Callable[[AnswerBody], Taken]) -> Taken:
        """What ``take`` makes of an object. Raises UnreadableImageError ("not-fetched", "too-large"), and PacsError
        where one object after the other is not sent.
        """
        try:
            found = self.get(resource, accept, self.limits.object_bytes, take)
        except (NoSuchObjectError, PassingError) as error:
            self._missed += isinstance(error, PassingError)
            if self._missed >= _IN_A_ROW and isinstance(error, PassingError):
                raise self.gives_nothing(error) from None
            raise UnreadableImageError("not-fetched") from None
        self._missed = 0
        return found

    def get(self, resource: str, accept: str, most: int, take: Callable[[AnswerBody], Taken]) -> Taken:
        """What ``take`` makes of a resource of this origin, by its path below the address: it may be called again.

        Raises PassingError after the last try, NoSuchObjectError, PacsError, UnreadableImageError "too-large".
        """
        path = f"{self.address.path}/{resource}"
        headers = {"Accept": accept, **self._login.headers}
        for attempt in range(self.limits.tries):
            try:
                with self._connected() as connection, connection.cut_after(self.limits.seconds):
                    return connection.ask(path, headers, most, take)
            except PassingError as error:
                wait = patience.wait(attempt, error.retry_after, self.limits.first_wait)
                if attempt + 1 == self.limits.tries or self._stopped.wait(wait):
                    raise
        raise PassingError("no try")

    def stop(self) -> None:
        """Let everything that is on its way fail now, and nothing begin again."""
        self._stopped.set()
        for connection in [*self._busy]:
            connection.cut()

    def close(self) -> None:
        """Close connections that nobody uses."""
        while not self._idle.empty():
            with suppress(Empty):
                self._idle.get_nowait().close()

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """A connection that nobody else uses, when it is this request's turn."""
        with self._turns:
            self._pace.wait()
            try:
                connection = self._idle.get_nowait()
            except Empty:
                connection = Connection(self.address, self._context, self.limits.silence)
            self._busy.add(connection)
            try:
                yield connection
            except BaseException:
                connection.close()
                raise
            finally:
                self._busy.discard(connection)
            self._idle.put(connection)

    def gives_nothing(self, error: PassingError) -> PacsError:
        """The error for a PACS that does not work. error: its last failure."""
        return PacsError(
            f"the PACS gave no answer in {self.limits.tries} tries ({error.what}); "
            "what is stored is kept, the next run goes on from there"
        )
