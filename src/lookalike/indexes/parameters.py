"""An index by its kind and its parameters: ``hnsw:m=16,ef_search=64``, ``lsh:bits=512``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from lookalike.errors import UsageError
from lookalike.indexes import Index
from lookalike.indexes.approximate import HNSWIndex, LSHIndex
from lookalike.indexes.recipes import HNSW, LSH, Recipe
from lookalike.plugins import load_plugin, plugin_names, suggestion

_GROUP: Final = "lookalike.indexes"
PARAMETERS: Final[Mapping[str, Mapping[str, tuple[int, int]]]] = {
    "hnsw": {"m": (2, 256), "ef_construction": (2, 4096), "ef_search": (1, 65536)},
    "lsh": {"bits": (8, 65536)},
}
"""The parameters of the kinds that have any, with the least and the greatest value."""


def made_index(kind: str, dim: int) -> Index:
    """An empty index of a kind, with the parameters that follow its name. Raises UsageError."""
    checked_index(kind)
    name, _, given = kind.partition(":")
    if not given:
        found: Index = load_plugin(_GROUP, name)(dim)
        return found
    return _KINDS[name](_values(name, given), dim)


def checked_index(kind: str) -> None:
    """Raise UsageError for a kind or a parameter that is not known."""
    name, _, given = kind.partition(":")
    if name not in (known := plugin_names(_GROUP)):
        raise UsageError(f"no index is called {name!r}.{suggestion(name, known)}")
    if given:
        _values(name, given)


def _values(name: str, given: str) -> dict[str, int]:
    known = PARAMETERS.get(name)
    if known is None:
        raise UsageError(f"an index of the kind {name!r} has no parameters; these have: {', '.join(PARAMETERS)}")
    values = {}
    for part in given.split(","):
        match = re.fullmatch(r"(\w+)=(\d{1,6})", part)
        if match is None or match[1] not in known:
            raise UsageError(f"{name} takes {', '.join(f'{each}=NUMBER' for each in known)}; got {part!r}")
        least, most = known[match[1]]
        if not least <= int(match[2]) <= most:
            raise UsageError(f"{match[1]} of {name} is from {least} to {most}, got {match[2]}")
        values[match[1]] = int(match[2])
    return values


def _hnsw(values: Mapping[str, int], dim: int) -> Index:
    graph: dict[str, Any] = {key: value for key, value in values.items() if key != "m"}
    factory = f"HNSW{values['m']},Flat" if "m" in values else HNSW.factory
    return _with(HNSWIndex, replace(HNSW, factory=factory, **graph), dim)


def _lsh(values: Mapping[str, int], dim: int) -> Index:
    return _with(LSHIndex, replace(LSH, bits=values["bits"]), dim)


def _with(kind: type[Any], own: Recipe, dim: int) -> Index:
    class Parametrised(kind):  # type: ignore[misc]
        recipe = own

    found: Index = Parametrised(dim)
    return found


_KINDS: Final = {"hnsw": _hnsw, "lsh": _lsh}
