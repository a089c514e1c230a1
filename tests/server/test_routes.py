"""Every route, asked of a real server process."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from served import RECORDS, Server, make_gallery, problem, serving, whole

from conftest import texture
from dicoms import data_set, save
from lookalike.errors import REASONS
from lookalike.gallery import open_gallery
from lookalike.server.serialise import without_paths
from lookalike.verbs.index import index


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(make_gallery(tmp_path_factory.mktemp("served"))) as running:
        yield running


@pytest.fixture(scope="module")
def dicom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    ds = data_set(texture(70), PatientID="MRN-1", Modality="DX", WindowCenter="100", WindowWidth="150")
    return save(ds, tmp_path_factory.mktemp("query") / "q.dcm")


def records(server: Server, **params: Any) -> list[dict[str, Any]]:
    return list(server.get("/records", params=params).json()["items"])


def search(server: Server, query: dict[str, Any], **options: Any) -> dict[str, Any]:
    answer = server.post("/search", {"query": query, **options})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_health_and_metrics(server: Server) -> None:
    assert server.http.get("/healthz").json() == {"status": "ok"}
    assert server.http.get("/readyz").json() == {"status": "ready"}
    search(server, {"ids": [records(server)[0]["id"]]})
    text = server.http.get("/metrics").text
    assert f'lookalike_records{{gallery="g"}} {float(RECORDS)}' in text
    assert 'lookalike_stage_seconds_count{stage="search"}' in text
    assert 'lookalike_request_seconds_bucket{le="0.15",route="/api/v1/search"}' in text


def test_the_gallery_says_what_it_is(server: Server) -> None:
    said = server.get("/gallery").json()
    assert (said["name"], said["records"], said["refused"], said["role"]) == ("g", RECORDS, 0, "admin")
    assert [(space["name"], space["kind"]) for space in said["spaces"]] == [("base", "base")]
    assert said["fields"] == [{"name": "site", "kind": "text"}]
    assert said["labels"] == ["even", "odd"]
    assert (said["volumes"], said["patches"], said["imports"]) == (False, False, [])
    assert said["encoder"]["dim"] == 384
    assert "not a medical device" in said["disclaimer"]


def test_an_upload_is_described_drawn_and_given_back(server: Server, dicom: Path) -> None:
    answer = server.http.post("/api/v1/uploads", files={"file": ("../../etc/q.dcm", dicom.read_bytes())})
    assert answer.status_code == 201
    said = answer.json()
    assert said["name"] == ".._.._etc_q.dcm".lstrip(".")
    assert {**said, "id": "", "name": ""} == {
        "id": "",
        "name": "",
        "kind": "image",
        "rows": 64,
        "columns": 64,
        "depth": 1,
        "modality": "DX",
        "window": [100.0, 150.0],
        "plane": "",
        "viewer": "dicom",
        "files": 1,
        "units": "",
    }
    drawn = server.get(f"/uploads/{said['id']}/picture", params={"size": 32})
    assert drawn.headers["content-type"] == "image/jpeg"
    assert PIL.Image.open(io.BytesIO(drawn.content)).size == (32, 32)
    given = server.get(f"/uploads/{said['id']}/file")
    assert given.content == dicom.read_bytes()
    assert given.headers["content-type"] == "application/octet-stream"
    problem(server.get(f"/uploads/{said['id']}/file", params={"n": 1}), 404, "not-found")
    problem(server.get("/uploads/nothing/picture"), 404, "no-upload")


def test_an_upload_finds_what_looks_like_it_and_shows_no_path(server: Server, dicom: Path) -> None:
    found = search(server, {"image": server.upload(dicom)}, k=3, explain=True)
    assert (found["query"], found["space"], len(found["hits"])) == ("q.dcm", "base", 3)
    assert [hit["rank"] for hit in found["hits"]] == [1, 2, 3]
    assert all(0 <= hit["percentile"] <= 100 and hit["patient"] and hit["depth"] == 1 for hit in found["hits"])
    assert len(found["background"]["edges"]) == len(found["background"]["counts"]) + 1
    assert not any("/" in hit["source"] for hit in found["hits"])
    assert str(server.folder.parent) not in str(found)


def test_examples_groups_filters_and_vectors(server: Server) -> None:
    first, second, third = (one["id"] for one in records(server, limit=3))
    plain = search(server, {"ids": [first]}, k=12)
    assert first not in [hit["id"] for hit in plain["hits"]]
    moved = search(server, {"ids": [first]}, k=12, positive=[second], negative=[third])
    scores = {hit["id"]: hit["score"] for hit in moved["hits"]}
    assert third not in scores
    assert scores[second] > {hit["id"]: hit["score"] for hit in plain["hits"]}[second]
    grouped = search(server, {"ids": [first]}, k=12, group_by="patient")
    assert len(grouped["hits"]) == len({hit["patient"] for hit in plain["hits"]}) == 3
    north = search(server, {"ids": [first, second]}, k=12, where="site=north")
    assert {hit["attributes"]["site"] for hit in north["hits"]} == {"north"}
    by_vector = search(server, {"vector": [1.0] * 384}, k=12)
    assert len(by_vector["hits"]) == RECORDS


def test_what_cannot_be_asked_is_said(server: Server) -> None:
    first = records(server)[0]["id"]
    problem(server.post("/search", {"query": {"ids": ["nobody"]}}), 404, "not-found")
    problem(server.post("/search", {"query": {}}), 422, "invalid")
    problem(server.post("/search", {"query": {"ids": [first], "vector": [1.0]}}), 422, "invalid")
    problem(server.post("/search", {"query": {"ids": [first]}, "kk": 3}), 422, "invalid")
    problem(server.post("/search", {"query": {"ids": [first]}, "space": "nowhere"}), 404, "no-space")
    problem(server.post("/search", {"query": {"ids": [first]}, "where": "site ="}), 400, "usage")
    problem(server.post("/search", {"query": {"ids": [first]}, "where": "nothing=1"}), 400, "usage")
    problem(server.post("/search", {"query": {"text": "effusion"}}), 400, "usage")
    problem(server.post("/search", {"query": {"vector": [0.0]}}), 400, "usage")
    problem(server.get("/nothing"), 404, "not-found")
    problem(server.http.put("/api/v1/search"), 405, "method-not-allowed")


def test_pages_of_records(server: Server) -> None:
    ids, cursor = [], None
    while True:
        page = server.get("/records", params={"limit": 5, **({"cursor": cursor} if cursor else {})}).json()
        ids += [one["id"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(ids) == len(set(ids)) == RECORDS
    assert len(records(server, where="label=even and site=north")) == 3
    problem(server.get("/records", params={"cursor": "-1"}), 400, "usage")
    problem(server.get("/records", params={"limit": 0}), 422, "invalid")


def test_one_record_and_its_files(server: Server) -> None:
    one = records(server)[0]
    assert server.get(f"/records/{one['id']}").json() == one
    assert one["source"] == "p00.png"
    thumbnail = server.get(f"/records/{one['id']}/thumbnail")
    assert PIL.Image.open(io.BytesIO(thumbnail.content)).size == (64, 64)
    picture = server.get(f"/records/{one['id']}/picture", params={"size": 48})
    assert PIL.Image.open(io.BytesIO(picture.content)).size == (48, 48)
    files = {"viewer": "picture", "count": 1, "plane": "", "rows": 64, "columns": 64, "units": ""}
    assert server.get(f"/records/{one['id']}/files").json() == files
    raw = server.get(f"/records/{one['id']}/file")
    assert raw.content == (server.folder.parent / "pictures" / "p00.png").read_bytes()
    problem(server.get("/records/nobody"), 404, "not-found")
    problem(server.get("/records/nobody/thumbnail"), 404, "not-found")


def test_a_source_that_is_gone_is_said(server: Server) -> None:
    one = records(server, where="source~p05")[0]
    path = server.folder.parent / "pictures" / "p05.png"
    aside = path.rename(path.with_suffix(".aside"))
    for part in ("file", "picture", "files"):
        problem(server.get(f"/records/{one['id']}/{part}"), 404, "source-gone")
    assert server.get(f"/records/{one['id']}/thumbnail").status_code == 200
    aside.rename(path)


def test_facets(server: Server) -> None:
    items = {one["field"]: one for one in server.get("/facets").json()["items"]}
    assert items["site"]["values"] == [{"value": "north", "count": 6}, {"value": "south", "count": 6}]
    assert list(items) == ["label", "site"]
    north = server.get("/facets", params={"where": "site=north and label=odd"}).json()["items"]
    assert north[1]["values"] == [{"value": "north", "count": 3}]


def test_labels_are_set_added_and_removed(server: Server) -> None:
    first, second = (one["id"] for one in records(server, limit=2))
    said = server.http.patch(f"/api/v1/records/{first}", json={"labels": ["new", "new", " x\ty "]}).json()
    assert said["labels"] == ["new", "x y"]
    change = {"ids": [first, second], "add": ["bulk"], "remove": ["new"]}
    done = server.post("/labels", change).json()
    assert done["changed"] == 2
    assert server.post("/labels", change).json() == {"changed": 0, "change": None}
    assert server.get(f"/records/{first}").json()["labels"] == ["bulk", "x y"]
    assert server.post("/labels/undo", {}).json() == done
    assert server.get(f"/records/{first}").json()["labels"] == ["new", "x y"]
    problem(server.post("/labels/undo", {"change": done["change"]}), 400, "usage")
    assert [each["undone"] is None for each in server.get("/labels/log").json()["items"]][:2] == [False, True]
    assert server.post("/labels", change).json()["changed"] == 2
    assert first in [hit["id"] for hit in search(server, {"ids": [second]}, where="label=bulk")["hits"]]
    problem(server.post("/labels", {"ids": [first, "nobody"], "add": ["z"]}), 404, "not-found")
    assert server.get(f"/records/{first}").json()["labels"] == ["bulk", "x y"]
    server.http.patch(f"/api/v1/records/{first}", json={"labels": ["even"]})
    server.http.patch(f"/api/v1/records/{second}", json={"labels": ["odd"]})


def test_classify_and_explain(server: Server, dicom: Path) -> None:
    upload, first = server.upload(dicom), records(server)[0]["id"]
    said = server.post("/classify", {"query": {"image": upload}, "method": "knn", "k": 3, "space": "base"}).json()
    assert {one["label"] for one in said["labels"]} == {"even", "odd"}
    assert said["query"] == "q.dcm"
    assert all("/" not in one["source"] for one in said["evidence"])
    why = server.post("/explain", {"query": {"image": upload}, "record": first}).json()
    heat = why["hit"]["heat"]
    assert (len(heat), len(heat[0])) == (why["hit"]["rows"], why["hit"]["columns"])
    problem(server.post("/explain", {"query": {"vector": [1.0] * 384}, "record": first}), 400, "usage")
    roi = {"roi": {"image": upload, "slice": None, "box": [0.1, 0.1, 0.6, 0.6]}}
    problem(server.post("/search", {"query": roi}), 400, "usage")  # this gallery keeps no patches


def test_an_upload_that_is_no_picture_is_refused_with_its_reason(server: Server) -> None:
    for name, data, reason in (
        ("x.png", b"\x89PNG\r\n\x1a\n broken", "damaged-header"),
        ("x.bin", b"hello", "not-an-image"),
        ("x.png", b"", "empty-file"),
    ):
        answer = server.http.post("/api/v1/uploads", files={"file": (name, data)})
        problem(answer, 422, reason)


def test_refused_files_are_told_by_name_with_advice(tmp_path: Path) -> None:
    folder = make_gallery(tmp_path)
    for number in range(3):
        (tmp_path / "pictures" / f"broken{number}.dcm").write_bytes(b"\0" * 128 + b"DICM broken")
    with open_gallery(folder) as gallery:
        index(gallery, [tmp_path / "pictures"])
    with serving(folder) as server:
        first = server.get("/refused", params={"limit": 2})
        last = server.get("/refused", params={"limit": 2, "cursor": first.json()["next_cursor"]}).json()
        assert str(tmp_path) not in first.text
        items = first.json()["items"] + last["items"]
        assert [one["source"] for one in items] == [f"broken{number}.dcm" for number in range(3)]
        assert all(REASONS[one["reason"]] == one["advice"] for one in items)
        assert (last["next_cursor"], server.get("/gallery").json()["refused"]) == (None, 3)
        problem(server.get("/refused", params={"cursor": "/etc"}), 400, "usage")


def test_a_region_is_searched_and_explained(tmp_path: Path) -> None:
    folder, pictures = make_gallery(tmp_path), tmp_path / "pictures"
    with open_gallery(folder) as gallery:
        index(gallery, [pictures], patches=True)
    with serving(folder) as server:
        assert server.get("/gallery").json()["patches"] is True
        box = [0.1, 0.2, 0.6, 0.7]
        upload = server.upload(pictures / "p00.png")
        for source in ({"image": upload}, {"record": records(server)[0]["id"]}):
            found = search(server, {"roi": {**source, "slice": None, "box": box}}, k=3)
            assert len(found["hits"]) == 3
            assert str(tmp_path) not in str(found)
            assert all(len(hit["region"]["box"]) == 4 for hit in found["hits"])
            body = {"query": {"roi": {**source, "box": box}}, "record": found["hits"][0]["id"]}
            why = server.post("/explain", body).json()
            assert why["hit"]["box"] is not None
        framed = tmp_path / "framed.png"
        PIL.Image.fromarray(np.pad(texture(0), [(20, 0), (0, 0)])).save(framed)
        margin = {"query": {"roi": {"image": server.upload(framed), "box": [0, 0, 1, 0.2]}}}
        problem(server.post("/search", margin), 400, "region-unseen")
        elsewhere = {"query": {"roi": {"image": upload, "box": box}}, "space": "s"}
        problem(server.post("/search", elsewhere), 400, "usage")


def test_messages_call_files_by_their_names() -> None:
    said = without_paths("no such file: /data/secret/new folder/x.dcm; see /gallery, or POST /map; ./a/b, /a/b/ c")
    assert "secret" not in said
    assert "/gallery" in said
    assert "POST /map" in said


def test_a_removed_record_is_nowhere_any_more(tmp_path: Path) -> None:
    with serving(make_gallery(tmp_path)) as server:
        first, second = records(server, limit=2)
        assert server.http.delete(f"/api/v1/records/{first['id']}").json() == whole(1)
        problem(server.get(f"/records/{first['id']}"), 404, "not-found")
        problem(server.get(f"/records/{first['id']}/thumbnail"), 404, "not-found")
        problem(server.http.delete(f"/api/v1/records/{first['id']}"), 404, "not-found")
        found = search(server, {"vector": [1.0] * 384}, k=50)
        assert found["records"] == len(found["hits"]) == RECORDS - 1
        same = [one for one in records(server) if one["patient"] == second["patient"]]
        said = server.http.delete(f"/api/v1/patients/{second['patient']}").json()
        assert said == whole(len(same))
        left = RECORDS - 1 - len(same)
        assert len(search(server, {"vector": [1.0] * 384}, k=50)["hits"]) == left
        problem(server.http.delete("/api/v1/patients/nobody"), 404, "not-found")
        with sqlite3.connect(server.folder / "gallery.db") as database:
            for table in ("records", "vectors", "thumbnails", "files"):
                assert database.execute(f"SELECT count(*) FROM {table}").fetchone() == (left,), table
            for table in ("labels", "attributes"):
                orphans = f"SELECT count(*) FROM {table} WHERE record NOT IN (SELECT key FROM records)"
                assert database.execute(orphans).fetchone() == (0,), table
        # Not a byte of it is left in the database or in its log.
        everything = b"".join(path.read_bytes() for path in server.folder.rglob("gallery.db*"))
        assert first["id"].encode() not in everything
        assert second["id"].encode() not in everything
