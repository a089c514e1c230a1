"""The storage SCP: a door, and a thread for every association that came through it."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from lookalike.receiving.association import StorageAssociation
from lookalike.receiving.door import Door
from lookalike.receiving.negotiation import negotiate, rejection
from lookalike.receiving.objects import Note, OpenSink
from lookalike.receiving.peer import CutError, Peer, abort_pdu
from lookalike.receiving.settings import ReceiverSettings
from lookalike.sockets import listen

_QUIET: Final = 1.0  # seconds of silence after which an association may have to make room


@dataclass(slots=True, eq=False)
class _Served:
    peer: Peer
    address: str
    association: StorageAssociation | None = field(default=None)


class StorageScp:
    """Receives objects from peers that come to a listening socket. store: opens a sink for each object; note: counts.

    Where there are too many associations, the one that has been silent for longest makes room.
    """

    def __init__(self, listening: socket.socket, settings: ReceiverSettings, store: OpenSink, note: Note) -> None:
        self._settings, self._store, self._note = settings, store, note
        self._served: dict[_Served, None] = {}
        self._lock = threading.Lock()
        self._door = Door(listening, settings, self._admit, note)

    def run(self) -> None:
        """Receive until ``stop``."""
        self._door.run()

    def stop(self, seconds: float) -> None:
        """Let nobody in, and let messages that are on their way come to their end within so many seconds."""
        self._door.close()
        for each in self._all():
            if each.association is not None:
                each.association.stopping = True
            if each.peer.silent:
                each.peer.close()
        until = time.monotonic() + seconds
        while self._all() and time.monotonic() < until:
            time.sleep(0.02)
        for each in self._all():
            each.peer.close()

    def __len__(self) -> int:
        """How many associations there are."""
        return len(self._served)

    def _all(self) -> list[_Served]:
        with self._lock:
            return [*self._served]

    def _admit(self, connection: socket.socket, address: str, request: bytes) -> None:
        each = _Served(Peer(connection, self._settings.deadlines), address)
        has_room = self._has_room(address)
        with self._lock:
            self._served[each] = None
        try:
            threading.Thread(target=self._serve, args=(each, request, has_room), daemon=True).start()
        except RuntimeError:  # no memory for a thread
            self._end(each, "no-memory")

    def _has_room(self, address: str) -> bool:
        """Whether there is room for an association more; one that has long been silent makes room."""
        served, most = self._all(), self._settings.associations
        from_there = [each for each in served if each.address == address]
        crowd = from_there if len(from_there) >= max(1, most // 2) else served if len(served) >= most else []
        silent = max(crowd, key=lambda each: each.peer.silent, default=None)
        if silent is None:
            return True
        if silent.peer.silent < _QUIET:
            return False
        self._end(silent, "busy")
        return True

    def _serve(self, each: _Served, request: bytes, has_room: bool) -> None:
        reason = ""
        try:
            agreed = negotiate(request, each.address, self._settings, has_room=has_room)
            each.association = StorageAssociation(each.peer, agreed, self._settings, self._store, self._note)
            each.peer.send(agreed.answer)
            each.association.serve()
        except CutError as cut:
            reason = cut.reason
            each.peer.farewell(rejection(reason) if each.association is None else abort_pdu())
        except MemoryError:
            reason = "no-memory"
        except Exception:  # whatever a library makes of the bytes of a stranger: the others are served on
            reason = "protocol"
        finally:
            self._end(each, reason)

    def _end(self, each: _Served, reason: str) -> None:
        with self._lock:
            ended = self._served.pop(each, each)
        each.peer.close()
        if reason and ended is None:
            self._note(reason)


class Counts:
    """Counts of several threads."""

    def __init__(self) -> None:
        self._counter: Counter[str] = Counter()
        self._lock = threading.Lock()

    def note(self, what: str) -> None:
        """Count one."""
        with self._lock:
            self._counter[what] += 1

    def so_far(self) -> dict[str, int]:
        """What has been counted."""
        with self._lock:
            return dict(self._counter)


@contextmanager
def listening(
    settings: ReceiverSettings, store: OpenSink, note: Note, *, host: str = "127.0.0.1", port: int = 0
) -> Iterator[int]:
    """Receive objects in threads of this process; the port. Raises UsageError."""
    with listen(host, port, 128) as opened:
        scp = StorageScp(opened, settings, store, note)
        thread = threading.Thread(target=scp.run, daemon=True)
        thread.start()
        try:
            yield opened.getsockname()[1]
        finally:
            scp.stop(1.0)
            thread.join()
