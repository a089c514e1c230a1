"""The roles of callers of the server, in a module of their own, so that a command can name them at no cost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

Role: TypeAlias = Literal["reader", "contributor", "admin"]
"""Each role includes all roles before it."""

ROLES: Final[tuple[Role, ...]] = get_args(Role)


def includes(role: Role, other: Role) -> bool:
    """Whether a role includes another one."""
    return ROLES.index(role) >= ROLES.index(other)


@dataclass(frozen=True, slots=True)
class Grant:
    """What somebody may do, and with which records: those that satisfy a filter, all where it is "". gallery: the name
    of the one that it is for, any where it is "".
    """

    role: Role
    where: str = ""
    gallery: str = ""


def grants_in(grants: Iterable[Grant], gallery: str) -> tuple[Grant, ...]:
    """Those that are for a gallery of this name."""
    return tuple(grant for grant in grants if grant.gallery in ("", gallery))
