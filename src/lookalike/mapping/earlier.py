"""Maps that an earlier version kept: JSON, without keys and groups. They are shown on as they were: a map that was
drawn anew would look another one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from lookalike.mapping.groups import find_groups
from lookalike.mapping.kept import MapDrawing, id_bytes
from lookalike.store import Store
from lookalike.store.rows import keys_by_id

_FORM: Final = 1  # of the file


def read_earlier(path: Path, made_of: Mapping[str, Any], store: Store, seed: int) -> MapDrawing | None:
    """The map, with the groups that show in it, if its file is intact, was made from exactly this, and all its records
    are there; otherwise None.
    """
    try:
        told = json.loads(path.read_bytes())
        drawn = told["map"]
        whole = told["made_of"] == made_of and told["sha256"] == _digest(made_of, drawn)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    if not whole or not _is_map(drawn):
        return None
    with store.begin() as connection:
        known = keys_by_id(connection, drawn["ids"])
    if len(known) < len(drawn["ids"]):
        return None
    keys = np.array([known[identity] for identity in drawn["ids"]], np.int64)
    plane = np.array([drawn["x"], drawn["y"]], np.float32).T
    return MapDrawing(keys, id_bytes(drawn["ids"]), plane, find_groups(plane, seed), drawn["parameters"])


def _digest(made_of: Mapping[str, Any], drawn: Any) -> str:
    return hashlib.sha256(json.dumps([_FORM, made_of, drawn], sort_keys=True).encode()).hexdigest()


def _is_map(drawn: Any) -> bool:
    """Whether a stored map is one: the checksum of a file of somebody else's gallery fits whatever it holds."""
    match drawn:
        case {"ids": [*ids], "x": [*x], "y": [*y], "parameters": {}} if len(ids) == len(x) == len(y):
            placed = all(isinstance(at, float) and 0 <= at <= 1 for at in (*x, *y))
            return placed and all(isinstance(one, str) for one in ids)
    return False
