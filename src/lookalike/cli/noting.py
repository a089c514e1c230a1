"""Note in the audit log what was done at the command line that brings, changes, gives away or erases what is a
patient's.
"""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from lookalike.audit_log.events import AuditKind
    from lookalike.gallery import Gallery

NOTED: Final[Mapping[str, AuditKind | None]] = {
    "index": "import",
    "pull": "import",
    "receive": "import",
    "send": "export",
    "adapt": "compute",
    "tune": "compute",
    "erase": "erase",
    "keys add": "change-keys",
    "keys remove": "change-keys",
    "records label": "label",
    "records import": "label",
    "records undo": "label",
    **dict.fromkeys(
        ["readings start", "readings close", "readings give", "readings adjudicate", "readings remove"], "label"
    ),
    **dict.fromkeys(["decisions make", "decisions undo"], "label"),
    "records report": "look",
    "records export": "export",
    "cohort export": "export",
    "records remove": "erase",
    **dict.fromkeys(["cohort save", "cohort combine", "cohort split", "cohort remove"], "change-gallery"),
    "gallery adopt": "change-gallery",
    "gallery migrate": "change-gallery",
    "gallery relocate": "change-gallery",
    "gallery rename": "change-gallery",
    "gallery copy": "export",
    "gallery merge": "import",
    "gallery key": "export",
    "gallery backup": "export",
    "gallery restore": "import",
    # Who runs these reads the gallery's folder and its files anyway, and nothing of it changes or leaves by them
    **dict.fromkeys(["search", "classify", "draft", "map", "evaluate", "records study", "records timeline"]),
    **dict.fromkeys(
        ["audit confounds", "audit duplicates", "audit outliers", "audit metadata", "audit quality", "audit drift"]
    ),
    **dict.fromkeys(["records list", "records show", "records next", "records log", "cohort list", "cohort show"]),
    **dict.fromkeys(["readings own", "readings readers", "readings rounds", "readings list", "readings agreement"]),
    "decisions list": None,
    **dict.fromkeys(["gallery info", "gallery verify", "gallery schedules", "gallery backups", "keys list", "doctor"]),
    **dict.fromkeys(["gallery list", "jobs list", "jobs show"]),
    # A service, and mcp, note each request; the log is no gallery; the rest is of no gallery, or of one of its own
    **dict.fromkeys(["serve", "mcp", "audit-log verify", "audit-log export", "config check", "config show", "demo"]),
    **dict.fromkeys(["encoders list", "encoders pull", "encoders verify", "encoders export", "encoders runtimes"]),
    **dict.fromkeys(["benchmark encoders", "benchmark index"]),
}
"""Every command -> as what it is noted; None: it is not."""


def note_command(
    kind: AuditKind, gallery: Gallery, records: Iterable[str] = (), patients: Iterable[str] = (), **detail: str | int
) -> None:
    """Note what was done, as whom the system says. Raises AuditLogError: it was done, and is not noted."""
    from lookalike.verbs.audit_log import note_in_audit_log

    note_in_audit_log(gallery, kind, command_user(), records=tuple(records), patients=tuple(patients), detail=detail)


@contextmanager
def noted_import(gallery: Gallery, what: str) -> Iterator[Callable[[], None]]:
    """Note how many records have come into a gallery within, however it ends. Yields what notes those that have come
    so far, if any have. Raises AuditLogError.
    """
    before, noted = gallery.store.count(), False

    def note() -> None:
        nonlocal before, noted
        if (count := gallery.store.count()) != before:
            note_command("import", gallery, what=what, added=count - before)
            before, noted = count, True

    try:
        yield note
    except BaseException:
        note()
        raise
    note()
    if not noted:
        note_command("import", gallery, what=what, added=0)


def command_user() -> str:
    """Who runs the command, by the system's name for them; "" where it has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
