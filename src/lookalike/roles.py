"""Who may ask a served gallery for what. By itself, as the command names the roles in its help and loads nothing for it."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

Role: TypeAlias = Literal["reader", "contributor", "admin"]
"""Each may do all that those before it may."""

ROLES: Final[tuple[Role, ...]] = get_args(Role)
