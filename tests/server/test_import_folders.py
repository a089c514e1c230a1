"""Folders of an import folder: listed and indexed by name, and none that lies elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import PIL.Image
import pytest
from fastapi.testclient import TestClient
from served import API, eventually, make_gallery, problem

from conftest import texture
from lookalike.errors import NotFoundError
from lookalike.server.app import make_app
from lookalike.server.imports import import_folders, list_import_folders
from lookalike.server.settings import ServerSettings


def incoming(base: Path) -> Path:
    """Folders, a table beside them, what is none of them, and what leads elsewhere."""
    root = base / "incoming"
    for name in ("2026/May", "2026/June", "Müller, Anna", ".hidden", "viewer.app", "line\nbreak", os.fsdecode(b"\xff")):
        (root / name).mkdir(parents=True)
    (base / "outside" / "inner").mkdir(parents=True)
    (root / "link").symlink_to(base / "outside")
    (root / "again").symlink_to(root / "2026")
    (root / "file").write_text("")
    (root / "labels.csv").write_text("file,label\nmay.png,found\njune.png,missed\n")
    for seed, name in enumerate(("May/may", "June/june")):
        PIL.Image.fromarray(texture(900 + seed)).save(root / "2026" / f"{name}.png")
    return root


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return incoming(tmp_path_factory.mktemp("imports"))


@pytest.fixture(scope="module")
def client(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = ServerSettings(imports={"new": root})
    gallery = make_gallery(tmp_path_factory.mktemp("gallery"))
    with TestClient(make_app(gallery, settings), base_url="http://127.0.0.1:8765") as running:
        yield running


def test_folders_are_listed_by_name_and_indexed_one_by_one(client: TestClient, root: Path) -> None:
    listed = client.post(f"{API}/imports/new", json={})
    assert listed.json() == {"items": ["2026", "Müller, Anna", "\\udcff", "line\\nbreak"], "left_out": 0}
    assert str(root.parent) not in listed.text
    assert client.post(f"{API}/imports/new", json={"subfolders": ["2026"]}).json()["items"] == ["June", "May"]
    answer = client.post(f"{API}/index", json={"import": "new", "subfolders": ["2026", "May"]})
    assert str(root.parent) not in answer.text
    where = answer.headers["location"]
    job = eventually(lambda: client.get(where).json(), lambda job: job["state"] in ("done", "failed"))
    assert (job["state"], job["result"]["added"]) == ("done", 1)
    (found,) = client.get(f"{API}/records", params={"where": "label=found"}).json()["items"]
    assert found["source"] == "may.png"
    problem(client.post(f"{API}/imports/old", json={}), 404, "no-import")
    problem(client.post(f"{API}/index", json={"uploads": ["x"], "subfolders": ["2026"]}), 422, "invalid")


@pytest.mark.parametrize(
    "way",
    [
        ["link"],
        ["again"],
        ["link", "inner"],
        [".."],
        ["."],
        ["2026", ".."],
        ["2026/May"],
        [".hidden"],
        ["file"],
        ["/etc"],
        ["../outside"],
        ["2026\0"],
        ["nowhere"],
    ],
)
def test_nothing_else_is_reached(client: TestClient, way: list[str]) -> None:
    problem(client.post(f"{API}/imports/new", json={"subfolders": way}), 404, "no-import")
    problem(client.post(f"{API}/index", json={"import": "new", "subfolders": way}), 404, "no-import")


def test_a_folder_that_becomes_a_link_leads_nowhere(tmp_path: Path) -> None:
    root = incoming(tmp_path)
    assert import_folders({"new": root}, "new", ["2026", "May"])[-1] == root / "2026" / "May"
    (root / "2026").rename(tmp_path / "moved")
    (root / "2026").symlink_to(tmp_path / "moved")
    with pytest.raises(NotFoundError):
        import_folders({"new": root}, "new", ["2026", "May"])


def test_many_folders_are_told_by_the_thousand_and_all_may_be_chosen(tmp_path: Path) -> None:
    for number in range(1003):
        (tmp_path / f"f{number:04}").mkdir()
    found = list_import_folders({"new": tmp_path}, "new")
    assert (len(found.items), found.left_out) == (1000, 3)
    assert import_folders({"new": tmp_path}, "new", ["f1002"])[-1] == tmp_path / "f1002"


def test_an_import_folder_may_be_a_link_itself(root: Path, tmp_path: Path) -> None:
    (tmp_path / "way").symlink_to(root)
    assert list_import_folders({"new": tmp_path / "way"}, "new", ["2026"]).items == ("June", "May")


def test_folders_that_look_the_same_are_not_chosen_by_chance(tmp_path: Path) -> None:
    (tmp_path / "a\\same").mkdir()
    (tmp_path / "b\\same").mkdir()
    (tmp_path / "other").mkdir()
    assert list_import_folders({"new": tmp_path}, "new").items == ("other",)
