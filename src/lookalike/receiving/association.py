"""An association that was accepted: C-STORE and C-ECHO (DICOM PS3.7 9.1), one after the other.

An object goes to its sink as it comes, so that none has to fit into memory; the peer is told of success once the sink
says that it is kept.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

from pydicom.uid import UID
from pynetdicom.dimse_messages import C_ECHO_RSP, C_STORE_RSP
from pynetdicom.dimse_primitives import C_ECHO, C_STORE
from pynetdicom.dsutils import decode
from pynetdicom.pdu import P_DATA_TF

from lookalike.receiving.negotiation import VERIFICATION, Agreed
from lookalike.receiving.objects import Note, ObjectHead, ObjectSink, OpenSink
from lookalike.receiving.peer import ABORT, DATA, RELEASE_RP, RELEASE_RQ, CutError, Peer
from lookalike.receiving.settings import MOST_COMMAND, ReceiverSettings

SUCCESS, NO_RESOURCES, CLASS_UNKNOWN, INSTANCE_INVALID = 0x0000, 0xA700, 0x0122, 0x0117
_STORE_RQ, _ECHO_RQ, _CANCEL_RQ, _NO_DATA = 0x0001, 0x0030, 0x0FFF, 0x0101
_ITEM: Final = struct.Struct(">LBB")  # of a presentation data value: length, context, message control header
_COMMAND, _LAST = 1, 2


class StorageAssociation:
    """One association. stopping: ends it after the message that is on its way."""

    def __init__(self, peer: Peer, agreed: Agreed, settings: ReceiverSettings, store: OpenSink, note: Note) -> None:
        self._peer, self._agreed, self._settings = peer, agreed, settings
        self._store, self._note = store, note
        self.stopping = False
        self._forget()

    def serve(self) -> None:
        """Serve the peer until it releases the association. Raises CutError."""
        try:
            while True:
                kind, body = self._peer.pdu()
                if kind == DATA:
                    self._take(body)
                elif kind == RELEASE_RQ and self._request is None:
                    return self._peer.farewell(RELEASE_RP)
                else:
                    busy = self._request is not None or kind != ABORT
                    raise CutError("protocol" if kind != ABORT else "aborted" if busy else "")
                if self.stopping and self._request is None:
                    raise CutError("")
        finally:
            self._forget()

    def _forget(self) -> None:
        if (sink := getattr(self, "_sink", None)) is not None:
            sink.discard()
        self._command, self._context, self._size, self._status = bytearray(), 0, 0, SUCCESS
        self._request: Any = None
        self._sink: ObjectSink | None = None

    def _take(self, body: memoryview) -> None:
        for context, control, data in _values(body):
            if context not in self._agreed.contexts:
                raise CutError("protocol")
            if control & _COMMAND:
                self._take_command(context, data, last=bool(control & _LAST))
            else:
                self._take_data(context, data, last=bool(control & _LAST))

    def _take_command(self, context: int, data: memoryview, *, last: bool) -> None:
        if self._request is not None or len(self._command) + len(data) > MOST_COMMAND:
            raise CutError("protocol")
        self._command += data
        if last:
            self._request, self._context = _request(bytes(self._command)), context
            if self._request.kind == _STORE_RQ:
                self._open()
            if not self._request.has_data:
                self._finish()

    def _open(self) -> None:
        """Open a sink, or note what the peer will be told once all of its object has passed by."""
        request, (abstract, transfer) = self._request, self._agreed.contexts[self._context]
        if not request.has_data or not UID(request.sop_instance).is_valid or request.sop_class != abstract:
            self._refuse("not-storable", CLASS_UNKNOWN if request.sop_class != abstract else INSTANCE_INVALID)
            return
        try:
            self._sink = self._store(ObjectHead(request.sop_class, request.sop_instance, transfer))
        except OSError:
            self._refuse("no-room", NO_RESOURCES)

    def _refuse(self, reason: str, status: int) -> None:
        if self._sink is not None:
            self._sink.discard()
        self._sink, self._status = None, status
        self._note(reason)

    def _take_data(self, context: int, data: memoryview, *, last: bool) -> None:
        if self._request is None or context != self._context or not self._request.has_data:
            raise CutError("protocol")
        self._size += len(data)
        if self._size > 2 * self._settings.most_object:  # it was refused long ago
            raise CutError("too-large")
        if self._sink is not None and self._size > self._settings.most_object:
            self._refuse("too-large", NO_RESOURCES)
        self._work(lambda sink: sink.write(data))
        if last:
            self._work(lambda sink: sink.keep())
            self._finish()

    def _work(self, step: Callable[[ObjectSink], None]) -> None:
        if self._sink is None:
            return
        try:
            step(self._sink)
        except OSError:
            self._refuse("no-room", NO_RESOURCES)
        self._peer.paused()

    def _finish(self) -> None:
        """Answer the request, and be ready for the next one."""
        request, self._sink = self._request, None
        if request.kind in (_STORE_RQ, _ECHO_RQ):
            for pdu in _response(request, self._status, self._context, self._agreed.most_pdu):
                self._peer.send(pdu)
        if request.kind == _ECHO_RQ:
            self._note("echoes")
        self._forget()
        self._peer.rest()


@dataclass(frozen=True, slots=True)
class _Request:
    kind: int
    number: int
    sop_class: str
    sop_instance: str
    has_data: bool


def _values(body: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """The presentation data values of a P-DATA-TF: context, control header, data. Raises CutError."""
    at = 0
    while at < len(body):
        if len(body) - at < _ITEM.size:
            raise CutError("protocol")
        length, context, control = _ITEM.unpack_from(body, at)
        end = at + 4 + length
        if length < 2 or end > len(body):
            raise CutError("protocol")
        yield context, control, body[at + _ITEM.size : end]
        at = end


def _request(command: bytes) -> _Request:
    """The request that a command set is. Raises CutError, whatever pydicom makes of the bytes of a stranger."""
    try:
        found = decode(BytesIO(command), True, True)
        request = _Request(
            int(found.CommandField),
            int(found.get("MessageID") or 0),
            str(found.get("AffectedSOPClassUID") or ""),
            str(found.get("AffectedSOPInstanceUID") or ""),
            int(found.CommandDataSetType) != _NO_DATA,
        )
    except Exception:
        raise CutError("protocol") from None
    echo = request.kind == _ECHO_RQ and request.sop_class == VERIFICATION and not request.has_data
    if request.kind not in (_STORE_RQ, _CANCEL_RQ) and not echo:
        raise CutError("protocol")
    return request


def _response(request: _Request, status: int, context: int, most_pdu: int) -> Iterator[bytes]:
    stored = request.kind == _STORE_RQ
    said: Any = C_STORE() if stored else C_ECHO()
    said.MessageIDBeingRespondedTo, said.Status = request.number, status
    said.AffectedSOPClassUID = request.sop_class
    if stored and UID(request.sop_instance).is_valid:
        said.AffectedSOPInstanceUID = request.sop_instance
    message: Any = C_STORE_RSP() if stored else C_ECHO_RSP()
    message.primitive_to_message(said)
    for primitive in message.encode_msg(context, most_pdu):
        pdu: Any = P_DATA_TF()
        pdu.from_primitive(primitive)
        yield pdu.encode()
