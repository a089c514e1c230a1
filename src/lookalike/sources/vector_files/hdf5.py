"""HDF5 (.h5, .hdf5) in two layouts: an array (n, dim) with columns (n,) beside it, or an array (dim,) a picture whose
place in the file is the picture's path, as Denner et al. (arXiv 2403.06567) deposit theirs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

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


class _Array(NamedTuple):
    """What is known of an array without holding it open: a deposit has a million."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def find_in_hdf5(file: Path, vectors: str, ids: str) -> FoundVectors:
    """The vectors of either layout. Raises UsageError for a link, or data in another file."""
    try:
        import h5py
    except ImportError:
        raise MissingExtraError("reading HDF5 files of vectors", "vectors") from None
    opened = h5py.File(file, "r")
    encoder = _text(opened.attrs.get(MADE_BY, ""))
    arrays = dict(_arrays(opened, h5py))
    flat = [name for name, array in arrays.items() if len(array.shape) == 2 and array.shape[0] > 1]
    if vectors or flat:
        array = chosen([*arrays], vectors, (*USUAL_NAMES, *flat[:1]), "array")
        return _side_by_side(opened, arrays, array, ids, file, encoder)
    return _one_each(opened, arrays, file, encoder)


def _arrays(group: Any, h5py: Any) -> Iterator[tuple[str, _Array]]:
    """Every array by its place. What two places share is met twice, but for groups: a circle has no end."""
    waiting, met, found = [("", group)], set(), 0
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


def _own(array: Any, found: int) -> _Array:
    """An array whose numbers are in this file. Raises UsageError."""
    if array.external is not None or array.is_virtual:
        raise UsageError("it holds arrays whose numbers lie in other files, which are not opened")
    if found > MOST_VECTORS:
        raise UsageError(f"it holds more than {MOST_VECTORS} arrays")
    return _Array(tuple(array.shape or ()), array.dtype)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _side_by_side(
    opened: Any, arrays: Mapping[str, _Array], name: str, ids: str, file: Path, encoder: str
) -> FoundVectors:
    shape, dtype = arrays[name]
    check_numbers(dtype)
    if len(shape) != 2:
        raise UsageError(f"its array of vectors has the shape {shape}; vectors are (how many, numbers of each)")
    count, dim = shape
    check_claim(count, dim, dtype.itemsize, file.stat().st_size)
    beside = [other for other, array in arrays.items() if other != name and array.shape == (count,)]
    columns = {other: texts for other in beside if (texts := as_texts(np.asarray(opened[other][:])))}
    named = id_column([*columns], ids)

    def rows(first: int, last: int) -> NDArray[np.float32]:
        return np.asarray(opened[name][first:last], np.float32)

    if not encoder and (noted := spelt([*arrays], (MADE_BY,))) and arrays[noted].shape == ():
        encoder = _text(opened[noted][()])
    return FoundVectors(count, dim, rows, columns.pop(named, ()), columns, encoder)


def _one_each(opened: Any, arrays: Mapping[str, _Array], file: Path, encoder: str) -> FoundVectors:
    names, kinds = [*arrays], {(int(np.prod(array.shape)), array.dtype) for array in arrays.values()}
    if len({size for size, _dtype in kinds}) != 1:
        raise UsageError(
            "its arrays are of different lengths; a picture has an array of numbers each, or one array holds a row for "
            "each picture: name it, vectors=NAME"
        )
    for _size, dtype in kinds:
        check_numbers(dtype)
    dim, itemsize = kinds.copy().pop()[0], max(dtype.itemsize for _size, dtype in kinds)
    check_claim(len(names), dim, itemsize, file.stat().st_size)

    def rows(first: int, last: int) -> NDArray[np.float32]:
        return np.stack([np.asarray(opened[name][()], np.float32).reshape(dim) for name in names[first:last]])

    return FoundVectors(len(names), dim, rows, names, {}, encoder)
