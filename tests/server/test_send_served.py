"""Answers that callers have filed: to the service's destinations alone, of what they see, and noted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import pydicom
import pytest
from fastapi.testclient import TestClient
from pydicom.uid import CTImageStorage
from served import API, problem

import lookalike
from conftest import texture
from dicoms import data_set, save
from lookalike.audit_log.place import audit_place
from lookalike.audit_log.verify import audit_lines
from lookalike.server.app import make_app
from lookalike.server.settings import ServerSettings
from lookalike.verbs.keys import add_key
from lookalike.verbs.send import SENT_KINDS, Sent

BASE: Final = "http://127.0.0.1:8765"
UID: Final = "1.2.826.0.614"
NOBODY: Final = "dimse://PEER@127.0.0.1:1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A linked gallery of four studies; the last one is of a hand."""
    made = tmp_path_factory.mktemp("filed")
    (made / "scans").mkdir()
    (made / "archive").mkdir()
    for n in range(4):
        place = {"ImagePositionPatient": [0, 0, 0], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "SliceThickness": 1}
        uids = {
            "StudyInstanceUID": f"{UID}.{n}",
            "SeriesInstanceUID": f"{UID}.{n}.1",
            "FrameOfReferenceUID": f"{UID}.9",
        }
        said = {"PatientID": f"P{n}", "BodyPartExamined": "HAND" if n == 3 else "CHEST", "PixelSpacing": [1, 1], **uids}
        own = {"SOPClassUID": CTImageStorage, "SOPInstanceUID": f"{UID}.{n}.1.1", "PositionReferenceIndicator": ""}
        save(data_set(texture(n), Modality="CT", **said, **own, **place), made / "scans" / f"{n}.dcm")
    with lookalike.open(made / "g", create=True, linked=True) as gallery:
        lookalike.index(gallery, [made / "scans"], patches=True)
    return made


@pytest.fixture(scope="module")
def keys(folder: Path) -> dict[str, dict[str, str]]:
    parts = {"contributor": "", "chests": "BodyPartExamined=CHEST", "reader": ""}
    with lookalike.open(folder / "g") as gallery:
        made = {
            name: add_key(gallery, name, role="reader" if name == "reader" else "contributor", where=where).key
            for name, where in parts.items()
        }
    return {name: {"Authorization": f"Bearer {key}"} for name, key in made.items()}


@pytest.fixture(scope="module")
def client(folder: Path, keys: dict[str, dict[str, str]]) -> Iterator[TestClient]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOOKALIKE_SEND_TO", f"archive={folder / 'archive'}; pacs={NOBODY}")
        settings = ServerSettings(audit_log=str(folder / "audit"))
        with TestClient(make_app(folder / "g", settings), base_url=BASE) as running:
            yield running


@pytest.fixture(scope="module")
def ids(client: TestClient, keys: dict[str, dict[str, str]]) -> list[str]:
    items = client.get(f"{API}/records", headers=keys["contributor"]).json()["items"]
    return [one["id"] for one in sorted(items, key=lambda one: one["source"])]


def asked(client: TestClient, id: str, headers: dict[str, str], **body: Any) -> Any:
    return client.post(f"{API}/records/{id}/send", json={"to": "archive", **body}, headers=headers)


@pytest.mark.parametrize("kind", SENT_KINDS)
def test_an_answer_is_filed_and_told_as_the_command_tells_it(
    kind: str, client: TestClient, ids: list[str], keys: dict[str, dict[str, str]], folder: Path
) -> None:
    answer = asked(client, ids[0], keys["contributor"], kind=kind, k=2)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert [*told] == [field.name for field in fields(Sent)]
    assert (told["kind"], told["to"], told["study_instance_uid"]) == (kind, "archive", f"{UID}.0")
    assert str(folder) not in answer.text
    made = pydicom.dcmread(folder / "archive" / f"{told['sop_instance_uid']}.dcm")
    assert (made.StudyInstanceUID, made.SOPClassUID.name) == (f"{UID}.0", told["sop_class"])
    place = audit_place(folder / "audit")
    assert place is not None
    (*_, line) = (line.fields for line in audit_lines(place) if line.fields is not None)
    assert (line["kind"], line["who"], line["outcome"]) == ("export", "contributor", "done")
    assert {ids[0], *told["cases"]} == {*line["records"]}
    assert (line["detail"]["sent"], line["detail"]["to"]) == (kind, "archive")


def test_it_goes_nowhere_else(
    client: TestClient, ids: list[str], keys: dict[str, dict[str, str]], folder: Path
) -> None:
    kept = sorted((folder / "archive").iterdir())
    for to in ("elsewhere", str(folder / "archive")[:64], "dicomweb+https://evil.example", NOBODY):
        answer = asked(client, ids[0], keys["contributor"], kind="sr", to=to)
        problem(answer, 400, "usage")
        assert re.search("archive, pacs", answer.json()["detail"])
        assert str(folder) not in answer.text
    refused = asked(client, ids[0], keys["contributor"], kind="sr", to="pacs")
    problem(refused, 424, "pacs")
    assert "127.0.0.1" not in refused.text
    problem(asked(client, ids[0], keys["contributor"], kind="pdf"), 422, "invalid")
    problem(asked(client, ids[0], keys["reader"], kind="sr"), 403, "role")
    assert sorted((folder / "archive").iterdir()) == kept


def test_who_sees_a_part_files_answers_of_that_part(
    client: TestClient, ids: list[str], keys: dict[str, dict[str, str]]
) -> None:
    told = asked(client, ids[0], keys["chests"], kind="sr", k=10).json()
    assert {*told["cases"]} == {*ids[1:3]}
    assert asked(client, ids[3], keys["chests"], kind="sr").status_code == 404
    assert asked(client, ids[0], keys["chests"], kind="seg", record=ids[3]).status_code == 404


def test_without_a_destination_nothing_is_filed(
    folder: Path, ids: list[str], keys: dict[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOOKALIKE_SEND_TO")
    with TestClient(make_app(folder / "g"), base_url=BASE) as client:
        answer = asked(client, ids[0], keys["contributor"], kind="sr")
        problem(answer, 400, "usage")
        assert "LOOKALIKE_SEND_TO" in answer.json()["detail"]
