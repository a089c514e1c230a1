"""Who may ask a served gallery for what; by itself, so that the command can name the roles and load nothing for it."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

Role: TypeAlias = Literal["reader", "contributor", "admin"]
"""Each may do all that those before it may."""

ROLES: Final[tuple[Role, ...]] = get_args(Role)
