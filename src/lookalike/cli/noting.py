"""Note in the audit log what was done at the command line that changes, shows or erases what is a patient's."""

from __future__ import annotations

import getpass
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lookalike.audit_log.events import AuditKind
    from lookalike.gallery import Gallery


def note_command(
    kind: AuditKind, gallery: Gallery, records: Iterable[str] = (), patients: Iterable[str] = (), **detail: str | int
) -> None:
    """Note what was done, as whom the system says. Raises AuditLogError: it was done, and is not noted."""
    from lookalike.verbs.audit_log import note_in_audit_log

    note_in_audit_log(gallery, kind, command_user(), records=tuple(records), patients=tuple(patients), detail=detail)


def command_user() -> str:
    """Who runs the command, by the system's name for them; "" where it has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
