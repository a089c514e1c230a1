"""Who may answer, against plain Python: the same rule for pictures, volumes and regions, and for removed records."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

from lookalike.asking.answers import answers
from lookalike.asking.candidates import candidates, may_answer, one_a_group, patients_of_file, with_patches
from lookalike.asking.query import Query, of_record
from lookalike.asking.query_region import with_region
from lookalike.errors import DamagedFileError, NotFoundError, UsageError
from lookalike.gallery import Gallery, open_gallery
from lookalike.indexes import Index
from lookalike.store import Batch, NewRecord, Store, record_id
from lookalike.store.erasures import remove_named
from lookalike.store.named import named_by_ids
from lookalike.store.packed import packed, unpacked
from lookalike.store.patches import keep, patches_of
from lookalike.types import Displayed, Keys, Record, Scores, Vectors
from lookalike.verbs.search import search

PICTURES, VOLUMES, PATIENTS, SIDE = 60, 24, 9, 6
BOX: Final = (1 / SIDE, 2 / SIDE, 3 / SIDE, 4 / SIDE)  # two patches a side
WHERES: Final = (None, "label=even", "n<20 and not label=even", "n=3", "label=nothing")
KINDS: Final = ("pictures", "volumes", "regions")


def unit(values: NDArray[Any]) -> NDArray[np.float32]:
    return (values / np.linalg.norm(values, axis=-1, keepdims=True)).astype(np.float32)


def new(number: int, views: int, dim: int) -> NewRecord:
    """Two records of five have no patches; every eleventh is of a patient of its own, whom nobody names."""
    random = np.random.default_rng(number)
    grids = [
        packed(unit(random.standard_normal((SIDE, SIDE, 8))), Displayed(SIDE * 10, SIDE * 10)) for _ in range(views)
    ]
    return NewRecord(
        source=f"/data/{number}.dcm",
        sha256=f"{number:064x}",
        frame=0,
        patient="" if number % 11 == 0 else f"patient-{number % PATIENTS}",
        labels=("even",) if number % 2 == 0 else ("odd",),
        attributes={"n": float(number), **({"slices": float(views)} if views > 1 else {})},
        vectors=unit(random.standard_normal((views, dim))),
        thumbnail=b"",
        views=tuple(range(views)),
        patches=tuple(grids) if number % 5 > 1 else (),
    )


def filled(folder: Path, kind: str) -> Path:
    with open_gallery(folder, create=True) as gallery:
        keep(gallery.store)
        count, dim = (VOLUMES if kind == "volumes" else PICTURES), gallery.spec.dim
        views = [1 if kind != "volumes" else 2 + number % 4 for number in range(count)]
        gallery.store.write(Batch(records=[new(number, views[number], dim) for number in range(count)]))
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("candidates")
    return {kind: filled(root / kind, kind) for kind in KINDS}


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def gallery(folders: dict[str, Path], kind: str) -> Iterator[Gallery]:
    with open_gallery(folders[kind]) as opened:
        yield opened


@pytest.fixture
def fresh(tmp_path: Path, kind: str) -> Iterator[Gallery]:
    """One to be changed."""
    with open_gallery(filled(tmp_path / "fresh", kind)) as opened:
        yield opened


def record(gallery: Gallery, number: int) -> Record:
    return gallery.store.record(record_id(f"{number:064x}", 0))


def asking(gallery: Gallery, kind: str, number: int) -> Query:
    query = of_record(gallery, record(gallery, number).id)
    return with_region(gallery, query, box=BOX) if kind == "regions" else query


# The oracle: every record, one after the other


def score(gallery: Gallery, kind: str, query: Query, other: Record) -> float:
    """Cosine; of volumes the mean over the query's slices of the best one; of a region the best window's mean."""
    if kind != "regions":
        alike = query.base.astype(np.float64) @ gallery.store.vectors_of(other.key).astype(np.float64).T
        return float(alike.max(axis=1).mean())
    assert query.record is not None
    region = unpacked(patches_of(gallery.store, query.record.key)[0].codes)[2:4, 1:3]
    grid = unpacked(patches_of(gallery.store, other.key)[0].codes)
    places = product(range(SIDE - 1), repeat=2)
    return max(float((region * grid[y : y + 2, x : x + 2]).sum() / 4) for y, x in places)


def allowed(other: Record, where: str | None) -> bool:
    n, even = other.attributes["n"], "even" in other.labels
    held = {None: True, "label=even": even, "n<20 and not label=even": float(n) < 20 and not even, "n=3": n == 3}
    return held.get(where, False)


def oracle(
    gallery: Gallery,
    kind: str,
    query: Query,
    k: int,
    where: str | None,
    patients: Iterable[str],
    unlike: Iterable[str],
    one_a_patient: bool,
) -> list[tuple[str, float]]:
    found = []
    for key, other in sorted(gallery.store.records().items()):
        if kind == "regions" and not patches_of(gallery.store, key):
            continue
        if allowed(other, where) and other.patient not in set(patients) and other.id not in set(unlike):
            found.append((-score(gallery, kind, query, other), key, other))
    best, seen = [], set()
    for negative, _, other in sorted(found, key=lambda item: item[:2]):
        if not (one_a_patient and other.patient in seen):
            best.append((other.id, -negative))
        seen.add(other.patient)
    return best[:k]


@pytest.mark.parametrize("where", WHERES)
@pytest.mark.parametrize("one_a_patient", [False, True])
@pytest.mark.parametrize("groups", [0, 1, 2])
def test_the_answers_are_those_of_plain_python(
    gallery: Gallery, kind: str, where: str | None, one_a_patient: bool, groups: int
) -> None:
    """Of no patient, of one, and of two: the one that its file names and the one that a table names."""
    for number, k in ((2, 1), (13, 5), (22, 1000)):
        query = asking(gallery, kind, number)
        patients = sorted({record(gallery, number).patient, record(gallery, number + 1).patient})[:groups]
        disliked = [record(gallery, other) for other in (4, 8, 9)]
        for unlike in ((), disliked):
            who = candidates(gallery, patients, where=where, unlike=unlike)
            asked, per = [replace(query, patients=frozenset(patients))], "patient" if one_a_patient else None
            found = answers(gallery, asked, who, k, per=per)
            ids = [other.id for other in unlike]
            wanted = oracle(gallery, kind, query, k, where, patients, ids, one_a_patient)
            assert [one.record.id for one in found] == [identity for identity, _ in wanted]
            np.testing.assert_allclose([one.score for one in found], [value for _, value in wanted], atol=1e-5)


def test_the_verb_asks_the_same(gallery: Gallery, kind: str) -> None:
    """Own patient, filter and k of ``search``; the region is the same verb with a box."""
    asked = record(gallery, 13)
    box = BOX if kind == "regions" else None
    query = asking(gallery, kind, 13)
    for where, same_patient in product((None, "label=even"), (False, True)):
        result = search(gallery, id=asked.id, box=box, where=where, same_patient=same_patient, k=1000)
        patients = () if same_patient else (asked.patient,)
        wanted = oracle(gallery, kind, query, 1000, where, patients, (), False)
        assert [hit.id for hit in result.hits] == [identity for identity, _ in wanted]
        assert all((hit.region is not None) == (kind == "regions") for hit in result.hits)
        if kind == "regions":
            assert result.records == len(wanted)


def test_records_without_patches_are_counted(folders: dict[str, Path]) -> None:
    with open_gallery(folders["regions"]) as gallery:
        bare = [other for other in gallery.store.records().values() if not patches_of(gallery.store, other.key)]
        for where in WHERES:
            who = with_patches(gallery, candidates(gallery, where=where))
            assert who.unpatched == sum(allowed(other, where) for other in bare)
            assert with_patches(gallery, who) is who


def test_a_region_is_asked_for_alone(folders: dict[str, Path]) -> None:
    with open_gallery(folders["regions"]) as gallery:
        ids = [record(gallery, number).id for number in (2, 3)]
        for others in (
            {"text": "x"},
            {"positive": ids},
            {"negative": ids},
            {"group_by": "patient"},
            {"space": "s"},
            {"rank": "max"},
            {"weights": "gaussian:1"},
            {"ids": ids[1:]},
        ):
            with pytest.raises(UsageError, match="a region is searched"):
                search(gallery, id=ids[0], box=BOX, **others)  # type: ignore[arg-type]
        for alone in ({"slice": 0}, {"context": False}):
            with pytest.raises(UsageError, match="speak of a region"):
                search(gallery, id=ids[0], **alone)  # type: ignore[arg-type]


def test_in_memory_the_rule_is_the_same(gallery: Gallery) -> None:
    """``may_answer`` of labelled records, against ``candidates`` of the store."""
    records = sorted(gallery.store.records().values(), key=lambda other: other.key)
    owners = [other.patient for other in records]
    askers = [(), (owners[1],), (owners[1], owners[2]), ("nobody",), (owners[0],)]
    table = may_answer(askers, owners)
    assert table.shape == (len(askers), len(owners))
    keys = np.array([other.key for other in records])
    for asker, row in zip(askers, table, strict=True):
        assert row.tolist() == [owner not in asker for owner in owners]
        assert candidates(gallery, asker).records(gallery, keys).tolist() == keys[row].tolist()


def test_the_patients_of_a_file_are_those_named_and_those_known(gallery: Gallery) -> None:
    known = record(gallery, 13)
    named = gallery.store.patient_group("somebody")
    assert patients_of_file(gallery, f"{13:064x}", 0, ["somebody", ""]) == (frozenset({named, known.patient}), known)
    assert patients_of_file(gallery, "f" * 64, 0, ["somebody"]) == (frozenset({named}), None)
    assert patients_of_file(gallery, "", 0, []) == (frozenset(), None)


def test_one_a_group_asks_deeper_until_there_are_enough() -> None:
    ranked = [f"{group}{number}" for number, group in enumerate("aaaaaaaaabaaaac")]
    asked: list[int] = []

    def best(depth: int) -> Sequence[str]:
        asked.append(depth)
        return ranked[:depth]

    def groups(some: Sequence[str]) -> list[str]:
        return [one[0] for one in some]

    assert one_a_group(best, groups, 2) == ["a0", "b9"]
    assert asked == [2, 8, 32]
    assert one_a_group(best, groups, 5) == ["a0", "b9", "c14"]


# Removed between the index and the row


def remove_records(store: Store, ids: Iterable[str]) -> None:
    """Their rows alone, between two steps of a search."""
    remove_named(store, named_by_ids(store, ids), {}, Path("sources"))


class _Removing:
    """An index; while it is asked for the first time, records go."""

    def __init__(self, index: Index, remove: Callable[[], object]) -> None:
        self.index, self.remove, self.searches = index, remove, 0

    def __len__(self) -> int:
        return len(self.index)

    def search(self, queries: Vectors, k: int, among: Keys | None = None) -> tuple[Keys, Scores]:
        found = self.index.search(queries, k, among)
        self.searches += 1
        if self.searches == 1:
            self.remove()
        return found


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("gone", [1, 7])
def test_a_record_that_is_removed_meanwhile_is_passed_over(
    fresh: Gallery, kind: str, held: bool, gone: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No error, and the others take the places; nobody searches again but to fill them."""
    if held:
        fresh.store.hold()
    query = asking(fresh, kind, 13)
    who = candidates(fresh, query.patients, where="n<50")
    before = [one.record.id for one in answers(fresh, [query], who, 1000)]
    if kind == "regions":  # between the patches and the records
        read, leaving = fresh.store.records, iter([before[:gone]])

        def records(keys: Iterable[int] | None = None) -> dict[int, Record]:
            remove_records(fresh.store, next(leaving, []))
            return read(keys)

        monkeypatch.setattr(fresh.store, "records", records)
    else:
        index = _Removing(fresh.index(), lambda: remove_records(fresh.store, before[:gone]))
        monkeypatch.setattr(fresh, "index", lambda _space="base": index)
    found = [one.record.id for one in answers(fresh, [query], who, 3)]
    assert found == before[gone : gone + 3]
    monkeypatch.undo()
    assert [
        one.record.id for one in answers(fresh, [query], candidates(fresh, query.patients, where="n<50"), 3)
    ] == found


@pytest.mark.sqlite_file
@pytest.mark.parametrize("kind", ["pictures", "volumes"])
@pytest.mark.parametrize("held", [False, True])
def test_a_row_that_is_lost_is_damage(fresh: Gallery, kind: str, held: bool) -> None:
    """The index has the vector, the store has not, and nobody has removed anything."""
    query = asking(fresh, kind, 13)
    best = answers(fresh, [query], candidates(fresh), 2)[1].record
    with closing(sqlite3.connect(fresh.folder / "gallery.db")) as connection, connection:
        connection.execute("DELETE FROM vectors WHERE record = ?", [best.key])
    if held:
        fresh.store.hold()
    with pytest.raises(DamagedFileError):
        answers(fresh, [query], candidates(fresh), 2)


def test_a_query_that_is_removed_is_unknown(fresh: Gallery) -> None:
    asked = record(fresh, 13)
    remove_records(fresh.store, [asked.id])
    assert fresh.store.slices_of_each([asked.key]) == {}
    with pytest.raises(NotFoundError, match="no such record is in the gallery any more"):
        fresh.store.slices_of(asked.key)
