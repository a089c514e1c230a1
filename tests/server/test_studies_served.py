"""Whole studies over HTTP: several uploads as one, the same answer as the command's, and each upload its sender's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from served import Server, problem, serving

import lookalike
from conftest import texture
from dicoms import data_set, save
from lookalike.gallery import open_gallery
from lookalike.verbs.keys import add_key
from lookalike.verbs.records import study_records
from started import ran

VIEWS: Final = ("PA", "LATERAL")


def write_study(folder: Path, study: int, *seeds: int, slices: int = 0) -> list[Path]:
    """A study of radiographs, and a CT series of some slices; its files by series."""
    folder.mkdir(parents=True)
    common = {"StudyInstanceUID": f"1.7.{study}", "PatientID": f"patient-{study}"}
    for number, seed in enumerate(seeds):
        header = {"Modality": "CR", "ViewPosition": VIEWS[number], "SOPInstanceUID": f"1.8.{study}.{number}"}
        save(data_set(texture(seed), **common, **header), folder / f"{number}.dcm")
    for slice_ in range(slices):
        place = {"ImagePositionPatient": [0, 0, slice_], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}
        series = {"Modality": "CT", "SeriesInstanceUID": f"1.6.{study}", "PixelSpacing": [1, 1]}
        header = {"SOPInstanceUID": f"1.9.{study}.{slice_}", **place, **series}
        save(data_set(texture(200 + study + slice_), **common, **header), folder / f"ct{slice_}.dcm")
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("served")
    for study in range(1, 5):
        write_study(base / "scans" / f"s{study}", study, study, 50 + study, slices=6)
    write_study(base / "exam", 9, 2, 52, slices=6)
    with open_gallery(base / "g", create=True) as gallery:
        assert lookalike.index(gallery, [base / "scans"]).added == 12
    return base


@pytest.fixture(scope="module")
def keys(folder: Path) -> dict[str, str]:
    with open_gallery(folder / "g") as gallery:
        return {name: add_key(gallery, name, role="reader").key for name in ("me", "other")}


@pytest.fixture(scope="module")
def server(folder: Path, keys: dict[str, str]) -> Iterator[Server]:
    with serving(folder / "g", key=keys["me"]) as running:
        yield running


def as_told(answer: dict[str, Any]) -> dict[str, Any]:
    """Without what may differ: how long it took, paths, what the query is called, the last digits of a sum."""
    hits = [{**hit, "source": Path(hit["source"]).name, "score": round(hit["score"], 5)} for hit in answer["hits"]]
    for hit in hits:
        hit["study"] = {**hit["study"], "kinds": {name: round(c, 5) for name, c in hit["study"]["kinds"].items()}}
    return {**answer, "hits": hits, "seconds": None, "query": None}


@pytest.fixture(scope="module")
def uploads(server: Server, folder: Path) -> list[str]:
    """One for each picture, and one for the series, its slices out of order."""
    files = sorted((folder / "exam").iterdir())
    slices = [file for file in files if file.name.startswith("ct")]
    return [*(server.upload(file) for file in files if file not in slices), server.upload(*slices[::-1])]


def test_uploads_ask_as_the_folder_does(server: Server, folder: Path, uploads: list[str]) -> None:
    call = ["search", "--study", folder / "exam", "-k", "4", "--where", "Modality=CR or Modality=CT"]
    told = ran(*call, "--gallery", server.folder, "--json")
    body = {"query": {"study_uploads": uploads}, "k": 4, "where": "Modality=CR or Modality=CT"}
    over_http = server.post("/search", body)
    by_command = json.loads(told.stdout)
    assert as_told(over_http.json()) == as_told(by_command)
    best = over_http.json()["hits"][0]
    assert set(best["study"]["kinds"]) == {"CR LATERAL", "CR PA", "CT axial"}
    assert best["study"]["records"] == 3
    # However often and in whatever order they ask; once each.
    again = server.post("/search", {**body, "query": {"study_uploads": [*uploads[::-1], uploads[0]]}})
    assert as_told(again.json())["hits"] == as_told(by_command)["hits"]


def test_the_slices_of_a_series_may_come_one_by_one(server: Server, folder: Path, uploads: list[str]) -> None:
    each = [server.upload(file) for file in sorted((folder / "exam").iterdir())]
    whole, single = (server.post("/search", {"query": {"study_uploads": ids}}).json() for ids in (uploads, each))
    assert as_told(single)["hits"] == as_told(whole)["hits"]


def test_an_upload_asks_for_its_sender_alone(server: Server, uploads: list[str], keys: dict[str, str]) -> None:
    theirs = {"Authorization": f"Bearer {keys['other']}"}
    for ids in (uploads, [uploads[0], "gone"]):
        answer = server.post("/search", {"query": {"study_uploads": ids}}, headers=theirs if ids is uploads else None)
        problem(answer, 404, "no-upload")


def test_what_is_no_study_is_named(server: Server, folder: Path, uploads: list[str], tmp_path: Path) -> None:
    others = server.upload(folder / "scans" / "s1" / "0.dcm")
    two = server.post("/search", {"query": {"study_uploads": [uploads[0], others]}})
    problem(two, 400, "usage")
    assert "2 studies" in two.json()["detail"]
    (tmp_path / "labels.csv").write_text("file,label\n")
    table = server.post("/search", {"query": {"study_uploads": [server.upload(tmp_path / "labels.csv")]}})
    problem(table, 400, "usage")
    assert str(tmp_path.root) + "tmp" not in table.json()["detail"]
    record = server.get("/records", params={"limit": 1}).json()["items"][0]["id"]
    body = {"query": {"study_uploads": uploads}}
    for path, more in (("/explain", {"record": record}), ("/classify", {})):
        problem(server.post(path, {**body, **more}), 400, "usage")
    for query in ({"study_uploads": []}, {"study_uploads": uploads, "report": "x"}, {"study_uploads": ["x"] * 201}):
        assert server.post("/search", {"query": query}).status_code == 422


def test_the_records_of_a_study(server: Server, folder: Path) -> None:
    with open_gallery(server.folder) as gallery:
        found = {record.id: record for record in gallery.store.records().values()}
        one = next(identity for identity, record in found.items() if "/s3/" in record.source)
        listed = study_records(gallery, one)
    assert {Path(found[each.id].source).parent.name for each in listed.items} == {"s3"}
    assert len(listed.items) == 3
    over_http = server.get(f"/records/{one}/study").json()
    assert (over_http["study"], [each["id"] for each in over_http["items"]]) == (
        listed.study,
        [each.id for each in listed.items],
    )
    problem(server.get("/records/gone/study"), 404, "not-found")
    told = server.get("/gallery").json()
    assert (told["studies"], told["reports"]) == (4, 0)
