"""audit-log: verify who did what, and export it in the words of DICOM and FHIR."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lookalike.atomic import write_atomically
from lookalike.audit_log.chain import Link
from lookalike.audit_log.events import AuditEvent, AuditKind
from lookalike.audit_log.fhir import fhir_event
from lookalike.audit_log.log import AuditLog
from lookalike.audit_log.place import AuditPlace, audit_place
from lookalike.audit_log.verify import AuditVerified, audit_lines, verify_log
from lookalike.errors import UsageError
from lookalike.gallery import Gallery
from lookalike.text import absolute

_LINK: Final = re.compile(r"([1-9][0-9]{0,15}):([0-9a-f]{64})")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.+]+)?")


@dataclass(frozen=True, slots=True)
class AuditExport:
    """events: how many were written, a FHIR AuditEvent a line. left_out: lines that are not as they were written."""

    events: int
    left_out: int
    file: str


def verify_audit_log(
    folder: str | os.PathLike[str] | None = None, *, expect: str | None = None, first: int = 1
) -> AuditVerified:
    """Verify that every line is as it was written, in its order, and none is missing.

    folder: of the log, by default where a service keeps it. expect: the ``end`` of an earlier verification, which must
    stand in it: so a log that was put back as a whole is found, too. first: the number of the line that it begins with,
    where older files were taken away. Raises UsageError, GalleryError.
    """
    link = None
    if expect is not None:
        if (found := _LINK.fullmatch(expect.strip())) is None:
            raise UsageError(f"what is expected is the end that verify printed, NUMBER:CODE; got {expect!r}")
        link = Link(int(found[1]), found[2])
    if first < 1:
        raise UsageError(f"lines are counted from 1, got {first}")
    return verify_log(_place(folder), first=first, expect=link)


def export_audit_log(
    out: str | os.PathLike[str],
    folder: str | os.PathLike[str] | None = None,
    *,
    since: str | None = None,
    until: str | None = None,
) -> AuditExport:
    """Write the log as FHIR R4 AuditEvent resources (NDJSON), as IHE's Basic Audit Log Patterns have them, with the
    codes of DICOM PS3.15 A.5. since, until: times (UTC) such as 2027-01-31 or 2027-01-31T12:00, until excluded.

    Raises UsageError, GalleryError.
    """
    for given in (since, until):
        if given is not None and not _DAY.fullmatch(given):
            raise UsageError(f"a time is given as 2027-01-31 or 2027-01-31T12:00 (UTC); got {given!r}")
    lines, left_out, path = list[str](), 0, absolute(out)
    for line in audit_lines(_place(folder)):
        if line.fields is None:
            left_out += line.whole
        elif (since or "") <= line.fields["time"] < (until or "~"):
            lines.append(json.dumps(fhir_event(line.fields), ensure_ascii=False))
    try:
        write_atomically(path, "".join(f"{line}\n" for line in lines).encode(), 0o600)
    except OSError as error:
        raise UsageError(f"{out} cannot be written ({error.strerror}); name another file") from None
    return AuditExport(len(lines), left_out, str(path))


def note_in_audit_log(
    gallery: Gallery,
    kind: AuditKind,
    who: str,
    *,
    records: tuple[str, ...] = (),
    patients: tuple[str, ...] = (),
    detail: Mapping[str, str | int] | None = None,
) -> None:
    """Note what somebody did at the command line; not where the log is off. Raises AuditLogError."""
    if (place := audit_place()) is not None:
        event = AuditEvent(
            kind, who, "command", gallery=gallery.store.id, records=records, patients=patients, detail=detail or {}
        )
        AuditLog(place).note(event)


def _place(folder: str | os.PathLike[str] | None) -> AuditPlace:
    if folder is not None and not Path(absolute(folder)).is_dir():
        raise UsageError(f"no audit log lies in {folder}; name its folder")
    place = audit_place(folder)
    if place is None:
        raise UsageError("the audit log is off (LOOKALIKE_AUDIT_LOG); name the folder of one")
    return place
