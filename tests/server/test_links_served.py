"""Links into the PACS, and a question in the shape of QIDO-RS: where the service knows the PACS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydicom.dataset import Dataset
from served import API, Server, problem, serving

import lookalike
from conftest import texture
from dicoms import data_set, save
from lookalike.verbs.keys import add_key

UID = "1.2.826.0.613"
VIEWER, DICOMWEB = "https://ohif.example/viewer", "https://pacs.example/dicom-web"
STUDIES = 3
IMAGES = 2


def uids(study: int, image: int) -> dict[str, str]:
    return {
        "StudyInstanceUID": f"{UID}.{study}",
        "SeriesInstanceUID": f"{UID}.{study}.1",
        "SOPInstanceUID": f"{UID}.{study}.1.{image}",
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("links")
    (made / "scans").mkdir()
    for study in range(STUDIES):
        for image in range(IMAGES):
            part = "HAND" if study == STUDIES - 1 else "CHEST"
            said = {"Modality": "CR", "PatientID": f"P{study}", "StudyDate": "20200102", "BodyPartExamined": part}
            said |= uids(study, image)
            save(data_set(texture(study * 10 + image), **said), made / "scans" / f"{study}-{image}.dcm")
    for linked in (True, False):
        with lookalike.open(made / f"linked-{linked}" / "g", create=True, linked=linked) as gallery:
            lookalike.index(gallery, [made / "scans"])
    return made


@pytest.fixture(scope="module")
def server(folder: Path, keys: dict[str, str]) -> Iterator[Server]:
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:  # the process takes it along; other servers here do not
            patch.setenv("LOOKALIKE_VIEWER", VIEWER)
            patch.setenv("LOOKALIKE_DICOMWEB", DICOMWEB + "/")
            running = stack.enter_context(serving(folder / "linked-True" / "g", key=keys["whole"]))
        yield running


@pytest.fixture(scope="module")
def keys(folder: Path) -> dict[str, str]:
    """A reader of the whole gallery, and one of a part of it."""
    with lookalike.open(folder / "linked-True" / "g") as gallery:
        parts = {"whole": "", "chests": "BodyPartExamined=CHEST"}
        return {name: add_key(gallery, name, role="reader", where=where).key for name, where in parts.items()}


def rows(answer: httpx.Response) -> list[Dataset]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/dicom+json"
    return [Dataset.from_json(row) for row in answer.json()]


def test_a_hit_carries_links_to_the_viewer_and_to_wado(server: Server) -> None:
    ids = {one["source"]: one["id"] for one in server.get("/records").json()["items"]}
    hits = server.post("/search", {"query": {"ids": [ids["0-0.dcm"]]}, "k": 4}).json()["hits"]
    assert len(hits) == 4
    for hit in hits:
        study, image = map(int, hit["source"].removesuffix(".dcm").split("-"))
        links, named = hit["links"], uids(study, image)
        assert links["instance"] == f"{links['series']}/instances/{named['SOPInstanceUID']}"
        assert links["series"] == f"{links['study']}/series/{named['SeriesInstanceUID']}"
        assert links["study"] == f"{DICOMWEB}/studies/{named['StudyInstanceUID']}"
        assert links["viewer"].startswith(f"{VIEWER}?")
        assert {uid for (uid,) in parse_qs(urlsplit(links["viewer"]).query).values()} == set(named.values())
        assert server.get(f"/records/{hit['id']}/links").json() == {"id": hit["id"], "links": links}


def test_the_panel_is_told_the_same_with_links_that_open_both(server: Server) -> None:
    asked = {"SimilarTo": f"{UID}.0.1.0", "limit": 5}
    told = server.get("/similar-studies", params=asked).json()
    listed = rows(server.get("/dicom-web/studies", params=asked))
    assert told["named"] == "instance"
    assert server.get(f"/records/{told['id']}").json()["source"] == "0-0.dcm"
    assert [each["score"] for each in told["studies"]] == [row[0x00771001].value for row in listed]
    for each, row in zip(told["studies"], listed, strict=True):
        assert each["identity"]["study_instance_uid"] == row.StudyInstanceUID
        opened = parse_qs(urlsplit(each["links"]["beside"]).query)
        assert opened == {
            "StudyInstanceUIDs": [f"{UID}.0,{row.StudyInstanceUID}"],
            "initialSeriesInstanceUID": [f"{UID}.0.1,{row.StudyInstanceUID}.1"],
            "hangingProtocolId": ["@ohif/hpCompare"],
        }


FRAMED = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}


def test_the_viewer_alone_may_frame_the_panel_and_nothing_else(server: Server) -> None:
    panel = server.http.get("/panel", headers=FRAMED)
    assert panel.status_code in (200, 404)  # whether it is built or not
    assert "frame-ancestors https://ohif.example" in panel.headers["content-security-policy"].split("; ")
    assert "x-frame-options" not in panel.headers
    assert panel.headers["cross-origin-embedder-policy"] == "require-corp"
    for path in ("/", "/index.html", "/panel/", f"{API}/gallery", f"{API}/similar-studies?SimilarTo=1"):
        other = server.http.get(path, headers=FRAMED)
        problem(other, 403, "cross-site")
        assert other.headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in other.headers["content-security-policy"]
    for changed in ({"Sec-Fetch-Dest": "script"}, {"Sec-Fetch-Mode": "cors"}, {"Origin": "https://ohif.example"}):
        problem(server.http.get("/panel", headers={**FRAMED, **changed}), 403, "cross-site")


@pytest.mark.parametrize("asked", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"])
def test_studies_come_most_similar_first_as_qido_gives_them(server: Server, asked: str) -> None:
    found = rows(server.get("/dicom-web/studies", params={"SimilarTo": uids(0, 0)[asked], "limit": 5}))
    assert {row.StudyInstanceUID for row in found} == {f"{UID}.{study}" for study in range(1, STUDIES)}
    scores = [row.private_block(0x0077, "LOOKALIKE")[0x01].value for row in found]
    assert scores == sorted(scores, reverse=True)
    for rank, row in enumerate(found, 1):
        block = row.private_block(0x0077, "LOOKALIKE")
        assert block[0x02].value == rank
        assert block[0x03].value in {uids(int(row.StudyInstanceUID[-1]), image)["SOPInstanceUID"] for image in range(2)}
        assert server.get(f"/records/{block[0x04].value}").status_code == 200
        assert (row.StudyDate, row.ModalitiesInStudy) == ("20200102", "CR")
        assert row.RetrieveURL == f"{DICOMWEB}/studies/{row.StudyInstanceUID}"


def test_a_filter_and_a_limit_narrow_it(server: Server) -> None:
    asked = {"SimilarTo": f"{UID}.0.1.0", "limit": 1}
    assert len(rows(server.get("/dicom-web/studies", params=asked))) == 1
    assert rows(server.get("/dicom-web/studies", params={**asked, "where": "Modality=MR"})) == []


def test_who_sees_a_part_is_told_of_no_other_study(server: Server, keys: dict[str, str]) -> None:
    as_part = {"Authorization": f"Bearer {keys['chests']}"}
    asked = {"SimilarTo": f"{UID}.0", "limit": 5}
    found = rows(server.get("/dicom-web/studies", params=asked, headers=as_part))
    assert [row.StudyInstanceUID for row in found] == [f"{UID}.1"]
    told = server.get("/similar-studies", params=asked, headers=as_part).json()["studies"]
    assert [each["identity"]["study_instance_uid"] for each in told] == [f"{UID}.1"]
    for uid in uids(STUDIES - 1, 0).values():
        for path in ("/dicom-web/studies", "/similar-studies"):
            problem(server.get(path, params={"SimilarTo": uid}, headers=as_part), 404, "unknown-uid")


def test_what_nobody_knows_and_what_is_no_uid(server: Server) -> None:
    problem(server.get("/dicom-web/studies", params={"SimilarTo": "1.2.3.4"}), 404, "unknown-uid")
    assert server.get("/dicom-web/studies", params={"SimilarTo": "x"}).status_code == 422
    assert server.get("/dicom-web/studies").status_code == 422


@pytest.mark.parametrize("linked", [True, False])
def test_without_an_address_no_uid_leaves(folder: Path, keys: dict[str, str], linked: bool) -> None:
    with serving(folder / f"linked-{linked}" / "g", key=keys["whole"] if linked else "") as running:
        record = running.get("/records").json()["items"][0]["id"]
        assert running.get(f"/records/{record}/links").json()["links"] == {}
        answer = running.post("/search", {"query": {"ids": [record]}})
        assert UID not in answer.text
        for path in ("/dicom-web/studies", "/similar-studies"):
            problem(running.get(path, params={"SimilarTo": f"{UID}.0"}), 403, "forbidden")
        problem(running.http.get("/panel", headers=FRAMED), 403, "cross-site")
        assert UID not in running.http.get(f"{API}/gallery").text
