"""Index files: written atomically, and verified before a native loader sees them.

Beside ``NAME.index`` is ``NAME.json``: the kind, what the index was made of, the SHA-256 of each block of the index
file, and the SHA-256 of all of this. Native loaders crash on damaged files, or load them silently: a file that does not
match to the last byte is not loaded, and the caller rebuilds. The SHA-256 stands in the gallery's database too, as the
seal: whoever can replace both files here has not made an index of this gallery's vectors by that.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final

from lookalike.atomic import named_if_not_written, new_file, sync_folder, write_atomically
from lookalike.indexes import Index
from lookalike.indexes.mapped import MappedFile
from lookalike.plugins import load_plugin

_LAYOUT: Final = 2
_BLOCK: Final = 1 << 20  # bytes that have a SHA-256 of their own, so that a few can be overwritten
_SHA256: Final = re.compile("[0-9a-f]{64}")
_DIGITS: Final = 16  # of a SHA-256, in a file's name


@dataclass(frozen=True, slots=True)
class IndexFile:
    """A verified file. blocks: the SHA-256 of each; sha256: of these and of what it was made of, which stands for the
    file. data: memory-mapped, and kept open as long as somebody uses it.
    """

    kind: str
    made_of: Mapping[str, Any]
    sha256: str
    blocks: tuple[str, ...]
    data: mmap.mmap | bytes

    def index(self) -> Index:
        """What it holds. Raises whatever the kind's loader raises."""
        found: Index = load_plugin("lookalike.indexes", self.kind).deserialise(self.data)
        return found


def write_file(
    folder: Path, space: str, kind: str, made_of: Mapping[str, Any], fill: Callable[[BinaryIO], object], *, over: bool
) -> IndexFile:
    """Write a file of a space: what ``fill`` writes, and what it was made of (any JSON object: space version, adapter,
    ...). over: under the space's own name, in the place of another one; else under a name that no other content has,
    so that whoever reads the files of before goes on. Returns it, opened.
    """
    folder.mkdir(exist_ok=True)
    about = _about(kind, made_of)
    with new_file(folder, f"{space}.index") as new:
        fill(new.file)
        new.file.seek(0)
        header = _header_of(about, _digests(new.file))
        name = space if over else _own_name(space, header["sha256"])
        new.become(folder / f"{name}.index")
        data = _mapped(new.file)
    _write_header(folder, name, header)
    return _file_of(header, data)


