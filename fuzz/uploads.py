"""Uploads: multipart bodies, file names, boundaries. No 5xx, every answer declared; what is given back was sent.

An input is what follows ``POST /api/v1/uploads``: lines of headers, an empty line, the body.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fuzz.asgi import API, client
from fuzz.headers import seeds as headers
from fuzz.opened import opens

_EDGE: Final = "Content-Type: multipart/form-data; boundary=b\n\n"
_BUSY: Final = (429, 503)  # the machine may be: what decodes has its turn within so many seconds, or not
WORDS: Final = (
    '--b\r\n --b--\r\n \r\n\r\n boundary= Content-Disposition: form-data; name="file" ;filename= "a.csv" '
    "filename*=UTF-8'' "
    "%2e%2e%2f ../ ..\\ %00 Content-Type: image/png Content-Transfer-Encoding: base64 multipart/mixed;boundary=c "
    'Content-Length: charset=utf-7 name="_charset_" \x7f \xff CON . LOCAL x.mhd x.raw DICM'
)


def prepare() -> None:
    """Open the gallery."""
    client()


def check(data: bytes) -> None:
    """Upload; then ask for the files and for a picture of what was kept."""
    server = client()
    with opens() as seen:
        answer = server.ask(f"POST {API}/uploads\n".encode() + data)
    outside = [name for name in seen if not _is_own(name)]
    assert not outside, f"opened {outside}"
    if answer is None or answer.status_code != 201:
        return
    told = answer.json()
    for number in range(told["files"]):
        sent = server.ask(f"GET {API}/uploads/{told['id']}/file?n={number}\n\n".encode())
        assert sent is not None
        if sent.status_code not in _BUSY:
            assert sent.status_code == 200, f"a file that was kept and is not there: {sent.status_code}"
            assert sent.content in data, "a file that nobody sent"
    server.ask(f"GET {API}/uploads/{told['id']}/picture?size=64\n\n".encode())


def _is_own(name: str) -> bool:
    """Whether a file lies in the uploads, the gallery or the owner's configuration, which has the audit log; or is one
    that a process is started with.
    """
    return name.startswith(("/dev/null", "/proc/self", "/proc/stat", os.environ["LOOKALIKE_CONFIG"])) or any(
        part.startswith(("lookalike-uploads-", "lookalike-fuzz-")) for part in Path(name).parts
    )


def seeds() -> Iterator[bytes]:
    """One file, several, names of every kind, and headers that name other files."""
    images = [data[1:] for data in headers()]
    yield _form(('name="file"; filename="a.png"', images[-1]))
    yield _form(('name="file"; filename="a.csv"', b"file,label\na.png,x\n"))
    yield _form(('name="file"; filename="../../x.mhd"', images[0]), ('name="file"; filename="beside.raw"', bytes(8)))
    for name in ("", ".", "..", "/etc/passwd", "a\\b", "%00", "x" * 200, "é\x01"):
        yield _form((f'name="file"; filename="{name}"', images[4]))
    yield _form(('name="other"', b"text"), ('name="file"', b"no file name"))
    yield _form(("name=file; filename*=UTF-8''%2e%2e%2fx.nii", images[-6]))
    yield _EDGE.encode() + b"--b\r\n\r\n\r\n--b\r\nContent-Disposition: form-data\r\n\r\n--b--"
    yield b"Content-Type: multipart/form-data\n\n--b--"
    yield b"Content-Type: multipart/form-data; boundary=\xff\nContent-Length: 5\n\n--b--"


def _form(*parts: tuple[str, bytes]) -> bytes:
    body = b"".join(
        f"--b\r\nContent-Disposition: form-data; {about}\r\n\r\n".encode() + data + b"\r\n" for about, data in parts
    )
    return _EDGE.encode() + body + b"--b--\r\n"
