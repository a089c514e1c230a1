"""Verify the audit log: every line as it was written, in its order, none missing, up to the head."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from lookalike.audit_log.chain import BEGINNING, Link, link_of, read_line
from lookalike.audit_log.log import log_files
from lookalike.audit_log.place import AuditPlace

FaultKind: TypeAlias = Literal["changed", "missing", "order", "chain", "truncated", "not-expected"]
_MOST: Final = 1000  # faults that are listed


@dataclass(frozen=True, slots=True)
class AuditFault:
    """kind: changed (a line is not as it was written), missing (lines between two), order (a line stands where an
    earlier number is due), chain (a line that follows another one than it was written after), truncated (the last lines
    are gone), not-expected (the line that was noted elsewhere is another one, or not there). file, line: where, from 1.
    """

    kind: FaultKind
    file: str
    line: int
    detail: str


@dataclass(frozen=True, slots=True)
class AuditVerified:
    """lines: that are sound. first, last: their numbers. since, until: their times. end: the number and the code of the
    last one, to be noted where whoever can write to this machine cannot: with it a later log is compared (``expect``).
    anchored: whether the head was there, by which the end is known.
    """

    lines: int
    files: int
    first: int
    last: int
    since: str
    until: str
    end: str
    anchored: bool
    faults: tuple[AuditFault, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is amiss."""
        return not self.faults


@dataclass(frozen=True, slots=True)
class AuditLine:
    """A line as it stands. fields: None where it is not as it was written. whole: whether it is ended: the last one may
    be in the course of being written, and counts by the head.
    """

    file: str
    line: int
    fields: dict[str, Any] | None
    whole: bool = True


def audit_lines(place: AuditPlace) -> Iterator[AuditLine]:
    """Every line, oldest first."""
    for file in log_files(place.folder):
        yield from _lines_of(file, place.key)


def _lines_of(file: Path, key: bytes) -> Iterator[AuditLine]:
    with file.open("rb") as opened:
        for number, line in enumerate(opened, 1):
            whole = line.endswith(b"\n")
            yield AuditLine(file.name, number, read_line(line[:-1], key) if whole else None, whole)


def verify_log(place: AuditPlace, *, first: int = 1, expect: Link | None = None) -> AuditVerified:
    """Verify a log. first: the number that it begins with, where older files were taken away. expect: the end of an
    earlier verification, which must stand in it.
    """
    head = place.noted_head()  # before the lines: more of them may come meanwhile
    walk = _Walk(Link(first - 1, "") if first > 1 else BEGINNING, expect)
    for line in audit_lines(place):
        walk.take(line)
    walk.end(head)
    return walk.verified(len(log_files(place.folder)), anchored=head is not None)


class _Walk:
    """The lines one after the other. due: where the chain is."""

    def __init__(self, due: Link, expect: Link | None) -> None:
        self._due, self._expect = due, expect
        self._faults: list[AuditFault] = []
        self._sound, self._first, self._times = 0, 0, ("", "")
        self._last = AuditLine("", 0, None)
        self._skipped = 0  # lines before that cannot be read

    def take(self, line: AuditLine) -> None:
        self._last = line
        if line.fields is None:
            if line.whole:
                self._fault("changed", line, "the line is not as it was written")
                self._skipped += 1
            return
        found = link_of(line.fields)
        self._compare(line, found, str(line.fields["before"]))
        if self._expect is not None and found.n == self._expect.n:
            if found != self._expect:
                self._fault("not-expected", line, f"line {found.n} is another one than was noted")
            self._expect = None
        self._due, self._skipped = found, 0
        self._sound, self._first = self._sound + 1, self._first or found.n
        self._times = self._times[0] or str(line.fields["time"]), str(line.fields["time"])

    def _compare(self, line: AuditLine, found: Link, before: str) -> None:
        gap = found.n - self._due.n - 1
        if gap < 0:
            self._fault("order", line, f"line {found.n} stands after line {self._due.n}")
        elif gap > self._skipped:
            self._fault("missing", line, f"{gap} lines before line {found.n} are not there")
        elif not gap and self._due.mac and before != self._due.mac:
            self._fault("chain", line, f"line {found.n} was written after another one than stands before it")

    def end(self, head: Link | None) -> None:
        if head is not None and self._due.n < head.n:
            gone = head.n - self._due.n
            self._fault("truncated", self._last, f"the last {gone} lines, up to line {head.n}, are not there")
        elif head is not None and self._due.n == head.n and self._due.mac != head.mac:
            self._fault("chain", self._last, f"line {head.n} is another one than was written")
        if self._expect is not None:
            self._fault("not-expected", self._last, f"line {self._expect.n}, which was noted, is not there")

    def _fault(self, kind: FaultKind, line: AuditLine, detail: str) -> None:
        if len(self._faults) < _MOST:
            self._faults.append(AuditFault(kind, line.file, line.line, detail))

    def verified(self, files: int, *, anchored: bool) -> AuditVerified:
        last = self._due if self._sound else BEGINNING
        return AuditVerified(
            self._sound, files, self._first, last.n, *self._times, str(last), anchored, tuple(self._faults)
        )
