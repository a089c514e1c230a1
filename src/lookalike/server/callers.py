"""Callers: who they are, what they may do, and with which records."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from lookalike.audit_log.events import Means
from lookalike.errors import ForbiddenError
from lookalike.roles import ROLES, Grant, Role, includes


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated client. name: its own for good, by which uploads and jobs are its; shown: for people. means: how
    it is known. acting: the role that it acts in, which says what it sees.
    """

    name: str
    grants: tuple[Grant, ...]
    means: Means = "key"
    shown: str = ""
    acting: Role = "reader"

    @property
    def role(self) -> Role:
        """The highest of its roles."""
        return max((grant.role for grant in self.grants), key=ROLES.index)

    def may(self, role: Role) -> bool:
        """Whether a role is among the caller's, for some records at least."""
        return any(includes(grant.role, role) for grant in self.grants)

    def acts(self, role: Role) -> Self:
        """The caller in a role, which it has."""
        return replace(self, acting=role)

    @property
    def known_as(self) -> str:
        """The caller, for a message."""
        return self.shown or f"the key {self.name}"

    @property
    def signs(self) -> str:
        """As whom the caller changes something, for logs that people read."""
        return f"{self.shown} ({self.name})" if self.shown else self.name

    @property
    def part(self) -> tuple[str, ...] | None:
        """The filters of which a record has to satisfy one to be there for the caller in this role; None for all."""
        found = tuple(dict.fromkeys(grant.where for grant in self.grants if includes(grant.role, self.acting)))
        return None if "" in found else found

    def whole(self) -> Self:
        """The caller, if all records are there for it in this role. Raises ForbiddenError."""
        if self.part is not None:
            raise ForbiddenError(
                f"this concerns the whole gallery, and {self.known_as} sees a part of it only", "collection"
            )
        return self
