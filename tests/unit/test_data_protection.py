"""docs/data-protection.md lists every table and every file that there is, and nothing else."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import inspect

import lookalike
from conftest import texture, write_pictures
from dicoms import SECONDARY_CAPTURE, data_set, save
from lookalike.asking.background import space_background
from lookalike.audit_log.events import AuditEvent
from lookalike.audit_log.log import AuditLog
from lookalike.audit_log.place import audit_place
from lookalike.backups import BackupEntry, note_backups
from lookalike.erasing.sources import bringing
from lookalike.gallery import INBOX, Gallery
from lookalike.key_uses import KeyUses
from lookalike.mapping.kept import MAPS_KEPT
from lookalike.private_files import CONFIG
from lookalike.receiving.folder import LOCK, move_apart, waiting_series
from lookalike.receiving.inbox import Inbox
from lookalike.receiving.known import KnownObjects
from lookalike.receiving.objects import ObjectHead
from lookalike.schedules import start_due
from lookalike.server.jobs.cohort import MOST_PACKED, packed_cohort
from lookalike.server.people import PeopleSettings
from lookalike.server.uploads import store as uploads
from lookalike.sources.inbox import InboxSource
from lookalike.store import verified
from lookalike.store.database import FILE
from lookalike.store.jobs import add_job
from lookalike.store.place import STORE_FILE
from lookalike.store.schema import METADATA
from lookalike.verbs.keys import add_key
from lookalike.verbs.map import map_gallery
from pages import ROOT, rows_under, text_of

PAGE = "data-protection.md"
DATABASE, FILES, CONFIGURATION = "The database of a gallery", "The files of a gallery", "The user's configuration"


def test_every_table_is_told_with_every_column(used: Used) -> None:
    told = {row["Table"].strip("`"): row["Columns"].split(", ") for row in rows_under(PAGE, DATABASE)}
    with used.gallery.store.begin() as connection:
        seen = inspect(connection)
        there = {name: sorted(column["name"] for column in seen.get_columns(name)) for name in seen.get_table_names()}
    there.setdefault("writes", ["number"])  # of galleries in PostgreSQL alone
    assert {name: sorted(columns) for name, columns in told.items()} == there
    assert set(METADATA.tables) <= set(told)
    assert all(row["Holds"] and row["Kind"] for row in rows_under(PAGE, DATABASE))


@dataclass(frozen=True)
class Used:
    """A gallery that was used in every way that leaves files. files: of its folder; configuration: of that folder."""

    gallery: Gallery
    files: frozenset[str]
    configuration: frozenset[str]


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Used]:
    root = tmp_path_factory.mktemp("used")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CONFIG, str(root / "config"))
        patch.setattr(verified, "LEAST_BELIEVED", 1)  # as a large gallery
        with lookalike.open(root / "g", create=True, linked=True) as gallery:
            folder = write_pictures(root / "pictures")
            lookalike.index(gallery, [folder, _dicom(root / "one.dcm")], labels=folder / "labels.csv", patches=True)
            first = next(iter(gallery.store.records().values())).id
            lookalike.search(gallery, id=first, where="not label=x")
            space_background(gallery, "base", whole=True)
            lookalike.adapt(gallery, "linear", kind="linear")
            map_gallery(gallery, method="tsne")
            _upload(gallery, root)
            packed_cohort(
                gallery, {"job": "one", MOST_PACKED: 1 << 30, "burned_in": "keep"}, lambda _done, _total: None
            )
            waiting = _receive(gallery)
            _note(gallery)
            yield Used(gallery, frozenset(waiting | _below(gallery.folder)), frozenset(_below(root / "config")))


def _dicom(path: Path) -> Path:
    said = {"PatientID": "P", "StudyInstanceUID": "1.2.1", "SeriesInstanceUID": "1.2.2", "SOPInstanceUID": "1.2.3"}
    return save(data_set(texture(9), StudyDate="20200102", Modality="CR", **said), path)


def _upload(gallery: Gallery, root: Path) -> None:
    """What a job that indexes uploads does."""
    with bringing(gallery) as sources:
        (sources / "job").mkdir()
        save(data_set(texture(10), SOPInstanceUID="1.2.4"), sources / "job" / "upload.dcm")
        add_job(gallery.store, "index", {"sources": [str(sources / "job")]}, "key")


def _receive(gallery: Gallery) -> set[str]:
    """Objects in each place of an inbox; the files while one of them is read."""
    inbox = Inbox(gallery.folder / INBOX, b"key", 1 << 30)
    (inbox.folder / LOCK).touch()
    for number in range(3):
        sink = inbox.open(ObjectHead(SECONDARY_CAPTURE, f"1.3.{number}", "1.2.840.10008.1.2.1"))
        sink.write(memoryview(b"\x00" * 64))
        if number < 2:
            sink.keep()
    one, two = waiting_series(inbox.folder)
    KnownObjects(inbox.folder).add(one, "item")
    move_apart(inbox.folder, two.files[0])
    source = InboxSource(inbox.folder, 0.0, listed=(one,))
    with source.fetch(next(iter(source.items()))):
        return _below(gallery.folder)


def _note(gallery: Gallery) -> None:
    """What is noted in the configuration."""
    identity = gallery.store.id
    add_key(gallery, "reader", role="reader")
    uses = KeyUses(identity)
    uses.note("0" * 64)
    uses.write()
    note_backups(identity, [BackupEntry("b", "/elsewhere", time.time())])
    start_due(identity, {"backup": "every 6 hours"}, time.time(), lambda _kind: True)
    place = audit_place()
    assert place is not None
    AuditLog(place).note(AuditEvent("look", "somebody"))


def test_every_file_of_a_gallery_is_told(used: Used) -> None:
    of_columns = {f"indexes/records.columns.SHA.{ending}" for ending in ("index", "json")}
    of_sqlite = {FILE, f"{FILE}-wal", f"{FILE}-shm", "*.lock", *of_columns}
    elsewhere = (used.gallery.folder / STORE_FILE).exists()
    _compare(FILES, used.files, given={"exports/JOB.part/FILE"} | (of_sqlite if elsewhere else {STORE_FILE}))


def test_every_file_of_the_configuration_is_told(used: Used) -> None:
    _compare(CONFIGURATION, used.configuration, given={"pacs.toml", "lookalike.toml"})


def _compare(heading: str, there: Set[str], given: Iterable[str] = ()) -> None:
    """given: files that are told of, and not there: what a person writes, or another kind of gallery has."""
    told = [name for row in rows_under(PAGE, heading) for name in re.findall(r"`([^`]+)`", row["File"])]
    patterns = {name: re.compile(re.sub(r"[A-Z]+|\\\*", "[^/]+", re.escape(name))) for name in told}
    unknown = [name for name in there if not any(pattern.fullmatch(name) for pattern in patterns.values())]
    assert not unknown
    unused = [n for n, pattern in patterns.items() if n not in given and not any(map(pattern.fullmatch, there))]
    assert not unused


def _below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def test_every_temporary_folder_is_told() -> None:
    sources = "\n".join(path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py"))
    made = set(re.findall(r'\bScratch\("([a-z-]+)"\)', sources))
    assert {f"`lookalike-{name}-*`" for name in made} == {
        row["Folder"] for row in rows_under(PAGE, "Temporary folders")
    }


def test_periods_are_those_of_the_code() -> None:
    page, people = text_of(PAGE), PeopleSettings()
    assert (uploads._KEPT_SECONDS, people.session_seconds, people.idle_seconds) == (6 * 3600, 8 * 3600, 1800)
    assert "| 6 hours without use |" in page
    assert "8 hours (`--session-hours`), half an hour without use" in page
    assert f"maps beyond {MAPS_KEPT} of a gallery" in page
