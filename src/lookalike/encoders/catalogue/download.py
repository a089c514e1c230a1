"""Download one file, so that a second try goes on where the first one stopped, and check it against its checksum."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lookalike.encoders.runtimes import patience
from lookalike.errors import DamagedFileError

if TYPE_CHECKING:
    import httpx

_CHUNK: Final = 1 << 20
_AS_IT_IS: Final = {"Accept-Encoding": "identity"}  # a place in a compressed answer is none in the file


@dataclass(frozen=True, slots=True)
class Checksum:
    """What a server says of a file: its bytes, and a hash; 0 and "" where it does not. sha256: of the content.
    blob: git's hash of it (SHA-1 of a header and the content).
    """

    size: int = 0
    sha256: str = ""
    blob: str = ""

    def fits(self, path: Path) -> bool:
        """Whether a file is the one that was described."""
        size = path.stat().st_size
        if self.size and size != self.size:
            return False
        if self.sha256:
            return _hash(path, hashlib.sha256()) == self.sha256
        return not self.blob or _hash(path, hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)) == self.blob


def _hash(path: Path, hashed: Any) -> str:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            hashed.update(chunk)
    return str(hashed.hexdigest())


def download(
    client: httpx.Client, address: str, path: Path, checksum: Checksum, headers: Mapping[str, str] | None = None
) -> None:
    """Download a file to ``path``, which is whole or not there; ``path.part`` beside it holds what has come so far.

    Raises DamagedFileError if it is not what was described (the next try begins anew), ``httpx.HTTPStatusError`` if
    the server refuses, ``httpx.TransportError`` if it does not answer after several tries.
    """
    import httpx

    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    for attempt in range(patience.TRIES):
        try:
            _append(client, address, part, {**(headers or {}), **_AS_IT_IS}, checksum)
            break
        except httpx.TransportError:
            if attempt + 1 == patience.TRIES:
                raise
            time.sleep(patience.wait(attempt))
    if not checksum.fits(part):
        part.unlink()
        raise DamagedFileError(f"what came as {path.name} is not what the server describes; pull again")
    part.rename(path)


def _append(client: httpx.Client, address: str, part: Path, headers: dict[str, str], checksum: Checksum) -> None:
    have = part.stat().st_size if part.is_file() else 0
    if have and have == checksum.size:
        return
    if have:
        headers["Range"] = f"bytes={have}-"
    with client.stream("GET", address, headers=headers, follow_redirects=True) as answer:
        if answer.status_code == 416:  # nothing more to come, or another file
            return
        answer.raise_for_status()
        with part.open("ab" if answer.status_code == 206 else "wb") as file:
            for chunk in answer.iter_bytes():
                file.write(chunk)
