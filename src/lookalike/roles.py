"""The roles of callers of the server, in a module of their own, so that a command can name them at no cost."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

Role: TypeAlias = Literal["reader", "contributor", "admin"]
"""Each role includes all roles before it."""

ROLES: Final[tuple[Role, ...]] = get_args(Role)
