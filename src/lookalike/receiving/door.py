"""The door: connections wait here, one thread for all, until their association request is complete and in order.

A peer that says nothing, or something else, costs a file descriptor and the bytes that it sent, and no thread.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from lookalike.receiving.objects import Note
from lookalike.receiving.peer import ASSOCIATE_RQ, HEAD, CutError, abort_pdu
from lookalike.receiving.settings import MOST_FIRST_PDU, WAITING_PEERS, ReceiverSettings

_LOOK_EVERY: Final = 0.1  # seconds

Admit = Callable[[socket.socket, str, bytes], None]
"""Takes a connection, its peer's address and its A-ASSOCIATE-RQ."""


@dataclass(slots=True, eq=False)
class _Waiting:
    connection: socket.socket
    address: str
    until: float
    shaken: bool
    came: bytearray = field(default_factory=bytearray)

    def missing(self) -> int:
        """Bytes that are missing of the request's head, or of its rest. Raises CutError."""
        if len(self.came) < HEAD.size:
            return HEAD.size - len(self.came)
        kind, length = HEAD.unpack_from(self.came)
        if kind != ASSOCIATE_RQ or length > MOST_FIRST_PDU:
            raise CutError("not-dicom")
        return HEAD.size + int(length) - len(self.came)


class Door:
    """Accepts connections until ``close``. admit: is handed those whose association request is there."""

    def __init__(self, listening: socket.socket, settings: ReceiverSettings, admit: Admit, note: Note) -> None:
        self._listening, self._settings, self._admit, self._note = listening, settings, admit, note
        self._tls = tls_context(settings)
        self._selector = selectors.DefaultSelector()
        self._waiting: dict[_Waiting, None] = {}
        self._closed = False
        listening.setblocking(False)
        self._selector.register(listening, selectors.EVENT_READ)

    def run(self) -> None:
        """Serve the door."""
        while not self._closed:
            for key, _events in self._selector.select(_LOOK_EVERY):
                if key.data is None:
                    self._accept()
                elif key.data in self._waiting:
                    self._hear(key.data)
            now = time.monotonic()
            for each in [each for each in self._waiting if each.until < now]:
                self._drop(each, "late")
        for each in [*self._waiting]:
            self._drop(each, "")
        self._selector.close()

    def close(self) -> None:
        """End ``run`` within a moment."""
        self._closed = True

    def _accept(self) -> None:
        try:
            connection, (address, *_) = self._listening.accept()
        except OSError:  # it is gone already, or there are too many open files
            return
        try:
            self._let_wait(connection, str(address))
        except OSError:  # it went meanwhile
            connection.close()

    def _let_wait(self, connection: socket.socket, address: str) -> None:
        if not self._settings.admits(address):
            self._note("address")
            connection.close()
            return
        if len(self._waiting) >= WAITING_PEERS:
            self._drop(next(iter(self._waiting)), "busy")
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is not None:
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        until = time.monotonic() + self._settings.deadlines.first
        each = _Waiting(connection, address, until, shaken=self._tls is None)
        self._waiting[each] = None
        self._selector.register(connection, selectors.EVENT_READ, each)

    def _hear(self, each: _Waiting) -> None:
        try:
            self._read(each)
        except (BlockingIOError, ssl.SSLWantReadError):
            self._selector.modify(each.connection, selectors.EVENT_READ, each)
        except ssl.SSLWantWriteError:
            self._selector.modify(each.connection, selectors.EVENT_WRITE, each)
        except CutError as cut:
            self._drop(each, cut.reason, abort_pdu(2) if cut.reason == "not-dicom" else b"")
        except OSError:
            self._drop(each, "aborted" if each.shaken else "tls")
        else:
            self._hand_over(each)

    def _read(self, each: _Waiting) -> None:
        """Read until the request is there. Raises CutError, or OSError where that takes longer."""
        if not each.shaken:
            self._shake(each)
        while missing := each.missing():
            data = each.connection.recv(missing)
            if not data:
                raise CutError("aborted" if each.came else "")
            each.came += data

    def _shake(self, each: _Waiting) -> None:
        if isinstance(each.connection, ssl.SSLSocket):
            each.connection.do_handshake()
        each.shaken = True

    def _hand_over(self, each: _Waiting) -> None:
        self._selector.unregister(each.connection)
        del self._waiting[each]
        each.connection.setblocking(True)
        self._admit(each.connection, each.address, bytes(each.came))

    def _drop(self, each: _Waiting, reason: str, last: bytes = b"") -> None:
        if reason:
            self._note(reason)
        self._selector.unregister(each.connection)
        del self._waiting[each]
        with suppress(OSError):
            if last:
                each.connection.send(last)
        each.connection.close()


def tls_context(settings: ReceiverSettings) -> ssl.SSLContext | None:
    """TLS 1.2 or later (DICOM PS3.15 B.9), with the peer's certificate where a CA is named; None without TLS.

    Raises OSError where a file cannot be used.
    """
    if not settings.tls_cert:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(settings.tls_cert, settings.tls_key)
    if settings.tls_ca:
        context.load_verify_locations(settings.tls_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
