"""Plug-ins by entry point: ours are declared exactly like a third party's."""

from __future__ import annotations

import difflib
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from lookalike.errors import UsageError


@cache
def _declared(group: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in sorted(entry_points(group=group), key=lambda point: point.name)}


def plugin_names(group: str) -> list[str]:
    """The names declared in an entry point group, in alphabetical order."""
    return list(_declared(group))


def load_plugin(group: str, name: str) -> Any:
    """The object behind one name. Raises UsageError, with the nearest name, if there is none."""
    declared = _declared(group)
    if name not in declared:
        kind = group.rpartition(".")[2].removesuffix("s")
        raise UsageError(f"no {kind} is called {name!r}.{suggestion(name, declared)}")
    return declared[name].load()


def load_plugins(group: str) -> dict[str, Any]:
    """Every object of a group, by name."""
    return {name: point.load() for name, point in _declared(group).items()}


def suggestion(name: str, known: Any) -> str:
    """A sentence for an error: the nearest known name, or all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f" Did you mean {near[0]!r}?" if near else f" Known: {', '.join(names) or 'none'}."
