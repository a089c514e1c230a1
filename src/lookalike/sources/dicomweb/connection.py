"""One connection to one host, and what it answers, within limits of bytes and seconds.

``http.client`` binds a connection to its host and takes no more than the path of a resource: it follows no redirect,
knows no proxy, keeps no cookie, unpacks nothing.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final, TypeVar

from lookalike.encoders.runtimes.patience import is_passing
from lookalike.errors import PacsError, UnreadableImageError
from lookalike.sources.dicomweb.address import PacsAddress

_CHUNK: Final = 1 << 18  # bytes that are read at once
_HEADERS: Final = {"Accept-Encoding": "identity", "User-Agent": "lookalike"}

Taken = TypeVar("Taken")


class PassingError(Exception):
    """What may go well another time: no connection, an answer that broke off or took too long, a busy server.

    what: for people, without a word of the answer. retry_after: the header of this name.
    """

    def __init__(self, what: str, retry_after: str = "") -> None:
        super().__init__(what)
        self.what, self.retry_after = what, retry_after


class NoSuchObjectError(Exception):
    """The server has no such thing, or none to whoever asks (404, 410, 406, 415)."""


class AnswerBody:
    """What a server sends, read piece by piece. most: bytes that it may have. is_announced: whether its end can be told
    from a connection that broke off.
    """

    def __init__(self, response: http.client.HTTPResponse, most: int) -> None:
        self._response, self._left = response, most
        self.media_type = response.headers.get("Content-Type", "")
        self.is_announced = response.status == 204 or response.chunked or response.length is not None

    def read(self) -> bytes:
        """The next piece, b"" at the end. Raises PassingError, and UnreadableImageError "too-large"."""
        with _network():
            piece = self._response.read(_CHUNK)
        if not piece and self._response.length:
            raise PassingError("the answer broke off")
        self._left -= len(piece)
        if self._left < 0:
            raise UnreadableImageError("too-large")
        return piece

    def read_all(self) -> bytes:
        """All that is left. Raises as ``read``."""
        return b"".join(iter(self.read, b""))


class Connection(http.client.HTTPConnection):
    """A connection to the host of an address, which can be cut at any moment, also while TLS is being agreed on."""

    def __init__(self, address: PacsAddress, context: ssl.SSLContext | None, seconds: float) -> None:
        super().__init__(address.host, address.port, timeout=seconds)
        self._context = context
        self._wire: socket.socket | None = None
        self._was_cut = False

    def connect(self) -> None:
        """Connect. Raises OSError."""
        super().connect()
        self._wire = self.sock
        if self._context is not None:
            secured = self._context.wrap_socket(self.sock, server_hostname=self.host, do_handshake_on_connect=False)
            self.sock = self._wire = secured
            secured.do_handshake()

    def cut(self) -> None:
        """Let whoever waits for this connection wait no longer."""
        self._was_cut = True
        if self._wire is not None:
            with suppress(OSError):
                socket.socket.shutdown(self._wire, socket.SHUT_RDWR)

    @contextmanager
    def cut_after(self, seconds: float) -> Iterator[None]:
        """Cut it if what is done within takes longer than this, however slowly something comes."""
        self._was_cut = False
        timer = threading.Timer(seconds, self.cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def ask(self, path: str, headers: Mapping[str, str], most: int, take: Callable[[AnswerBody], Taken]) -> Taken:
        """What ``take`` makes of the answer. Raises PassingError, NoSuchObjectError, PacsError, and what it raises."""
        response = self._answer(path, headers)
        try:
            _check_status(response)
            return take(AnswerBody(response, most))
        finally:
            if not response.isclosed():  # what was not read would be taken for the next answer
                self.close()

    def send_object(self, path: str, headers: Mapping[str, str], body: bytes) -> int:
        """POST bytes; the status of the answer, whose content is not read. Raises PassingError, PacsError."""
        with _network():
            self.request("POST", path, body, {**_HEADERS, **headers})
            response = self.getresponse()
        status = response.status
        if status not in (202, 400, 409):  # something was stored, or not: STOW-RS says it so (PS3.18 10.5.3)
            _check_status(response)
        return status

    def _answer(self, path: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        """The answer before its content; over a new connection where the server has closed an idle one."""
        is_used = self.sock is not None
        try:
            return self._asked(path, headers)
        except PassingError:
            self.close()
            if not is_used or self._was_cut:
                raise
            return self._asked(path, headers)

    def _asked(self, path: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        with _network():
            self.request("GET", path, headers={**_HEADERS, **headers})
            response = self.getresponse()
        if self._was_cut:  # its headers would be taken for complete
            raise PassingError("too slow")
        return response


@contextmanager
def _network() -> Iterator[None]:
    """Whatever can go wrong on the way, as PassingError; only its class is told."""
    try:
        yield
    except ssl.SSLCertVerificationError:
        raise PacsError(
            "the certificate of the PACS is not to be trusted: none of the known authorities signed it, or it is "
            "another host's; LOOKALIKE_PACS_AUTHORITIES names the file of who signed it"
        ) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise PassingError(type(error).__name__) from None


def _check_status(response: http.client.HTTPResponse) -> None:
    status = response.status
    if 300 <= status < 400:
        raise PacsError(
            f"the PACS sends elsewhere (status {status}), where nobody is followed; "
            "give the address that answers itself: its scheme, host, port and path"
        )
    if status in (401, 403):
        raise PacsError(
            f"the PACS refused who asks (status {status}); check LOOKALIKE_PACS_TOKEN, or _USER and _PASSWORD"
        )
    if status in (404, 406, 410, 415):
        raise NoSuchObjectError
    if is_passing(status):
        raise PassingError(f"status {status}", response.headers.get("Retry-After", ""))
    if status not in (200, 204, 206):
        raise PacsError(f"the PACS refused the request with status {status}; check the address and its filters")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise PacsError(
            "the PACS packs its answers though asked not to; let it, or what stands before it, send them plain"
        )
