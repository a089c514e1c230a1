"""Damage of what is said about a record is named by whoever reads it, and by whoever would go by it unread."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from awaited import PATIENCE
from lookalike.errors import BusyError, DamagedFileError
from lookalike.filters import parse
from lookalike.store import BASE, Batch, NewRecord, Relabel, Store, record_id, verified
from lookalike.store.browse import facet_counts, records_after
from lookalike.store.damage import damage_of
from lookalike.store.database import FILE
from lookalike.store.edit import change_labels, label_changes, move_sources, undo_change
from lookalike.store.named import named_by_patient
from lookalike.types import Refusal

SHAS = [f"{number:064x}" for number in range(4)]
IDS = [record_id(sha256, 0) for sha256 in SHAS]
# What `lookalike` did before it noted checksums: the tables of revision 0004.
BEFORE = (
    *(f"ALTER TABLE records DROP COLUMN {column}" for column in ("views", "checksum", "history")),
    *(f"ALTER TABLE {table} DROP COLUMN checksum" for table in ("thumbnails", "gallery", "spaces", "refused")),
    *(f"DROP TABLE {table}" for table in ("vectors_beside", "patches_beside", "records_beside")),
    *(f"DROP TABLE {table}" for table in ("reports", "studies", "identities", "instances", "kept_out", "pulled")),
    *(
        f"DROP TABLE {table}"
        for table in ("cohort_members", "cohort_chosen", "cohorts", "fetched", "readings", "decisions")
    ),
    "UPDATE alembic_version SET version_num = '0004'",
)
DESCRIPTIONS = [
    "UPDATE records SET source = '/data/other.dcm' WHERE key = 2",
    "UPDATE records SET patient = (SELECT patient FROM records WHERE key = 1) WHERE key = 2",
    "UPDATE records SET frame = 7 WHERE key = 2",
    "UPDATE records SET sha256 = upper(sha256) || 'x' WHERE key = 2",
    "UPDATE records SET checksum = NULL WHERE key = 2",
    "UPDATE attributes SET text = 'DX' WHERE record = 2 AND name = 'Modality'",
    "UPDATE attributes SET number = 46.0 WHERE record = 2 AND name = 'PatientAge'",
    "UPDATE attributes SET name = 'Modalitx' WHERE record = 2 AND name = 'Modality'",
    "DELETE FROM attributes WHERE record = 2",
    "INSERT INTO attributes VALUES (2, 'Rows', '5', 5.0)",
    "UPDATE attributes SET record = 1 WHERE record = 2 AND name = 'site'",
]
LABELS = [
    "UPDATE labels SET label = 'normal' WHERE record = 2",
    "DELETE FROM labels WHERE record = 2",
    "INSERT INTO labels VALUES (2, 'more')",
    "UPDATE labels SET label = x'00' WHERE record = 2",
]
ORIGINS = [
    "UPDATE table_labels SET label = 'normal' WHERE record = 2",
    "DELETE FROM hand_labelled WHERE record = 2",
    "UPDATE changed_labels SET after = '[\"normal\"]' WHERE record = 2",
    "DELETE FROM changed_labels WHERE record = 2",
    "UPDATE label_changes SET \"by\" = 'another'",
    "UPDATE label_changes SET action = 'overwrite'",
    "UPDATE label_changes SET time = 0",
    "UPDATE label_changes SET undone = 1",
]


def new(number: int) -> NewRecord:
    attributes = {"Modality": "CR", "PatientAge": 45.0, "site": f"s{number}"} if number else {"Modality": "CR"}
    return NewRecord(
        f"/data/{number}.dcm", SHAS[number], 0, f"patient-{number}", ("effusion",), attributes, vectors(number), b"jpeg"
    )


def vectors(number: int) -> Any:
    return np.random.default_rng(number).standard_normal((2 if number == 3 else 1, 8)).astype(np.float32)


def filled(folder: Path) -> Store:
    folder.mkdir(exist_ok=True)
    store = Store(folder)
    store.put_space(BASE, {"name": "none", "identity": {"name": "none"}}, None)
    records = [new(number) for number in range(3)]
    refused = [Refusal("/data/refused.dcm", "empty-file")]
    store.write(Batch(records, {record.sha256: record.source for record in records}, refused))
    change_labels(store, [IDS[1]], instead=["mass"], by="reader")
    return store


def damage(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / FILE)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    filled(folder).close()
    return folder


@pytest.fixture
def make(sound: Path, tmp_path: Path) -> Iterator[Callable[..., Store]]:
    """A store whose second record was damaged by some statements, opened anew."""
    opened: list[Store] = []

    def made(*statements: str) -> Store:
        folder = tmp_path / str(len(opened))
        shutil.copytree(sound, folder)
        damage(folder, *statements)
        opened.append(Store(folder))
        return opened[-1]

    yield made
    for store in opened:
        store.close()


RELABEL = 11  # its place in ``readings``


def readings(store: Store) -> list[Callable[[], object]]:
    """Everything that reads the second record, or would leave it out unread."""
    return [
        store.records,
        lambda: store.records([2]),
        lambda: store.record(IDS[1]),
        lambda: store.owners(np.array([2])),
        lambda: store.keys_where(parse("Modality=CR")),
        lambda: records_after(store, 0, 10, parse("site=s1")),
        lambda: facet_counts(store, 5),
        lambda: store.has_field("Modality"),
        lambda: named_by_patient(store, store.record(IDS[0]).patient),
        lambda: change_labels(store, [IDS[1]], add=["more"]),
        lambda: move_sources(store, "/data", lambda source: f"/moved{source}"),
        lambda: store.write(Batch(relabels=[Relabel(SHAS[1], "other", ("x",), {})])),
        store.hold,
    ]


@pytest.mark.parametrize("statement", [*DESCRIPTIONS, *LABELS])
def test_a_damaged_description_is_named_whoever_reads_it(make: Callable[..., Store], statement: str) -> None:
    store = make(statement)
    asked = readings(store)
    if "sha256" in statement:  # a table's row meets no record any more
        del asked[RELABEL]
    for read in asked:
        with pytest.raises(DamagedFileError, match=r"damaged.*(index|backup)"):
            read()
    assert not damage_of(store).vectors


def test_nothing_is_damaged_without_damage(make: Callable[..., Store]) -> None:
    store = make()
    assert damage_of(store).read_again == damage_of(store).labels == frozenset()
    for read in readings(store)[:9]:
        read()
    undo_change(store, None)
    assert damage_of(store).read_again == damage_of(store).labels == frozenset()
    store.verify()


@pytest.mark.parametrize("statement", ORIGINS)
def test_a_damaged_origin_of_labels_is_named_before_it_is_gone_by(make: Callable[..., Store], statement: str) -> None:
    store = make(statement)
    assert damage_of(store).labels == {SHAS[1]}
    store.record(IDS[1])  # its labels are not damaged
    asked: list[Callable[[], object]] = [lambda: change_labels(store, [IDS[1]], add=["more"])]
    if "changed_labels" not in statement:
        asked.append(lambda: label_changes(store, None, 10))
    if "undone" not in statement and "DELETE FROM changed" not in statement:
        asked.append(lambda: undo_change(store, None))
    for ask in asked:
        with pytest.raises(DamagedFileError, match="labels"):
            ask()


@pytest.mark.parametrize("statement", DESCRIPTIONS)
def test_reading_the_file_again_describes_it_anew(make: Callable[..., Store], statement: str) -> None:
    """And leaves the labels that a person set."""
    store, intact = make(statement), make()
    assert SHAS[1] in damage_of(store).read_again
    assert store.write(Batch([new(0), new(1)])) == []
    assert damage_of(store).read_again == frozenset()
    assert [(r.source, r.frame, r.labels, r.attributes) for r in store.records().values()] == [
        (r.source, r.frame, r.labels, r.attributes) for r in intact.records().values()
    ]
    assert store.record(IDS[1]).patient == store.patient_group("patient-1")


@pytest.mark.parametrize("statement", LABELS)
def test_labels_that_are_damaged_are_not_made_up(make: Callable[..., Store], statement: str) -> None:
    store = make(statement)
    assert damage_of(store).labels == {SHAS[1]}
    with pytest.raises(DamagedFileError, match=rf"records remove {IDS[1]}"):
        store.write(Batch([new(1)]))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE thumbnails SET jpeg = (SELECT jpeg || x'00' FROM thumbnails WHERE record = 1) WHERE record = 2",
        "UPDATE thumbnails SET jpeg = 'text' WHERE record = 2",
        "UPDATE thumbnails SET checksum = (SELECT checksum FROM thumbnails WHERE record = 1) WHERE record = 2",
    ],
)
def test_a_damaged_thumbnail_is_named_and_made_anew(make: Callable[..., Store], statement: str) -> None:
    store = make(statement)
    with pytest.raises(DamagedFileError, match="thumbnail of a record is damaged"):
        store.thumbnail(2)
    assert damage_of(store).read_again == {SHAS[1]}
    store.write(Batch([new(1)]))
    assert store.thumbnail(2) == b"jpeg"


def test_a_slice_too_few_is_a_damaged_vector(tmp_path: Path) -> None:
    store = filled(tmp_path)
    volume = new(3)
    store.write(Batch([NewRecord(*[getattr(volume, name) for name in volume.__slots__][:8], views=(0, 5))]))
    damage(tmp_path, "DELETE FROM vectors WHERE view = 5")
    for read in (store.vectors, lambda: store.vectors_of(4)):
        with pytest.raises(DamagedFileError, match="one stored vector is damaged"):
            read()
    assert damage_of(store).vectors == {SHAS[3]}
    store.close()


def test_an_index_out_of_step_with_its_table_is_named(make: Callable[..., Store]) -> None:
    """SQLite would go by the index and leave the record out of the filter."""
    store = make(
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET sql = 'CREATE INDEX attributes_by_text ON attributes (name, text) "
        "WHERE record <> 2' WHERE name = 'attributes_by_text'",
        "PRAGMA writable_schema = RESET",
        "REINDEX attributes_by_text",
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET sql = 'CREATE INDEX attributes_by_text ON attributes (name, text)' "
        "WHERE name = 'attributes_by_text'",
    )
    store.records()
    with pytest.raises(DamagedFileError, match="database is damaged"):
        store.keys_where(parse("site=s1"))


def everything_small(folder: Path) -> None:
    with closing(Store(folder)) as store:
        store.spaces()
        store.refused()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE gallery SET value = value || 'x' WHERE name = 'salt'",
        "UPDATE gallery SET name = 'sale' WHERE name = 'salt'",
        "UPDATE spaces SET encoder = replace(encoder, 'none', 'nine')",
        "UPDATE spaces SET name = 'bass'",
        "UPDATE spaces SET version = version - 1",
        "UPDATE refused SET reason = 'timeout'",
        "UPDATE refused SET source = '/data/other.dcm'",
    ],
)
def test_a_damaged_row_of_a_smaller_table_is_named(sound: Path, tmp_path: Path, statement: str) -> None:
    folder = tmp_path / "g"
    shutil.copytree(sound, folder)
    damage(folder, statement)
    with pytest.raises(DamagedFileError, match=r"damaged.*backup"):
        everything_small(folder)


def test_an_older_gallery_is_given_checksums_and_nothing_else(tmp_path: Path) -> None:
    store = filled(tmp_path)
    before, log = store.records(), label_changes(store, None, 10)
    store.close()
    damage(tmp_path, *BEFORE)
    again = Store(tmp_path)
    assert again.records() == before
    assert label_changes(again, None, 10) == log
    assert damage_of(again).read_again == damage_of(again).labels == frozenset()
    again.close()
    damage(tmp_path, LABELS[0])
    with pytest.raises(DamagedFileError):
        Store(tmp_path).records()


@pytest.fixture
def large(sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A gallery that counts as large, verified by a process that has ended."""
    monkeypatch.setattr(verified, "LEAST_BELIEVED", 3)
    folder = tmp_path / "large"
    shutil.copytree(sound, folder)
    with closing(Store(folder)) as store:
        store.verify()
    return folder


