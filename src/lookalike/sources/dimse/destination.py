"""Where a PACS sends what it is asked to move: a receiver of ours (``receiving``), for as long as a source is used."""

from __future__ import annotations

import secrets
import shutil
import socket
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from lookalike.errors import PacsError, UsageError
from lookalike.receiving.folder import ARRIVED, inbox_pseudonym, remove_objects
from lookalike.receiving.receiver import Receiver
from lookalike.receiving.settings import AllowedPeer, Deadlines, ReceiverSettings
from lookalike.scratch import Scratch
from lookalike.sources.dicomweb.login import PacsLogin
from lookalike.sources.dimse.address import DimseAddress
from lookalike.sources.pacs import PacsLimits, PacsPlace

_LATE_SECONDS: Final = 2.0  # that a PACS may still send after it has said that all was sent


class Destination:
    """Receives from one PACS, in a process of its own with little memory, into a temporary folder. It begins when it is
    first needed, and ends with ``close``, or with whoever holds it.
    """

    def __init__(self, address: DimseAddress, login: PacsLogin, limits: PacsLimits) -> None:
        self._address, self._login, self._limits = address, login, limits
        self._key, self._lock = secrets.token_bytes(32), threading.Lock()
        self._folder: Path | None = None
        self._stack = ExitStack()
        weakref.finalize(self, self._stack.close)

    def close(self) -> None:
        """End the process, and remove everything that came."""
        with self._lock:
            self._stack.close()
            self._folder = None

    def open(self) -> None:
        """Begin to receive. Raises UsageError where the port is taken, PacsError where the PACS has no address."""
        with self._lock:
            if self._folder is not None:
                return
            addresses = _addresses(self._address.host, self._address.port)
            settings = self._settings(addresses)
            folder = self._stack.enter_context(Scratch("pacs")).folder
            at = _reachable(addresses)
            receiver = Receiver(settings, folder / "inbox", self._key, at, self._address.listen)
            self._stack.enter_context(receiver)
            receiver.start()
            self._folder = folder

    @contextmanager
    def taken(self, place: PacsPlace, names: Sequence[str], *, is_sent: bool) -> Iterator[list[Path]]:
        """What has come of some instances, under other names in a folder of their own, which is removed at the end.
        is_sent: whether the PACS says that it has sent all of them. FileNotFoundError: none of them has come.
        """
        if self._folder is None:
            raise FileNotFoundError
        ours = self._folder / secrets.token_hex(8)
        ours.mkdir()
        until = time.monotonic() + (_LATE_SECONDS if is_sent else 0.0)
        try:
            for instance, name in zip(place.instances, names, strict=True):
                if (file := self._arrived(place.series, instance, until)) is not None:
                    file.rename(ours / name)
            if len(names) > 1:  # all of the series was sent, which may have grown since it was listed
                remove_objects(tuple(self._series(place.series).glob("*")))
            sent = [file for file in (ours / name for name in names) if file.exists()]
            if not sent:
                raise FileNotFoundError
            yield sent
        finally:
            shutil.rmtree(ours, ignore_errors=True)

    def lacking(self, place: PacsPlace) -> list[str]:
        """The instances that have not come."""
        now = time.monotonic()
        return [each for each in place.instances if self._arrived(place.series, each, now) is None]

    def _arrived(self, series: str, instance: str, until: float) -> Path | None:
        """Where an object lies, by the names that the receiver gives it; it may come until then."""
        name = inbox_pseudonym(self._key, instance)
        folder = self._series(series)
        while (found := next(folder.glob(f"{name}-*.dcm"), None)) is None:
            if time.monotonic() > until:
                return None
            time.sleep(0.05)
        return found

    def _series(self, uid: str) -> Path:
        return (self._folder or Path()) / "inbox" / ARRIVED / inbox_pseudonym(self._key, uid)

    def _settings(self, addresses: Sequence[str]) -> ReceiverSettings:
        login, limits, tls = self._login, self._limits, self._address.scheme == "dimse+tls"
        if tls and not login.certificate:
            raise UsageError(
                "what a PACS sends over TLS comes to a certificate of ours: LOOKALIKE_PACS_CERTIFICATE and _KEY name it"
            )
        return ReceiverSettings(
            aet=self._address.calling,
            allow=tuple(map(AllowedPeer, addresses)),
            tls_cert=login.certificate if tls else "",
            tls_key=(login.key or login.certificate) if tls else "",
            tls_ca=login.authorities if tls else "",
            most_object=limits.object_bytes,
            quota=limits.bytes_here,
            deadlines=Deadlines(idle=limits.silence, grace=limits.silence),  # it reads from slow disks meanwhile
        )


def _addresses(host: str, port: int) -> list[str]:
    """The addresses that a PACS may send from: those of its own name. Raises PacsError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise PacsError("the host of the PACS has no address; check its name in the URI") from None
    return sorted({str(address[0]).partition("%")[0] for *_, address in found})


def _reachable(addresses: Sequence[str]) -> str:
    """The address to listen on: this machine's own where the PACS runs here, else any."""
    found = [ip_address(each) for each in addresses]
    if all(each.is_loopback for each in found):
        return str(found[0])
    return "0.0.0.0" if any(each.version == 4 for each in found) else "::"
