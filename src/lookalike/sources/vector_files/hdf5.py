"""HDF5 (.h5, .hdf5) in two layouts: an array (n, dim) with columns (n,) beside it, or an array (dim,) a picture whose
place in the file is the picture's path, as Denner et al. (arXiv 2403.06567) deposit theirs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import MissingExtraError, UsageError
from lookalike.sources.tables import spelt
from lookalike.sources.vector_files.layout import (
    MADE_BY,
    MOST_VECTORS,
    USUAL_NAMES,
    FoundVectors,
    as_texts,
    check_claim,
    check_numbers,
    chosen,
    id_column,
)


def find_in_hdf5(file: Path, vectors: str, ids: str) -> FoundVectors:
    """The vectors of either layout. Raises UsageError for a link, or data in another file."""
    try:
        import h5py
    except ImportError:
        raise MissingExtraError("reading HDF5 files of vectors", "vectors") from None
    opened = h5py.File(file, "r")
    encoder = opened.attrs.get(MADE_BY, "")
    arrays = dict(_arrays(opened, h5py))
    flat = [name for name, array in arrays.items() if array.ndim == 2 and array.shape[0] > 1]
    if vectors or flat:
        array = chosen([*arrays], vectors, (*USUAL_NAMES, *flat[:1]), "array")
        return _side_by_side(arrays, array, ids, file, _text(encoder))
    return _one_each(arrays, file, _text(encoder))


def _arrays(group: Any, h5py: Any) -> Iterator[tuple[str, Any]]:
    """Every array by its place. What two places share is met twice, but for groups: a circle has no end."""
    waiting, met = [("", group)], set()
    found = 0
    while waiting:
        place, inside = waiting.pop()
        if (address := h5py.h5o.get_info(inside.id).addr) in met:
            continue
        met.add(address)
        for name in inside:
            if not isinstance(inside.get(name, getlink=True), h5py.HardLink):
                raise UsageError("it holds links to other places or files, which are not followed")
            each, path = inside[name], f"{place}/{name}" if place else name
            if isinstance(each, h5py.Group):
                waiting.append((path, each))
            elif isinstance(each, h5py.Dataset):
                found += 1
                yield path, _own(each, found)


def _own(array: Any, found: int) -> Any:
    """An array whose numbers are in this file. Raises UsageError."""
    if array.external is not None or array.is_virtual:
        raise UsageError("it holds arrays whose numbers lie in other files, which are not opened")
    if found > MOST_VECTORS:
        raise UsageError(f"it holds more than {MOST_VECTORS} arrays")
    return array


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _side_by_side(arrays: dict[str, Any], name: str, ids: str, file: Path, encoder: str) -> FoundVectors:
    array = arrays.pop(name)
    check_numbers(array.dtype)
    if array.ndim != 2:
        raise UsageError(f"its array of vectors has the shape {array.shape}; vectors are (how many, numbers of each)")
    count, dim = array.shape
    check_claim(count, dim, array.dtype.itemsize, file.stat().st_size)
    columns = {name: as_texts(np.asarray(each[:])) for name, each in arrays.items() if each.shape == (count,)}
    columns = {name: texts for name, texts in columns.items() if texts}
    named = id_column([*columns], ids)

    def rows(first: int, last: int) -> NDArray[np.float32]:
        return np.asarray(array[first:last], np.float32)

    if not encoder and (noted := spelt([*arrays], (MADE_BY,))) and arrays[noted].shape == ():
        encoder = _text(arrays[noted][()])
    return FoundVectors(count, dim, rows, columns.pop(named, ()), columns, encoder)


def _one_each(arrays: dict[str, Any], file: Path, encoder: str) -> FoundVectors:
    names, dims = [*arrays], {array.size for array in arrays.values()}
    if len(dims) != 1:
        raise UsageError(
            "its arrays are of different lengths; a picture has an array of numbers each, or one array holds a row for "
            "each picture: name it, vectors=NAME"
        )
    dim = int(dims.pop())
    for array in arrays.values():
        check_numbers(array.dtype)
    itemsize = max(array.dtype.itemsize for array in arrays.values())
    check_claim(len(names), dim, itemsize, file.stat().st_size)

    def rows(first: int, last: int) -> NDArray[np.float32]:
        return np.stack([np.asarray(arrays[name][()], np.float32).reshape(dim) for name in names[first:last]])

    return FoundVectors(len(names), dim, rows, names, {}, encoder)
