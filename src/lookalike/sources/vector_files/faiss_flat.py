"""FAISS indexes that hold their vectors as they are: IndexFlat (IP, L2), also in an IndexIDMap.

Read here by the layout that FAISS writes (``write_index``), each size checked against the file's: its own loader takes
what a file names. Little-endian: a word of four letters; then int32 dim, int64 count, two int64 that mean nothing, a
byte "trained", int32 metric (and a float32 if it is above 1); then uint64 how many float32, and these. An IDMap has
such a header, the index inside, then uint64 how many ids, and these as int64.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.sources.vector_files.layout import FoundVectors, check_claim

_FLAT: Final = (b"IxF2", b"IxFI", b"IxFl")
_ID_MAPS: Final = (b"IxMp", b"IxM2")
_BASE: Final = struct.Struct("<iqqq?i")
_METRICS_WITHOUT_ARGUMENT: Final = 1


@dataclass(frozen=True, slots=True)
class _Flat:
    count: int
    dim: int
    start: int


def find_in_faiss(file: Path, _vectors: str, _ids: str) -> FoundVectors:
    """The vectors of a flat index, in their order; ids where it has an id map."""
    size = file.stat().st_size
    with file.open("rb") as opened:
        mapped = (word := opened.read(4)) in _ID_MAPS
        count, _dim = _base(opened) if mapped else (0, 0)
        flat = _flat(opened, opened.read(4) if mapped else word, size)
        ids = _mapped(opened, flat, count) if mapped else []

    def rows(first: int, last: int) -> NDArray[np.float32]:
        values = np.fromfile(file, "<f4", (last - first) * flat.dim, offset=flat.start + 4 * first * flat.dim)
        return np.asarray(values, np.float32).reshape(last - first, flat.dim)

    return FoundVectors(flat.count, flat.dim, rows, ids)


def _flat(opened: IO[bytes], word: bytes, size: int) -> _Flat:
    if word not in _FLAT:
        raise UsageError(
            "it is no flat FAISS index (IndexFlatIP, IndexFlatL2, also in an IndexIDMap), and others do not hold the "
            "vectors as they are; write index.reconstruct_n(0, index.ntotal) to a .npy file"
        )
    count, dim = _base(opened)
    (numbers,) = struct.unpack("<Q", _read(opened, 8))
    start = opened.tell()
    if numbers != count * dim or start + 4 * numbers > size:
        raise UsageError("the sizes that it names do not fit its own: it is damaged, or not what it seems")
    check_claim(count, dim, 4, size)
    opened.seek(start + 4 * numbers)
    return _Flat(count, dim, start)


def _base(opened: IO[bytes]) -> tuple[int, int]:
    """How many vectors of how many numbers."""
    dim, count, _one, _two, _trained, metric = _BASE.unpack(_read(opened, _BASE.size))
    if metric > _METRICS_WITHOUT_ARGUMENT:
        _read(opened, 4)
    return count, dim


def _mapped(opened: IO[bytes], flat: _Flat, count: int) -> list[str]:
    (numbers,) = struct.unpack("<Q", _read(opened, 8))
    if not numbers == count == flat.count:
        raise UsageError("its id map does not fit its vectors: it is damaged, or not what it seems")
    return [str(each) for each in np.frombuffer(_read(opened, 8 * numbers), "<i8").tolist()]


def _read(opened: IO[bytes], count: int) -> bytes:
    data = opened.read(count)
    if len(data) != count:
        raise UsageError("it is cut short")
    return data
