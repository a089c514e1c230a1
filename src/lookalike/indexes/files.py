"""Index files: written atomically, and verified before a native loader sees them.

Beside ``NAME.index`` is ``NAME.json``: the kind, what the index was made of, and the SHA-256 of all of this and of
the index file. Native loaders crash on damaged files, or load them silently: a file that does not match to the last
byte is not loaded, and the caller rebuilds. The SHA-256 stands in the gallery's database too, as the seal: whoever
can replace both files here has not made an index of this gallery's vectors by that.
"""

from __future__ import annotations

import hashlib
import json
import mmap
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Final

from lookalike.atomic import write_atomically
from lookalike.indexes import Index
from lookalike.plugins import load_plugin

_LAYOUT: Final = 1
_CHUNK: Final = 1 << 20


def save_index(
    index: Index, folder: Path, name: str, made_of: Mapping[str, Any], seal: Callable[[str], None] | None = None
) -> Index:
    """Write an index and what it was made of (any JSON object: space version, adapter, ...). seal: notes the files'
    SHA-256 where ``load_index`` is told it from.

    Returns the index as loaded from its file: use it instead of the given one, which holds in memory what
    this one leaves in the file.
    """
    folder.mkdir(exist_ok=True)
    data = index.serialise()
    about = _about(index.kind, made_of)
    write_atomically(folder / f"{name}.index", data)
    header = {**about, "sha256": _digest(about, BytesIO(data))}
    write_atomically(folder / f"{name}.json", json.dumps(header, sort_keys=True).encode())
    del data
    if seal is not None:
        seal(header["sha256"])
    return load_index(folder, name, made_of, header["sha256"]) or index


def load_index(folder: Path, name: str, made_of: Mapping[str, Any], sealed: str | None = None) -> Index | None:
    """The index if its files are intact and were made of exactly this, otherwise None. sealed: the SHA-256 that they
    must have, "" if none is known; None: any that fits.
    """
    try:
        header = json.loads((folder / f"{name}.json").read_bytes())
        about = _about(str(header["kind"]), made_of)
        with (folder / f"{name}.index").open("rb") as file:
            digest = _digest(about, file)
            if header != {**about, "sha256": digest} or sealed not in (None, digest):
                return None
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        index: Index = load_plugin("lookalike.indexes", about["kind"]).deserialise(data)
    except Exception:
        return None
    return index


def is_as_written(folder: Path, name: str) -> bool:
    """Whether the files of an index match the checksum beside them; true where there are none."""
    try:
        header = json.loads((folder / f"{name}.json").read_bytes())
        with (folder / f"{name}.index").open("rb") as file:
            about = _about(str(header["kind"]), header["made_of"])
            return bool(header == {**about, "sha256": _digest(about, file)})
    except FileNotFoundError:
        return True
    except (OSError, ValueError, KeyError, TypeError):
        return False


def remove_index(folder: Path, name: str) -> None:
    """Remove the files of an index, which may be in use. Raises OSError."""
    for ending in ("index", "json"):
        (folder / f"{name}.{ending}").unlink(missing_ok=True)


def _about(kind: str, made_of: Mapping[str, Any]) -> dict[str, Any]:
    return {"layout": _LAYOUT, "kind": kind, "made_of": dict(made_of)}


def _digest(about: Mapping[str, Any], file: BinaryIO) -> str:
    """The SHA-256, read in pieces so that nothing of the file stays in memory."""
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