def test_a_large_gallery_is_verified_once_a_day(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damage(large, DESCRIPTIONS[0])
    with closing(Store(large)) as store:
        store.verify()  # whoever did it before is believed
    monkeypatch.setattr(verified, "BELIEVED_SECONDS", 0.0)
    with closing(Store(large)) as store, pytest.raises(DamagedFileError, match="damaged"):
        store.verify()


def test_a_copy_of_a_large_gallery_is_verified_again(large: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(large, copy)
    damage(copy, DESCRIPTIONS[0])
    with closing(Store(copy)) as store, pytest.raises(DamagedFileError, match="damaged"):
        store.verify()


def test_what_one_process_holds_in_memory_all_believe(
    sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verified, "LEAST_BELIEVED", 3)
    folder = shutil.copytree(sound, tmp_path / "held")
    with closing(Store(folder)) as store:
        store.hold()
    damage(folder, DESCRIPTIONS[0])
    with closing(Store(folder)) as store:
        store.verify()


def test_whoever_serves_verifies_again_before_the_day_has_passed(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(Store(large)) as serving:
        serving.verify()
        before = serving.noted("verified")
        serving.renew_verification()
        assert serving.noted("verified") == before  # not so soon
        now = time.time()
        for passed in (verified.RENEWED_SECONDS + 60, 2 * verified.RENEWED_SECONDS + 120):
            monkeypatch.setattr(verified.time, "time", lambda passed=passed: now + passed)
            serving.renew_verification()
            assert int((serving.noted("verified") or "").split()[0]) == int(now + passed)
        damage(large, DESCRIPTIONS[0])
        monkeypatch.setattr(verified.time, "time", lambda: now + 4 * verified.RENEWED_SECONDS)
        with pytest.raises(DamagedFileError, match="damaged"):
            serving.renew_verification()
        with pytest.raises(DamagedFileError, match="damaged"):
            serving.verify()  # nor does it believe itself any longer
        with closing(Store(large)) as another, pytest.raises(DamagedFileError, match="damaged"):
            another.verify()


def test_nobody_waits_long_for_a_verification(sound: Path) -> None:
    with closing(Store(sound)) as store:
        store.limit_filters(0.05)
        with store._verification._lock, pytest.raises(BusyError, match="in a minute"):
            store.keys_where(parse("Modality=CR"))
        store.limit_filters(PATIENCE)
        store.keys_where(parse("Modality=CR"))
