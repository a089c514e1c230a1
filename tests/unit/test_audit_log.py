"""The audit log: every line that is changed, removed, moved or cut off is found; what cannot be noted is said."""

from __future__ import annotations

import json
import os
import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom.sr.codedict import codes

from awaited import PATIENCE, eventually
from lookalike.audit_log.chain import Link
from lookalike.audit_log.events import AUDIT_KINDS, TERMS, AuditEvent
from lookalike.audit_log.fhir import fhir_event
from lookalike.audit_log.log import AuditLog, log_files
from lookalike.audit_log.place import AUDIT_KEY, AUDIT_LOG, AuditPlace, audit_place
from lookalike.audit_log.verify import audit_lines, verify_log
from lookalike.errors import AuditLogError, UsageError
from lookalike.verbs.audit_log import export_audit_log, verify_audit_log
from started import Started, ran


def event(number: int) -> AuditEvent:
    kind = AUDIT_KINDS[number % len(AUDIT_KINDS)]
    return AuditEvent(kind, f"käthe {number}", "key", "192.0.2.1", "done", "0" * 16, (f"{number:016x}",), (), {"k": 5})


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AuditPlace:
    monkeypatch.setenv("LOOKALIKE_CONFIG", str(tmp_path / "config"))
    found = audit_place(tmp_path / "log")
    assert found is not None
    return found


def written(place: AuditPlace, count: int, most_bytes: int = 1 << 20) -> AuditLog:
    log = AuditLog(place, most_bytes)
    for number in range(count):
        log.note(event(number))
    return log


def kinds(place: AuditPlace) -> set[str]:
    return {fault.kind for fault in verify_log(place).faults}


def test_what_was_noted_is_there_and_sound(place: AuditPlace) -> None:
    written(place, 20)
    written(place, 20)  # as another process would go on
    found = verify_log(place)
    assert (found.lines, found.first, found.last, found.faults, found.anchored) == (40, 1, 40, (), True)
    assert found.sound
    assert [line.fields["who"] for line in audit_lines(place) if line.fields][:2] == ["käthe 0", "käthe 1"]
    assert oct(log_files(place.folder)[0].stat().st_mode)[-3:] == "600"


def lines_of(place: AuditPlace) -> list[bytes]:
    return log_files(place.folder)[0].read_bytes().splitlines(keepends=True)


def rewrite(place: AuditPlace, lines: list[bytes]) -> None:
    log_files(place.folder)[0].write_bytes(b"".join(lines))


