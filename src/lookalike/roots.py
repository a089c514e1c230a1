"""Folders whose files may be opened, and buckets: what lies in them, and few of them for many links."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

_MANY: Final = 64  # folders that links lead to, above which those that lie together count as one
_HIGHEST: Final = 4  # parts of the shortest path that may stand for folders below it: /home/user/x, never /home/user


def folders_of(paths: Iterable[str], given: Collection[str]) -> set[str]:
    """The few folders that hold these real paths and are not below the given ones: where links led to."""
    roots = set(given)
    folders = {os.path.dirname(path) for path in paths if path not in roots}  # noqa: PTH120 - of many paths
    outside = {folder for folder in folders if not lies_within(Path(folder), roots)}
    while len(outside) > _MANY:
        depth = max(len(Path(folder).parts) for folder in outside)
        if depth <= _HIGHEST:
            break
        outside = {str(Path(folder).parent) if len(Path(folder).parts) == depth else folder for folder in outside}
    return outside


def lies_within(path: Path, roots: Collection[str]) -> bool:
    """Whether a real path is one of the roots, or lies in one."""
    return any(str(each) in roots for each in (path, *path.parents))


def outermost(roots: Collection[str]) -> tuple[str, ...]:
    """The roots without those that lie in others."""
    inner = {root for root in roots if root != os.sep and lies_within(Path(root).parent, roots)}
    return tuple(sorted({*roots} - inner))


def lies_below(uri: str, outer: str) -> bool:
    """Whether a URI is another one, or lies below it."""
    return f"{uri}/".startswith(f"{outer}/")


def outermost_uris(uris: Collection[str]) -> tuple[str, ...]:
    """The URIs without those that lie below others."""
    return tuple(sorted(uri for uri in {*uris} if not any(lies_below(uri, each) for each in {*uris} - {uri})))
