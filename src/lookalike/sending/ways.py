"""The ways of an object to a PACS: into a folder, by STOW-RS (DICOM PS3.18 10.5), by C-STORE (PS3.4 B)."""

from __future__ import annotations

import io
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pydicom
from pydicom.dataset import Dataset

from lookalike.atomic import write_atomically
from lookalike.errors import MissingExtraError, PacsError, UsageError
from lookalike.sources.dicomweb.address import PREFIX, PacsAddress, parse_address
from lookalike.sources.dicomweb.connection import Connection, PassingError
from lookalike.sources.dicomweb.login import PacsLogin, login_for
from lookalike.text import absolute

Way = Callable[[Dataset], None]
OURSELVES: Final = "LOOKALIKE"
"""The application entity title that we call with."""
_DIMSE: Final = re.compile(
    r"dimse://(?P<aet>[!-~]{1,16})@(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>\d{1,5})"
)
_SECONDS: Final = 30.0  # until a peer has to answer
_SUCCESS: Final = 0x0000
_WARNINGS: Final = range(0xB000, 0xC000)  # it is kept, with an element changed or not understood (PS3.4 B.2.3)


def way_to(destination: str) -> Way:
    """How an object gets to a destination: ``dicomweb+https://host/path``, ``dimse://AET@host:port``, or a folder that
    is there. Nothing is sent yet; the way raises PacsError where the object is not taken.

    Raises UsageError, GalleryError (a file of passwords that others may read), MissingExtraError.
    """
    if destination.startswith(PREFIX):
        address = parse_address(destination)
        login = login_for(address)
        return lambda made: _stow(address, login, made)
    if destination.startswith("dimse:"):
        return _by_store(destination)
    folder = Path(absolute(destination))
    if not folder.is_dir():
        raise UsageError(
            "an answer is sent to a folder that is there, to dicomweb+https://host/path or to dimse://AET@host:port; "
            f"got {destination!r}"
        )
    return lambda made: write_atomically(folder / f"{made.SOPInstanceUID}.dcm", file_bytes(made))


def file_bytes(made: Dataset) -> bytes:
    """An object as a file (PS3.10)."""
    written = io.BytesIO()
    pydicom.dcmwrite(written, made, enforce_file_format=True)
    return written.getvalue()


def _stow(address: PacsAddress, login: PacsLogin, made: Dataset) -> None:
    boundary = secrets.token_hex(16)
    head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    body = head + file_bytes(made) + f"\r\n--{boundary}--\r\n".encode()
    headers = {
        "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
        "Accept": "application/dicom+json",
        **login.headers,
    }
    context = login.context() if address.scheme == "https" else None
    connection = Connection(address, context, _SECONDS)
    try:
        with connection.cut_after(_SECONDS):
            status = connection.send_object(f"{address.path}/studies/{made.StudyInstanceUID}", headers, body)
    except PassingError as error:
        raise PacsError(f"the PACS gave no answer ({error.what}); nothing was stored, send it again") from None
    finally:
        connection.close()
    if status != 200:
        raise PacsError(f"the PACS did not store the object (status {status}); it may not take such, or not from us")


def _by_store(destination: str) -> Way:
    match = _DIMSE.fullmatch(destination)
    if match is None or not 0 < int(match["port"]) < 1 << 16:
        raise UsageError(f"a DICOM peer is given as dimse://AET@host:port, got {destination!r}")
    try:
        import pynetdicom
    except ImportError:
        raise MissingExtraError("sending by C-STORE", "pacs") from None
    return lambda made: _store(pynetdicom, match["aet"], match["host"].strip("[]"), int(match["port"]), made)


def _store(pynetdicom: Any, aet: str, host: str, port: int, made: Dataset) -> None:
    entity = pynetdicom.AE(OURSELVES)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = entity.connection_timeout = _SECONDS
    entity.add_requested_context(made.SOPClassUID, made.file_meta.TransferSyntaxUID)
    association = entity.associate(host, port, ae_title=aet)
    if not association.is_established:
        raise PacsError("the DICOM peer takes no association from us; check its title, address and who it lets in")
    try:
        if not association.accepted_contexts:
            raise PacsError("the DICOM peer does not take this kind of object")
        status = association.send_c_store(made).get("Status")
    finally:
        association.release()
    if status != _SUCCESS and status not in _WARNINGS:
        told = "no status" if status is None else f"status {status:04X}"
        raise PacsError(f"the DICOM peer did not store the object ({told})")
