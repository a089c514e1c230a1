"""Earlier studies of the query's patient, and one hit a study, series or patient: against plain Python, all crossed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import cycle, islice, product
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

import lookalike
from conftest import texture
from dicoms import data_set, save
from filled import unit
from lookalike.days import before_of
from lookalike.errors import UsageError
from lookalike.gallery import Gallery, open_gallery
from lookalike.hits import Hit
from lookalike.store import Batch, NewRecord, record_id
from lookalike.store.series_in_time import standings
from lookalike.types import DicomIdentity, FileIdentity
from lookalike.verbs.records import browse, record_info, remove
from lookalike.verbs.timeline import timeline

PATIENTS: Final = 7
START: Final = date(1999, 12, 20).toordinal()
GAPS: Final = (0, 1, 29, 30, 400)  # days between two studies of a patient: also two on one day


@dataclass(frozen=True, eq=False)
class Planted:
    """A record, and what its file says. date: the number of its day, None where there is no StudyDate."""

    number: int
    patient: str
    study: str
    series: str
    date: int | None
    label: str
    vectors: NDArray[np.float32] = field(repr=False)

    @property
    def id(self) -> str:
        return record_id(f"{self.number:064x}", 0)

    def identity(self) -> FileIdentity:
        day = "" if self.date is None else date.fromordinal(self.date).strftime("%Y%m%d")
        uid = f"1.2.{self.number}"
        return FileIdentity(DicomIdentity(self.study, self.series, uid, study_date=day), self.patient, (uid,))


def planted(views: int) -> list[Planted]:
    """Patients with 2 to 5 studies of 1 to 3 series of 1 or 2 records; every ninth record has no date. Two records of
    nobody known, and one of a known patient with neither study nor series.
    """
    rng, found = np.random.default_rng(views), list[Planted]()

    def add(patient: str, study: str, series: str, day: int | None) -> None:
        number = len(found)
        vectors = unit(rng.normal(size=(views + number % 2 * (views > 1), 384)))
        dated = None if number % 9 == 4 else day
        found.append(Planted(number, patient, study, series, dated, "even" if number % 2 == 0 else "odd", vectors))

    for p in range(PATIENTS):
        day = START + 300 * p
        for s in range(2 + p % 4):
            for q in range(1 + (p + s) % 3):
                for _ in range(1 + (s + q) % 2):
                    add(f"patient-{p}", f"1.5.{p}.{s}", f"1.6.{p}.{s}.{q}", day)
            day += GAPS[(p + s) % len(GAPS)]
    add("", "1.5.90", "1.6.90", START)
    add("", "", "", START)
    add("patient-1", "", "", START + 10_000)
    return found


def filled(folder: Path, rows: Sequence[Planted], **options: Any) -> Path:
    """The rows in a gallery, in an order that is not that of time."""
    batch = Batch()
    for row in sorted(rows, key=lambda row: row.number * 7 % len(rows)):
        sha256, views = f"{row.number:064x}", tuple(range(len(row.vectors)))
        attributes = {"slices": float(len(views))} if len(views) > 1 else {}
        batch.records.append(
            NewRecord(f"{row.number}.dcm", sha256, 0, row.patient, (row.label,), attributes, row.vectors, b"", views)
        )
        batch.studies[sha256] = row.study
        batch.identities[sha256] = row.identity()
    with open_gallery(folder, create=True, **options) as gallery:
        gallery.store.write(batch)
    return folder


KINDS: Final[dict[str, dict[str, Any]]] = {
    "pictures": {},
    "linked": {"linked": True},
    "hnsw": {"index": "hnsw"},
    "volumes": {},
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("priors")
    return {kind: filled(root / kind, rows_of(kind), **options) for kind, options in KINDS.items()}


def rows_of(kind: str) -> list[Planted]:
    return planted(2 if kind == "volumes" else 1)


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def rows(kind: str) -> list[Planted]:
    return rows_of(kind)


@pytest.fixture(scope="module")
def gallery(folders: dict[str, Path], kind: str) -> Iterator[Gallery]:
    with open_gallery(folders[kind]) as opened:
        yield opened


# The oracle: every record, one after the other


def score(query: Planted, other: Planted) -> float:
    return float((query.vectors @ other.vectors.T).max(axis=1).mean())


def may(query: Planted, other: Planted, how: dict[str, Any]) -> bool:
    own = bool(query.patient) and query.patient == other.patient
    if how.get("where") == "label=even" and other.label != "even":
        return False
    if how.get("only_priors") or "before" in how:
        return own and None not in (query.date, other.date) and earlier(query, other, how)
    if not own or not how.get("same_patient"):
        return not own
    return not how.get("exclude_priors") or (other.date is not None and other.date >= (query.date or 0))


def earlier(query: Planted, other: Planted, how: dict[str, Any]) -> bool:
    until = [query.date or 0] if how.get("only_priors") else []
    if "before" in how:
        asked = before_of(how["before"])
        until.append((query.date or 0) - asked.days + 1 if asked.date is None else asked.date)
    return (other.date or 0) < min(until)


def unit_of(other: Planted, per: str) -> str:
    return {"patient": other.patient, "study": other.study, "series": other.series}[per] or other.id


def oracle(rows: Sequence[Planted], query: Planted, how: dict[str, Any]) -> list[tuple[str, float, int | None]]:
    """(id, score, others) of the hits."""
    ranked = sorted((row for row in rows if may(query, row, how)), key=lambda row: -score(query, row))
    per = how.get("group_by")
    if per is None:
        return [(row.id, score(query, row), None) for row in ranked][: how["k"]]
    groups: dict[str, list[Planted]] = {}
    for row in ranked:
        groups.setdefault(unit_of(row, per), []).append(row)
    return [(some[0].id, score(query, some[0]), len(some) - 1) for some in groups.values()][: how["k"]]


def told(hits: Sequence[Hit]) -> list[tuple[str, float, int | None]]:
    return [(hit.id, pytest.approx(hit.score, abs=1e-5), hit.others) for hit in hits]


def options(kind: str) -> Iterator[dict[str, Any]]:
    some_day = date.fromordinal(START + 320)
    times: list[dict[str, Any]] = [
        {},
        {"same_patient": True},
        {"only_priors": True},
        *({"before": days} for days in (1, 30, "31", 5000)),
        {"only_priors": True, "before": 30},
        {"same_patient": True, "exclude_priors": True},
        {"exclude_priors": True},
    ]
    if kind == "linked":
        times += [{"before": some_day.isoformat()}, {"before": f"{some_day:%Y%m%d}", "only_priors": True}]
    for time, per, where, k in product(times, (None, "study", "series", "patient"), (None, "label=even"), (1, 3, 1000)):
        if kind != "hnsw" or time.get("only_priors") or "before" in time or where:  # without, hnsw is approximate
            yield {**time, "group_by": per, "where": where, "k": k}


@pytest.mark.parametrize("each", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_every_option_crossed_is_as_plain_python_has_it(
    gallery: Gallery, kind: str, rows: list[Planted], each: int
) -> None:
    """Each combination is asked by another record. Every fifth holds each pair of two options' values, since no list
    of values but the days has a length that shares a factor with five.
    """
    asked = cycle(row for row in rows if row.patient and row.date is not None)
    for query, how in zip(asked, islice(options(kind), 0, None, each), strict=False):
        found = lookalike.search(gallery, id=query.id, pictures=False, **how)
        assert oracle(rows, query, how) == told(found.hits), how


def test_hits_say_their_study_series_and_day(gallery: Gallery, rows: list[Planted]) -> None:
    first = {row.patient: min(o.date for o in rows if o.patient == row.patient and o.date is not None) for row in rows}
    by_id = {row.id: row for row in rows}
    query = rows[5]
    found = lookalike.search(gallery, id=query.id, k=1000, same_patient=True)
    assert len(found.hits) == len(rows)
    assert found.query_day == (query.date or 0) - first[query.patient]
    for hit in found.hits:
        row = by_id[hit.id]
        known = row.patient and row.date is not None
        assert hit.day == ((row.date or 0) - first[row.patient] if known else None)
        assert (hit.study_id == hit.id) == (not row.study)
        assert (hit.series_id == hit.id) == (not row.series)
        info = record_info(gallery, hit.id)
        assert (info.study_id, info.series_id, info.day) == (hit.study_id, hit.series_id, hit.day)
    studies = {row.study or row.id for row in rows}
    assert len(found.studies) == len(studies)
    assert sorted(rank for study in found.studies for rank in study.ranks) == list(range(1, len(rows) + 1))
    for study in found.studies:
        hits = [found.hits[rank - 1] for rank in study.ranks]
        assert {hit.study_id for hit in hits} == {study.study_id}
        assert len({by_id[hit.id].study for hit in hits}) == 1
        assert (study.patient, study.day in {hit.day for hit in hits}) == (hits[0].patient, True)


def test_what_has_no_day_is_left_out_and_said(gallery: Gallery, rows: list[Planted]) -> None:
    query = next(r for r in rows if r.patient == "patient-3" and r.date is not None)
    undated = sum(row.patient == query.patient and row.date is None for row in rows)
    assert undated
    for how in ({"only_priors": True}, {"before": 3}, {"same_patient": True, "exclude_priors": True}):
        assert f"{undated} of the query's patient" in lookalike.search(gallery, id=query.id, **how).note
    assert "no known day" not in lookalike.search(gallery, id=query.id).note


def test_what_cannot_be_said_is_refused(gallery: Gallery, kind: str, rows: list[Planted]) -> None:
    ask = lookalike.search
    undated = next(row for row in rows if row.patient and row.date is None)
    nobody = next(row for row in rows if not row.patient)
    known = next(row for row in rows if row.patient and row.date is not None)
    with pytest.raises(UsageError, match="study date of the query is not known"):
        ask(gallery, id=undated.id, only_priors=True)
    with pytest.raises(UsageError, match="study date of the query is not known"):
        ask(gallery, id=undated.id, same_patient=True, exclude_priors=True)
    with pytest.raises(UsageError, match="own patient, who is not known"):
        ask(gallery, id=nobody.id, only_priors=True)
    with pytest.raises(UsageError, match="own patient, who is not known"):
        ask(gallery, vector=np.ones(384), before=30)
    with pytest.raises(UsageError, match="either left out"):
        ask(gallery, id=known.id, only_priors=True, exclude_priors=True)
    for wrong in (0, -1, "yesterday", "2024-13-01", "", 10**6):
        with pytest.raises(UsageError, match="a date such as"):
            ask(gallery, id=known.id, before=wrong)
    with pytest.raises(UsageError, match="one of each patient, study or series"):
        ask(gallery, id=known.id, group_by="label")  # type: ignore[arg-type]
    if kind != "linked":
        with pytest.raises(UsageError, match="anonymous and keeps no dates"):
            ask(gallery, id=known.id, before="2000-01-01")
    assert "no earlier study" in ask(gallery, id=known.id, before=49_999).note


def test_several_records_are_as_early_as_the_earliest(gallery: Gallery, rows: list[Planted]) -> None:
    own = [row for row in rows if row.patient == "patient-3" and row.date is not None]
    late, later = own[-2], own[-1]
    found = lookalike.search(gallery, ids=[late.id, later.id], only_priors=True, k=1000)
    until = min(late.date or 0, later.date or 0)
    assert {hit.id for hit in found.hits} == {row.id for row in own if (row.date or 0) < until}


def test_a_time_line_is_of_one_patient_in_the_order_of_time(gallery: Gallery, rows: list[Planted]) -> None:
    by_study: dict[str, list[Planted]] = {}
    for row in (row for row in rows if row.patient == "patient-3"):
        by_study.setdefault(row.study, []).append(row)
    asked, like = by_study["1.5.3.1"][0], rows[0]
    for other in (None, like.id):
        found = timeline(gallery, asked.id, like=other)
        query = like if other else asked
        days = [study.day for study in found.studies if study.day is not None]
        assert days == sorted(days)
        assert [study.day is None for study in found.studies] == sorted(study.day is None for study in found.studies)
        assert len(found.studies) == len(by_study)
        best = {max(some, key=lambda row: score(query, row)).id: some for some in by_study.values()}
        for study in found.studies:
            some = best[study.nearest]
            assert study.records == len(some)
            assert study.labels == tuple(sorted({row.label for row in some}))
            assert study.score == pytest.approx(max(score(query, row) for row in some), abs=1e-5)
        assert (found.study_id in {s.study_id for s in found.studies}, found.like) == (True, query.id)
    assert len(timeline(gallery, asked.id, k=2).studies) == 2


# Files


def write(folder: Path, name: str, seed: int, day: str, patient: str = "ann", **more: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    said = {"Modality": "CR", "StudyInstanceUID": f"1.9.{seed}", "SOPInstanceUID": f"1.8.{seed}", **more}
    return save(data_set(texture(seed), PatientID=patient, StudyDate=day, **said), folder / name)


def days(gallery: Gallery) -> dict[str, int | None]:
    return {Path(item.source).name: item.day for item in browse(gallery).items}


def named(gallery: Gallery, query: Path, **how: Any) -> set[str]:
    return {Path(hit.source).name for hit in lookalike.search(gallery, query, k=50, **how).hits}


def test_days_stay_right_whatever_comes_first(make_gallery: Callable[..., Gallery], tmp_path: Path) -> None:
    """An earlier study comes in later, and the first one is removed again."""
    gallery, scans = make_gallery(), tmp_path / "scans"
    write(scans, "b.dcm", 2, "20200301")
    write(scans, "c.dcm", 3, "20210301")
    write(scans, "other.dcm", 9, "20000101", "bob")
    lookalike.index(gallery, [scans])
    assert days(gallery) == {"b.dcm": 0, "c.dcm": 365, "other.dcm": 0}
    write(scans, "a.dcm", 1, "20200101")
    lookalike.index(gallery, [scans])
    assert days(gallery) == {"a.dcm": 0, "b.dcm": 60, "c.dcm": 425, "other.dcm": 0}
    (first,) = browse(gallery, where="source~a.dcm").items
    remove(gallery, [first.id])
    assert days(gallery) == {"b.dcm": 0, "c.dcm": 365, "other.dcm": 0}


def test_a_file_asks_with_its_own_date(make_gallery: Callable[..., Gallery], tmp_path: Path) -> None:
    gallery, scans, new = make_gallery(), tmp_path / "scans", tmp_path / "new"
    for name, seed, day in (("a.dcm", 1, "20200101"), ("b.dcm", 2, "20200301"), ("c.dcm", 3, "20210301")):
        write(scans, name, seed, day)
    write(scans, "undated.dcm", 4, "")
    write(scans, "bob.dcm", 5, "19990101", "bob")
    lookalike.index(gallery, [scans])
    query = write(new, "q.dcm", 60, "20200302")
    assert named(gallery, query) == {"bob.dcm"}
    assert named(gallery, query, only_priors=True) == {"a.dcm", "b.dcm"}
    assert named(gallery, query, before=1) == {"a.dcm", "b.dcm"}
    assert named(gallery, query, before=2) == {"a.dcm"}
    assert named(gallery, query, before="2020-03-01") == {"a.dcm"}
    assert named(gallery, query, before="20200302") == {"a.dcm", "b.dcm"}
    assert named(gallery, query, before="2022-01-01") == {"a.dcm", "b.dcm", "c.dcm"}
    assert named(gallery, query, before="2022-01-01", only_priors=True) == {"a.dcm", "b.dcm"}
    assert named(gallery, query, same_patient=True, exclude_priors=True) == {"c.dcm", "bob.dcm"}
    assert lookalike.search(gallery, query).query_day == 61
    assert lookalike.search(gallery, write(new, "before.dcm", 61, "20191231")).query_day == -1
    undated = write(new, "undated.dcm", 62, "")
    with pytest.raises(UsageError, match="study date"):
        named(gallery, undated, only_priors=True)
    assert named(gallery, undated, before="20200102") == {"a.dcm"}  # a date needs no other
    assert named(gallery, scans / "b.dcm", only_priors=True) == {"a.dcm"}
    with pytest.raises(UsageError, match="not known"):
        named(gallery, write(new, "nobody.dcm", 63, "20200101", ""), only_priors=True)


def test_a_study_and_a_region_ask_for_priors_too(make_gallery: Callable[..., Gallery], tmp_path: Path) -> None:
    gallery, scans = make_gallery(), tmp_path / "scans"
    for name, seed, day in (("a.dcm", 1, "20200101"), ("b.dcm", 2, "20200301"), ("c.dcm", 3, "20210301")):
        write(scans, name, seed, day)
    lookalike.index(gallery, [scans], patches=True)
    (last,) = browse(gallery, where="source~c.dcm").items
    found = lookalike.search(gallery, study=last.id, only_priors=True, before=370)
    assert {Path(hit.source).name for hit in found.hits} == {"a.dcm"}
    folder = tmp_path / "study"
    write(folder, "q.dcm", 60, "20200105", StudyInstanceUID="1.9.60")
    write(folder, "r.dcm", 61, "20200106", StudyInstanceUID="1.9.60")
    found = lookalike.search(gallery, study=folder, only_priors=True)
    assert {Path(hit.source).name for hit in found.hits} == {"a.dcm"}
    found = lookalike.search(gallery, id=last.id, box=(0.2, 0.2, 0.6, 0.6), only_priors=True)
    assert {Path(hit.source).name for hit in found.hits} == {"a.dcm", "b.dcm"}
    assert [hit.day for hit in sorted(found.hits, key=lambda hit: hit.source)] == [0, 60]


def test_a_table_that_names_other_patients_takes_days_along(
    make_gallery: Callable[..., Gallery], tmp_path: Path
) -> None:
    """A day is of a patient: whoever is renamed is dated anew, from the files."""
    gallery, scans = make_gallery(), tmp_path / "scans"
    for name, seed, day in (("a.dcm", 1, "20200101"), ("b.dcm", 2, "20200301"), ("c.dcm", 3, "20210301")):
        write(scans, name, seed, day, "anonymous" if seed < 3 else "")
    lookalike.index(gallery, [scans])
    assert days(gallery) == {"a.dcm": 0, "b.dcm": 60, "c.dcm": None}
    table = tmp_path / "patients.csv"
    table.write_text("file,patient_id\na.dcm,x\nb.dcm,y\nc.dcm,x\n")
    result = lookalike.index(gallery, [scans], labels=table)
    assert (result.added, result.skipped) == (0, 3)
    assert days(gallery) == {"a.dcm": 0, "b.dcm": 0, "c.dcm": 425}
    lookalike.index(gallery, [scans])  # without the table: all stays
    assert days(gallery) == {"a.dcm": 0, "b.dcm": 0, "c.dcm": 425}


def test_a_table_dates_files_that_are_no_dicom(make_gallery: Callable[..., Gallery], picture_folder: Path) -> None:
    gallery, table = make_gallery(), picture_folder / "dates.csv"
    rows = [f"p{n:02}.png,ann,{2020 + n}-03-01" for n in range(3)] + ["p03.png,ann,soon", "p04.png,,2020-01-01"]
    for _ in range(2):  # with the pictures, and again
        table.write_text("\n".join(["file,patient_id,StudyDate", *rows]) + "\n")
        lookalike.index(gallery, [picture_folder], labels=table)
        found = days(gallery)
        assert [found[f"p{n:02}.png"] for n in range(6)] == [0, 365, 730, None, None, None]
    assert not gallery.store.has_field("StudyDate")
    (last,) = browse(gallery, where="source~p02.png").items
    found_ = lookalike.search(gallery, id=last.id, only_priors=True)
    assert {Path(hit.source).name for hit in found_.hits} == {"p00.png", "p01.png"}
    assert "1 of the query's patient" in found_.note


def test_what_an_earlier_version_indexed_is_named_by_the_next_run(
    make_gallery: Callable[..., Gallery], tmp_path: Path
) -> None:
    """By headers alone: nothing is encoded again. A series too."""
    gallery, scans = make_gallery(linked=True), tmp_path / "scans"
    write(scans, "a.dcm", 1, "20200101")
    for n in range(4):
        place = {"ImagePositionPatient": [0, 0, n], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}
        said = {"Modality": "MR", "PixelSpacing": [1, 1], "SeriesInstanceUID": "1.6", "StudyInstanceUID": "1.9"}
        write(scans / "series", f"{n}.dcm", 20 + n, "20200111", **place, **said)
    assert lookalike.index(gallery, [scans]).added == 2
    before = named_all(gallery)
    version = gallery.store.version()
    with gallery.store.begin(write=True) as connection:
        for table in ("identities", "instances", "studies"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    assert days(gallery) == {"a.dcm": None, "series": None}
    assert lookalike.index(gallery, [scans]).skipped >= 2
    assert named_all(gallery) == before
    assert days(gallery) == {"a.dcm": 0, "series": 10}
    assert gallery.store.version() == version


def named_all(gallery: Gallery) -> Any:
    from lookalike.store.identities import dicom_identities, instances_there

    uids = ["1.8.1", *(f"1.8.{20 + n}" for n in range(4))]
    there = instances_there(gallery.store, map(gallery.store.instance_group, uids))
    records = gallery.store.records()
    return dicom_identities(gallery.store, records), len(there), standings(gallery.store, records.values())
