"""Plug-ins by entry point: this package's are declared exactly like third parties'.

No failure of a plug-in while it is loaded affects the others: one that cannot be used is set aside with the reason.
This package's come first, so that a third party's name never replaces one of them.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, EntryPoint, entry_points
from typing import Any, Final

from lookalike.errors import LookalikeError, UsageError

OURS: Final = "lookalike"
"""The distribution that declares our own plug-ins."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A plug-in that cannot be used. reason: what is wrong and which distribution declares it, on one line."""

    name: str
    reason: str


def plugin_names(group: str) -> list[str]:
    """The names declared in an entry point group: ours in alphabetical order, then all others."""
    return list(_declared(group))


def distribution_of(group: str, name: str) -> str:
    """The installed distribution that declares a plug-in."""
    return _distribution(_declared(group)[name])


def load_plugin(group: str, name: str, members: Sequence[str] = ()) -> Any:
    """The object behind one name. members: the names of the attributes that it must have.

    Raises UsageError if there is none of that name (it says the nearest), or if it cannot be used.
    """
    declared, kind = _declared(group), group.rpartition(".")[2].removesuffix("s")
    if name not in declared:
        raise UsageError(f"no {kind} is called {name!r}.{suggestion(name, declared)}")
    found = inspect_plugin(group, name, members)
    if isinstance(found, Broken):
        raise unusable(kind, found)
    return found


def inspect_plugin(group: str, name: str, members: Sequence[str] = ()) -> Any:
    """The object behind a declared name, or ``Broken`` if it cannot be used."""
    point = _declared(group)[name]
    try:
        found = point.load()
    except (Exception, SystemExit) as error:  # whatever a third-party module does when it is imported
        return raised(name, error, f"when {point.value} was imported", _distribution(point))
    return lacking(found, name, members, _distribution(point)) or found


def load_plugins(group: str, members: Sequence[str] = ()) -> dict[str, Any]:
    """Every object of a group that can be used, by name, in the order of ``plugin_names``."""
    found = {name: inspect_plugin(group, name, members) for name in _declared(group)}
    return {name: each for name, each in found.items() if not isinstance(each, Broken)}


def broken_plugins(group: str, members: Sequence[str] = ()) -> tuple[Broken, ...]:
    """The plug-ins of a group that cannot be used, and those whose name another has taken before them."""
    found = (inspect_plugin(group, name, members) for name in _declared(group))
    taken = (
        defect(point.name, "another plug-in has that name", _distribution(point))
        for point in _points(group)
        if point != _declared(group)[point.name]
    )
    return (*(each for each in found if isinstance(each, Broken)), *taken)


def unusable(kind: str, broken: Broken) -> UsageError:
    """The error for the use of a broken plug-in."""
    return UsageError(
        f"the {kind} {broken.name!r} cannot be used: {broken.reason}; repair or remove that distribution, "
        f"or choose another {kind}"
    )


@contextmanager
def guarded(kind: str, name: str, distribution: str, when: str) -> Iterator[None]:
    """Guard a call into a plug-in: its LookalikeErrors pass, any other exception becomes a UsageError of one line."""
    try:
        yield
    except LookalikeError:
        raise
    except Exception as error:
        raise unusable(kind, raised(name, error, when, distribution)) from error


def defect(name: str, what: str, distribution: str) -> Broken:
    """What is wrong with a plug-in, worded for listings and messages."""
    return Broken(name, f"{what}; distribution {distribution or 'unknown'}")


def raised(name: str, error: BaseException, when: str, distribution: str) -> Broken:
    """A plug-in that raised. Only the exception's class is reported: its message may contain anything."""
    return defect(name, f"{type(error).__name__} {when}", distribution)


def lacking(found: Any, name: str, members: Sequence[str], distribution: str) -> Broken | None:
    """``Broken`` if an object has not all of these attributes; none of them is read."""
    missing = [member for member in members if member not in dir(found)]
    if not missing:
        return None
    return defect(name, f"a {type(found).__name__} without {', '.join(missing)}", distribution)


def suggestion(name: str, known: Iterable[str]) -> str:
    """A sentence for an error: the nearest known name, or all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f" Did you mean {near[0]!r}?" if near else f" Known: {', '.join(names) or 'none'}."


def _points(group: str) -> list[EntryPoint]:
    def ours_first(point: EntryPoint) -> tuple[bool, str, str]:
        return _distribution(point) != OURS, point.name, _distribution(point)

    return sorted(entry_points(group=group), key=ours_first)


@cache
def _declared(group: str) -> dict[str, EntryPoint]:
    declared: dict[str, EntryPoint] = {}
    for point in _points(group):
        declared.setdefault(point.name, point)
    return declared


def _distribution(point: EntryPoint) -> str:
    return "" if point.dist is None else _name(point.dist)


@cache
def _name(distribution: Distribution) -> str:
    """Read once: each time, a distribution parses all of what it says of itself."""
    return distribution.name