CHANGES: dict[str, tuple[Callable[[list[bytes]], list[bytes]], set[str]]] = {
    "a line removed": (lambda lines: lines[:4] + lines[5:], {"missing"}),
    "the first removed": (lambda lines: lines[1:], {"missing"}),
    "the last removed": (lambda lines: lines[:-1], {"truncated"}),
    "all removed": (lambda _: [], {"truncated"}),
    "two changed places": (lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]], {"missing", "order"}),
    "a line twice": (lambda lines: [*lines[:4], lines[3], *lines[4:]], {"order"}),
    "the last cut": (lambda lines: [*lines[:-1], lines[-1][:-9]], {"truncated"}),
    "the last without an end": (lambda lines: [*lines[:-1], lines[-1][:-1]], {"truncated"}),
    "a line put in": (lambda lines: [*lines[:4], b"{}\n", *lines[4:]], {"changed"}),
    "an empty line": (lambda lines: [*lines[:4], b"\n", *lines[4:]], {"changed"}),
    "a space": (lambda lines: [*lines[:4], lines[4].replace(b":", b": ", 1), *lines[5:]], {"changed"}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_done_to_it_is_found(place: AuditPlace, change: str) -> None:
    written(place, 10)
    how, wanted = CHANGES[change]
    rewrite(place, how(lines_of(place)))
    assert kinds(place) == wanted


def test_any_byte_that_is_another_is_found(place: AuditPlace) -> None:
    written(place, 6)
    whole, rng = b"".join(lines_of(place)), random.Random(0)
    for _ in range(300):
        at, bit = rng.randrange(len(whole)), 1 << rng.randrange(8)
        changed = bytearray(whole)
        changed[at] ^= bit
        log_files(place.folder)[0].write_bytes(changed)
        assert not verify_log(place).sound, (at, bit)
    log_files(place.folder)[0].write_bytes(whole)
    assert verify_log(place).sound


def test_who_has_no_key_makes_no_line(place: AuditPlace, tmp_path: Path) -> None:
    written(place, 5)
    forged = AuditPlace(place.folder, tmp_path / "other.head", b"0" * 32)
    with pytest.raises(AuditLogError, match="none that was written with this key"):
        AuditLog(forged).note(event(9))
    assert verify_log(place).sound


def test_a_log_that_was_put_back_as_a_whole_is_found_by_what_was_noted_elsewhere(place: AuditPlace) -> None:
    written(place, 5)
    files, head = lines_of(place), place.head.read_bytes()
    written(place, 5)
    end = verify_log(place).end
    rewrite(place, files)
    assert kinds(place) == {"truncated"}
    place.head.write_bytes(head)  # by who can write to the configuration as well
    assert verify_log(place).sound
    number, _, mac = end.partition(":")
    assert [f.kind for f in verify_log(place, expect=Link(int(number), mac)).faults] == ["not-expected"]
    written(place, 5)
    assert [f.kind for f in verify_log(place, expect=Link(int(number), mac)).faults] == ["not-expected"]


def test_the_chain_goes_on_from_file_to_file(place: AuditPlace) -> None:
    written(place, 30, most_bytes=1000)
    files = log_files(place.folder)
    assert len(files) > 5
    assert verify_log(place).sound
    files[2].unlink()
    assert kinds(place) == {"missing"}


def test_older_files_may_be_taken_away(place: AuditPlace) -> None:
    written(place, 30, most_bytes=1000)
    first, second, *_ = log_files(place.folder)
    first.unlink()
    assert kinds(place) == {"missing"}
    assert verify_log(place, first=int(second.stem.partition("-")[2])).sound


def test_a_line_that_was_being_written_never_counted(place: AuditPlace) -> None:
    written(place, 5)
    file = log_files(place.folder)[0]
    with file.open("ab") as opened:
        opened.write(b'{"n":6,"time":"20')
    assert verify_log(place).sound
    written(place, 1)
    assert verify_log(place).sound
    assert verify_log(place).last == 6


def test_what_was_cut_off_stays_to_be_seen_when_it_goes_on(place: AuditPlace) -> None:
    written(place, 10)
    for cut in (lambda lines: lines[:-3], lambda lines: [*lines[:-1], lines[-1][:-5]]):
        rewrite(place, cut(lines_of(place)))
        written(place, 2)
        assert "missing" in kinds(place)


MANY = """
import sys, threading
from pathlib import Path
from lookalike.audit_log.events import AuditEvent
from lookalike.audit_log.log import AuditLog
from lookalike.audit_log.place import audit_place
log = AuditLog(audit_place(sys.argv[1]), 20_000)
def note(name):
    for number in range(25):
        log.note(AuditEvent("search", name, detail={"number": number}))
threads = [threading.Thread(target=note, args=(f"{sys.argv[2]}-{i}",)) for i in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""


def test_many_threads_of_many_processes_append(place: AuditPlace) -> None:
    runs = [Started("-c", MANY, place.folder, number) for number in range(3)]
    assert [run.wait(300) for run in runs] == [0, 0, 0]
    found = verify_log(place)
    assert (found.lines, found.faults) == (300, ())
    each: dict[str, list[int]] = {}
    for line in audit_lines(place):
        assert line.fields is not None
        each.setdefault(line.fields["who"], []).append(line.fields["detail"]["number"])
    assert len(each) == 12
    assert all(numbers == list(range(25)) for numbers in each.values())


def test_threads_share_a_turn_of_the_disk(place: AuditPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is slow: those who come while it writes for the first one all wait for the next turn."""
    log, heads, begun = AuditLog(place), list[int](), threading.Event()
    note_head, fsync = AuditPlace.note_head, os.fsync

    def noted(self: AuditPlace, link: Link) -> None:
        heads.append(link.n)
        note_head(self, link)

    def slow(file: int) -> None:
        begun.set()
        eventually(lambda: heads or len(log._waiting) == 39, every=0.01)
        fsync(file)

    monkeypatch.setattr(AuditPlace, "note_head", noted)
    monkeypatch.setattr(os, "fsync", slow)
    threads = [threading.Thread(target=log.note, args=(event(number),)) for number in range(40)]
    for thread in threads:
        thread.start()
        assert begun.wait(PATIENCE)
    for thread in threads:
        thread.join()
    assert verify_log(place).lines == 40
    assert heads == [1, 40]


FULL = """
import resource, signal, sys
from lookalike.audit_log.events import AuditEvent
from lookalike.audit_log.log import AuditLog
from lookalike.audit_log.place import audit_place
from lookalike.errors import AuditLogError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log = AuditLog(audit_place(sys.argv[1]))
log.note(AuditEvent("search", "first"))
resource.setrlimit(resource.RLIMIT_FSIZE, (600, resource.RLIM_INFINITY))
for _ in range(3):
    try:
        log.note(AuditEvent("search", "second" * 50))
    except AuditLogError as error:
        print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
log.note(AuditEvent("search", "third"))
"""


def test_where_there_is_no_room_it_says_so_and_goes_on_when_there_is(place: AuditPlace) -> None:
    done = ran("-c", FULL, place.folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("cannot be noted in the audit log") == 3
    assert verify_log(place).sound
    assert [line.fields["who"] for line in audit_lines(place) if line.fields] == ["first", "third"]


def test_every_kind_has_a_code_of_dicom() -> None:
    named = {code.value: code.meaning for code in map(codes.DCM.__getattr__, codes.DCM.dir())}
    for kind, term in TERMS.items():
        assert named[term.code] == term.meaning, kind
        if term.subtype is not None:
            assert named[term.subtype[0]] == term.subtype[1], kind


def test_it_is_exported_as_fhir(place: AuditPlace, tmp_path: Path) -> None:
    written(place, len(AUDIT_KINDS))
    done = export_audit_log(tmp_path / "out.ndjson", place.folder)
    events = [json.loads(line) for line in (tmp_path / "out.ndjson").read_text("utf-8").splitlines()]
    assert (done.events, done.left_out) == (len(events), 0)
    assert [each["type"]["code"] for each in events] == [TERMS[kind].code for kind in AUDIT_KINDS]
    for number, each in enumerate(events):
        assert each["resourceType"] == "AuditEvent"
        assert each["action"] in "CRUDE"
        assert each["outcome"] == "0"
        assert each["recorded"].endswith("+00:00")
        (agent,) = each["agent"]
        assert agent["who"]["identifier"]["value"] == f"käthe {number}"
        assert agent["network"] == {"address": "192.0.2.1", "type": "2"}
        named = [entity["what"]["identifier"]["value"] for entity in each["entity"]]
        assert named == ["0" * 16, f"{number:016x}"]
    assert export_audit_log(tmp_path / "none.ndjson", place.folder, since="2999-01-01").events == 0
    assert fhir_event({**dict(events[0]), **next(line.fields for line in audit_lines(place) if line.fields)})


def test_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_CONFIG", str(tmp_path / "config"))
    found = audit_place()
    assert found is not None
    assert found.folder == tmp_path / "config" / "audit" / "log"
    assert oct((tmp_path / "config" / "audit" / "key").stat().st_mode)[-3:] == "600"
    monkeypatch.setenv(AUDIT_LOG, str(tmp_path / "elsewhere"))
    assert audit_place() == AuditPlace(tmp_path / "elsewhere", audit_place().head, found.key)  # type: ignore[union-attr]
    monkeypatch.setenv(AUDIT_KEY, "ab" * 32)
    assert audit_place().key == bytes.fromhex("ab" * 32)  # type: ignore[union-attr]
    monkeypatch.setenv(AUDIT_KEY, "no key")
    with pytest.raises(UsageError, match="64 hex digits"):
        audit_place()
    monkeypatch.setenv(AUDIT_LOG, "off")
    monkeypatch.delenv(AUDIT_KEY)
    assert audit_place() is None
    with pytest.raises(UsageError, match="is off"):
        verify_audit_log()
    with pytest.raises(UsageError, match="no audit log lies"):
        verify_audit_log(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="NUMBER:CODE"):
        verify_audit_log(expect="5")
