"""What is found in a file of vectors, whatever its kind: the interface of the kinds to the process they run in."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.sources.tables import file_column, spelt
from lookalike.text import quoted

USUAL_NAMES: Final = ("vectors", "vector", "embeddings", "embedding", "features", "arr", "arr0")
"""What arrays and columns of vectors are usually called."""
_IDS: Final = ("id", "ids", "paths", "files", "filenames", "names")
MADE_BY: Final = "encoder"
"""The array, attribute or key that says which encoder made the vectors: its identity as a JSON object, or its name."""
MOST_VECTORS: Final = 1 << 25  # vectors of one file
MOST_NUMBERS: Final = 1 << 16  # numbers of a vector
_MOST_CLAIMED: Final = 64  # times the file's size: vectors are hardly compressed at all


@dataclass(frozen=True, slots=True, eq=False)
class FoundVectors:
    """count vectors of dim numbers. ids: what the file calls each, none if it does not say. columns: further words
    about each, by name. encoder: as ``MADE_BY``, or "". rows: (start, stop) -> (stop - start, dim) float32.
    """

    count: int
    dim: int
    rows: Callable[[int, int], NDArray[np.float32]]
    ids: Sequence[str] = ()
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    encoder: str = ""


def check_claim(count: int, dim: int, itemsize: int, size: int) -> None:
    """Raise UsageError where a file of ``size`` bytes says that it holds what it cannot."""
    if not (0 < count <= MOST_VECTORS and 1 < dim <= MOST_NUMBERS):
        limits = f"1 to {MOST_VECTORS}, of 2 to {MOST_NUMBERS}"
        raise UsageError(f"it holds {count} vectors of {dim} numbers; the limits are {limits}")
    if count * dim * itemsize > _MOST_CLAIMED * size:
        raise UsageError("it claims to hold more numbers than its size allows: it is damaged, or not what it seems")


def check_numbers(dtype: np.dtype[Any]) -> None:
    """Raise UsageError unless an array holds real numbers of a usual size."""
    if dtype.kind not in "fiu" or dtype.itemsize > 8 or dtype.hasobject:
        raise UsageError("its vectors are no numbers (float32, float16, ...)")


def chosen(names: Sequence[str], wanted: str, usual: Sequence[str], what: str) -> str:
    """The array or column of that name; without a name the one that is usually so called. Raises UsageError."""
    found = (wanted if wanted in names else None) if wanted else spelt(names, usual)
    if found is None:
        there = ", ".join(quoted(name, 40) for name in names[:12]) or "nothing"
        raise UsageError(
            f"it has no {what} called {quoted(wanted, 40)!r}; it has: {there}"
            if wanted
            else f"none of its {what}s is called {', '.join(usual[:5])}; it has: {there}; name one: vectors=NAME"
        )
    return found


def id_column(names: Sequence[str], wanted: str) -> str:
    """The column of ids; "" if there is none. Raises UsageError if a wanted one is not there."""
    return chosen(names, wanted, (), "column") if wanted else file_column(names) or spelt(names, _IDS) or ""


def as_texts(values: NDArray[Any]) -> list[str]:
    """The values of a column (n,) as text; [] for what is neither text nor numbers."""
    if values.dtype.kind == "S" or values.dtype.hasobject:
        return [value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in values]
    if values.dtype.kind in "Uiub":
        return [str(value) for value in values.astype(int if values.dtype.kind == "b" else values.dtype).tolist()]
    return [_number(value) for value in values.tolist()] if values.dtype.kind == "f" else []


def _number(value: float) -> str:
    return "" if math.isnan(value) else str(int(value)) if value.is_integer() else str(value)
