"""A peer's connection: whole PDUs (DICOM PS3.8 9.3), each checked by its head and cut when it comes too slowly."""

from __future__ import annotations

import socket
import struct
import time
from contextlib import suppress
from typing import Final

from lookalike.receiving.settings import MOST_PDU, Deadlines

ASSOCIATE_RQ, DATA, RELEASE_RQ, ABORT = 1, 4, 5, 7
HEAD: Final = struct.Struct(">BxL")  # type and length
RELEASE_RP: Final = HEAD.pack(6, 4) + bytes(4)
_LENGTHS: Final = {DATA: (6, MOST_PDU), RELEASE_RQ: (4, 4), ABORT: (4, 4)}
_LOOK_EVERY: Final = 0.25  # seconds
_SEND_SECONDS: Final = 5.0
_GOODBYE_SECONDS: Final = 1.0


class CutError(Exception):
    """A peer that is no longer served. reason: a key of ``settings.REFUSALS``, "" where it went as it should."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def abort_pdu(reason: int = 0) -> bytes:
    """An A-ABORT of the service provider (PS3.8 9.3.8)."""
    return HEAD.pack(ABORT, 4) + bytes((0, 0, 2, reason))


def reject_pdu(result: int, source: int, reason: int) -> bytes:
    """An A-ASSOCIATE-RJ (PS3.8 9.3.4)."""
    return HEAD.pack(3, 4) + bytes((0, result, source, reason))


class Peer:
    """The connection after the association request. A message begins with the first byte after ``rest``; from then on
    the peer must have sent ``rate`` bytes for each second but ``grace`` ones, and may not be silent for so long.
    """

    def __init__(self, connection: socket.socket, deadlines: Deadlines) -> None:
        self._connection, self._deadlines = connection, deadlines
        connection.settimeout(_LOOK_EVERY)
        self.rest()

    def rest(self) -> None:
        """A message is done: the next one may wait."""
        self._began, self._came, self._last = 0.0, 0, time.monotonic()

    @property
    def silent(self) -> float:
        """Seconds of silence between messages; 0 within one."""
        return 0.0 if self._came else time.monotonic() - self._last

    def pdu(self) -> tuple[int, memoryview]:
        """The next PDU: its type and its variable field. Raises CutError."""
        kind, length = HEAD.unpack(self._read(HEAD.size))
        least, most = _LENGTHS.get(kind, (1, 0))
        if not least <= length <= most:
            raise CutError("not-dicom")
        return kind, self._read(length)

    def _read(self, length: int) -> memoryview:
        data = memoryview(bytearray(length))
        came = 0
        while came < length:
            try:
                more = self._connection.recv_into(data[came:])
            except TimeoutError:
                more = -1
            except OSError:
                more = 0
            if more == 0:
                raise CutError("aborted" if self._came else "")
            self._note(max(more, 0))
            came += max(more, 0)
        return data

    def _note(self, more: int) -> None:
        """Count bytes that came, and raise CutError where it is too late for them."""
        now, limits = time.monotonic(), self._deadlines
        if not self._came and more:
            self._began = self._last = now
        self._came += more
        if not self._came:
            if now - self._last > limits.idle:
                raise CutError("idle")
        elif now > self._began + limits.grace + self._came / limits.rate or now - self._last > limits.grace:
            raise CutError("slow")
        self._last = now if more else self._last

    def paused(self) -> None:
        """The time since the last byte was not the peer's."""
        now = time.monotonic()
        self._began += now - self._last
        self._last = now

    def send(self, data: bytes) -> None:
        """Send. Raises CutError where the peer does not take it."""
        try:
            self._connection.settimeout(_SEND_SECONDS)
            self._connection.sendall(data)
            self._connection.settimeout(_LOOK_EVERY)
        except OSError:
            raise CutError("aborted") from None

    def farewell(self, last: bytes = b"") -> None:
        """Send a last PDU, and let the peer be the one who closes, so that it can be read."""
        with suppress(OSError, CutError):
            if last:
                self.send(last)
            self._connection.shutdown(socket.SHUT_WR)
            self._connection.settimeout(_GOODBYE_SECONDS)
            until = time.monotonic() + _GOODBYE_SECONDS
            while self._connection.recv(1 << 16) and time.monotonic() < until:
                pass

    def close(self) -> None:
        """Close the connection; whoever waits for its bytes is told that it is gone."""
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()