def overwrite_file(folder: Path, space: str, made: IndexFile, changes: Iterable[tuple[int, bytes]]) -> IndexFile:
    """Write bytes at places of a file that has a name of its own, in place, so that those of before are nowhere left;
    it has another SHA-256 then, and a name after that. Where this is interrupted the file matches none, and is made
    anew. Whoever has it open finds the new bytes. Raises OSError.
    """
    written, blocks = sorted(changes), list(made.blocks)
    with (folder / f"{_own_name(space, made.sha256)}.index").open("r+b") as file:
        with named_if_not_written():
            for place, data in written:
                file.seek(place)
                file.write(data)
            file.flush()
            os.fsync(file.fileno())
        for number in {at // _BLOCK for place, data in written for at in (place, place + len(data) - 1)}:
            file.seek(number * _BLOCK)
            blocks[number] = _digests(file, 1)[0]
    header = _header_of(_about(made.kind, made.made_of), blocks)
    _write_header(folder, _own_name(space, header["sha256"]), header)
    with named_if_not_written():
        before, after = (folder / f"{_own_name(space, each)}.index" for each in (made.sha256, header["sha256"]))
        before.replace(after)
        sync_folder(folder)
    return _file_of(header, made.data)


def open_file(folder: Path, space: str, sealed: str) -> IndexFile | None:
    """The file of a space that has this SHA-256; None if there is none, if it is damaged, or if that is no SHA-256: a
    gallery from elsewhere names no file by what its database says.
    """
    if not _SHA256.fullmatch(sealed):
        return None
    own = _own_name(space, sealed)
    found = _verified(folder, own if (folder / f"{own}.json").exists() else space)
    return found if found is not None and found.sha256 == sealed else None


def has_file(folder: Path, space: str, sealed: str) -> bool:
    """Whether a file of a space under a name of its own has this SHA-256, going by the name."""
    return bool(_SHA256.fullmatch(sealed)) and (folder / f"{_own_name(space, sealed)}.index").exists()


def save_index(index: Index, folder: Path, name: str, made_of: Mapping[str, Any]) -> Index:
    """Write an index that is in memory. Returns it as loaded from its file: use it instead of the given one, which
    holds in memory what this one leaves in the file.
    """
    write_file(folder, name, index.kind, made_of, lambda file: file.write(index.serialise()), over=True)
    return load_index(folder, name, made_of) or index


def load_index(folder: Path, name: str, made_of: Mapping[str, Any], sealed: str | None = None) -> Index | None:
    """The index if its files are intact and were made of exactly this, otherwise None. sealed: the SHA-256 that they
    must have, "" if none is known; None: any that fits.
    """
    found = _verified(folder, name)
    if found is None or dict(found.made_of) != dict(made_of) or sealed not in (None, found.sha256):
        return None
    try:
        return found.index()
    except Exception:
        return None


def faulty_files(folder: Path, space: str) -> Iterator[str]:
    """The names of the index files of a space that do not match the checksum beside them."""
    for name in _names(folder, space):
        if _verified(folder, name) is None:
            yield f"{name}.index"


def followed(folder: Path, space: str, sealed: str) -> list[str]:
    """The SHA-256 of a file of a space and of those that it comes after, as they are told beside them."""
    found: list[str] = []
    while sealed and sealed not in found:
        header = _header(folder, _own_name(space, sealed)) or _header(folder, space)
        made_of = (header or {}).get("made_of")
        found, sealed = [*found, sealed], str(made_of.get("after", "")) if isinstance(made_of, dict) else ""
    return found


def names_of(space: str, files: Collection[str]) -> list[str]:
    """The names of the files of a space that have these SHA-256 and a name of their own."""
    return [f"{_own_name(space, sha256)}.{ending}" for sha256 in files for ending in ("index", "json")]


def remove_files(folder: Path, space: str, keep: Collection[str] = ()) -> None:
    """Remove the index files of a space, which may be in use, but for those of these SHA-256. Raises OSError."""
    kept = {_own_name(space, sha256) for sha256 in keep}
    for name in _names(folder, space):
        found = None if name in kept else _header(folder, name)
        if name not in kept and (found is None or found.get("sha256") not in keep):
            for ending in ("index", "json"):
                (folder / f"{name}.{ending}").unlink(missing_ok=True)


def _names(folder: Path, space: str) -> list[str]:
    own = re.compile(rf"({re.escape(space)}(?:\.[0-9a-f]{{{_DIGITS}}})?)\.(?:index|json)")
    found = (own.fullmatch(path.name) for path in folder.iterdir()) if folder.is_dir() else ()
    return sorted({match[1] for match in found if match is not None})


def _own_name(space: str, sha256: str) -> str:
    return f"{space}.{sha256[:_DIGITS]}"


def _header(folder: Path, name: str) -> dict[str, Any] | None:
    try:
        found = json.loads((folder / f"{name}.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _verified(folder: Path, name: str) -> IndexFile | None:
    try:
        header = _header(folder, name) or {}
        about = _about(str(header["kind"]), header["made_of"])
        with (folder / f"{name}.index").open("rb") as file:
            if header != _header_of(about, _digests(file)):
                return None
            data = _mapped(file)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return _file_of(header, data)


def _write_header(folder: Path, name: str, header: Mapping[str, Any]) -> None:
    write_atomically(folder / f"{name}.json", json.dumps(header, sort_keys=True).encode())


def _mapped(file: BinaryIO) -> mmap.mmap | bytes:
    """A file's content; an empty one cannot be mapped."""
    empty = os.fstat(file.fileno()).st_size == 0
    return b"" if empty else MappedFile(file)


def _about(kind: str, made_of: Mapping[str, Any]) -> dict[str, Any]:
    return {"layout": _LAYOUT, "kind": kind, "made_of": dict(made_of)}


def _header_of(about: Mapping[str, Any], blocks: Sequence[str]) -> dict[str, Any]:
    """What stands beside a file. blocks: the SHA-256 of each."""
    every = json.dumps([about, *blocks], sort_keys=True).encode()
    return {**about, "blocks": [*blocks], "sha256": hashlib.sha256(every).hexdigest()}


def _file_of(header: Mapping[str, Any], data: mmap.mmap | bytes) -> IndexFile:
    return IndexFile(header["kind"], header["made_of"], header["sha256"], tuple(header["blocks"]), data)


def _digests(file: BinaryIO, most: int | None = None) -> list[str]:
    """The SHA-256 of the next blocks of a file, so many or all that there are; no more than one is in memory."""
    blocks = iter(lambda: file.read(_BLOCK), b"")
    return [hashlib.sha256(block).hexdigest() for block in islice(blocks, most)]
