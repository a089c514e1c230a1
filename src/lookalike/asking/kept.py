"""What is made from a gallery once and kept beside its indexes: a file that only saves time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from lookalike.atomic import write_atomically

_T = TypeVar("_T")


def kept_fields(
    path: Path, made_of: Any, make: Callable[[], dict[str, Any]], read: Callable[[dict[str, Any]], _T], *, keep: bool
) -> _T:
    """What ``read`` makes of the fields of a file that is whole and was made of this; else the fields are made. keep:
    write them. read: raises ValueError, TypeError or KeyError for fields that were never made so: the
    checksum of a file of somebody else's gallery fits whatever it holds.
    """
    with suppress(OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError):
        found = json.loads(path.read_text("utf-8"))
        if found.pop("sha256") == _digest(found) and found["made_of"] == made_of:
            return read(found)
    fields = {"made_of": made_of, **make()}
    with suppress(OSError):  # the disk may be full
        if not keep:
            return read(fields)
        path.parent.mkdir(exist_ok=True)
        write_atomically(path, json.dumps({**fields, "sha256": _digest(fields)}).encode())
    return read(fields)


def finite(numbers: Any, dtype: DTypeLike) -> NDArray[Any]:
    """Numbers (n,) of such fields as an array. Raises ValueError, TypeError or OverflowError for anything else."""
    found = np.array(numbers, dtype)
    if found.ndim != 1 or not np.isfinite(found).all():
        raise ValueError("not a row of finite numbers")
    return found


def _digest(fields: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
