"""Who is shown what of a file: no text of a DICOM header is stored or shown, whatever element it stands in."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from served import Server, make_gallery, serving

from canaries import NEEDLES, READ, WORD, canaried, save_as_it_is, with_canary, with_comment, write_pictures_and_volumes
from conftest import texture
from dicoms import data_set, save
from lookalike.gallery import open_gallery
from lookalike.readers import read
from lookalike.readers.pairs import files_of
from lookalike.roles import ROLES
from lookalike.server.serialise import json_bytes
from lookalike.types import Image
from lookalike.verbs.index import IndexResult, index
from lookalike.verbs.keys import add_key

ASKED = (
    *("/gallery", "/records?limit=200", "/facets", "/refused", "/spaces", "/jobs"),
    *("/facets?where=Modality%3DOT", "/records?where=Manufacturer%3Dother"),
)

HEADS = {
    "head": ("HEAD", "CT", 5),
    "head-in-mr": ("HEAD", "MR", 4),
    "slice-of-head": ("HEAD", "CT", 1),
    "knee-volume": ("KNEE", "MR", 3),
}
"""Files with BodyPartExamined, Modality and how many frames."""


def hits(text: bytes | str) -> list[str]:
    """The canaries in some bytes, in UTF-8 or UTF-16."""
    data = text.encode("utf-8", "replace") if isinstance(text, str) else text
    return [word for word in NEEDLES if word.encode() in data or word.encode("utf-16-le") in data]


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, IndexResult]:
    """A gallery of pictures, of a radiograph full of canaries, and of files with one in what decides how they are
    read.
    """
    folder = tmp_path_factory.mktemp("identity")
    gallery, files = make_gallery(folder), folder / "scans"
    files.mkdir()
    save_as_it_is(canaried(60), files / "full.dcm")
    for number, keyword in enumerate(READ):
        save_as_it_is(with_canary(canaried(61 + number), keyword), files / f"{number}.dcm")
    with open_gallery(gallery) as opened:
        return gallery, index(opened, [files])


@pytest.fixture(scope="module")
def server(indexed: tuple[Path, IndexResult]) -> Iterator[Server]:
    with serving(indexed[0], "--log-format", "json", "--log-level", "debug") as running:
        yield running


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A gallery of files of every kind, full of canaries, and a key of each role."""
    folder = tmp_path_factory.mktemp("owned")
    files = folder / "scans"
    files.mkdir()
    write_pictures_and_volumes(files)
    save_as_it_is(canaried(60), files / "full.dcm")
    save_as_it_is(with_comment(canaried(61)), files / "jpeg.dcm")
    save_as_it_is(with_bits_above(canaried(62)), files / "twelve.dcm")
    table = folder / "labels.csv"
    defaced = [f"{path.name},NO" for path in files.iterdir()]
    table.write_text("\n".join(["file,RecognizableVisualFeatures", *defaced, ""]), encoding="utf-8")
    heads = folder / "heads"
    heads.mkdir()
    for name, (part, modality, depth) in HEADS.items():
        ds = data_set(np.stack([texture(90 + n) for n in range(depth)]) if depth > 1 else texture(90))
        ds.BodyPartExamined, ds.Modality, ds.PatientID = part, modality, name
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{len(name)}"
        save(ds, heads / f"{name}.dcm")
    with open_gallery(folder / "g", create=True) as gallery:
        index(gallery, [files], labels=table)
        index(gallery, [heads])
        return gallery.folder, {role: add_key(gallery, f"a-{role}", role=role).key for role in ROLES}


@pytest.fixture(scope="module")
def roles(owned: tuple[Path, dict[str, str]]) -> Iterator[dict[str, Callable[..., Any]]]:
    """What asks for a route as each role."""
    folder, keys = owned
    with serving(folder, key=keys["reader"]) as running:
        yield {role: partial(running.get, headers={"Authorization": f"Bearer {key}"}) for role, key in keys.items()}


def with_bits_above(ds: Dataset) -> Dataset:
    """The data set with 12 bits of 16, and text in the bits above, where overlays once lay."""
    pixels = ds.pixel_array.astype(np.uint16)
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 12, 11
    ds["PixelData"].VR, ds.PixelData = "OW", (pixels | 0xA000).tobytes() + WORD.encode()
    return ds


def images(path: Path) -> list[Image]:
    return list(read([*files_of(path)]))


@pytest.mark.filterwarnings("ignore::UserWarning")  # of pydicom, about what these files are made to have
def test_only_an_admin_gets_a_file_as_it_is(
    owned: tuple[Path, dict[str, str]], roles: dict[str, Callable[..., Any]], tmp_path: Path
) -> None:
    """Others get a file with the same pixels in the same place, in which nothing else of it is left."""
    sources = owned[0].parent / "scans"
    items = roles["admin"]("/records?limit=100").json()["items"]
    items = [item for item in items if not item["source"].startswith(tuple(HEADS))]
    assert {item["source"] for item in items} >= {path.name for path in sources.iterdir() if path.suffix != ".raw"}
    for item in items:
        source = sources / item["source"]
        for n in range(roles["reader"](f"/records/{item['id']}/files").json()["count"]):
            where = f"/records/{item['id']}/file?n={n}"
            original, given = roles["admin"](where), roles["reader"](where)
            assert original.content == files_of(source)[n].read_bytes()
            assert n or hits(gzip_free(original.content)), item["source"]
            assert given.status_code == 200, given.text
            assert given.content == roles["contributor"](where).content
            assert hits(given.content) == hits(gzip_free(given.content)) == [], item["source"]
            name = given.headers["content-disposition"].partition('"')[2].rstrip('"')
            assert name.startswith(f"{item['id']}-{n:05}.")
            (tmp_path / name).write_bytes(given.content)
            for one, other in zip(images(source), images(tmp_path / name), strict=True):
                assert np.array_equal(one.pixels, other.pixels), item["source"]
                assert one.affine is None or np.allclose(one.affine, other.affine)


def test_no_viewer_is_given_a_head(roles: dict[str, Callable[..., Any]]) -> None:
    """One rule for every role (``may_have_file``): others than admins get no file from which a face can be made; all
    are shown slices.
    """
    items = {item["source"]: item for item in roles["admin"]("/records?limit=100").json()["items"]}
    for name, (part, _modality, depth) in HEADS.items():
        item = items[f"{name}.dcm"]
        assert item["attributes"]["BodyPartExamined"] == part
        for role in ROLES:
            given = roles[role](f"/records/{item['id']}/file")
            refused = role != "admin" and depth > 1 and part == "HEAD"
            assert given.status_code == (403 if refused else 200), (name, role)
            assert not refused or given.json()["reason"] == "head-volume"
            assert roles[role](f"/records/{item['id']}/picture?size=64").status_code == 200
            assert roles[role](f"/records/{item['id']}/files").status_code == 200


def gzip_free(data: bytes) -> bytes:
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


def test_no_text_of_a_header_is_stored(indexed: tuple[Path, IndexResult]) -> None:
    folder, result = indexed
    assert result.added >= 1
    assert hits(json_bytes(result)) == []
    found = {path.name: hits(path.read_bytes()) for path in folder.rglob("*") if path.is_file()}
    assert len(found) > 2
    assert {name: words for name, words in found.items() if words} == {}


def test_what_is_not_kept_is_said_without_the_value(indexed: tuple[Path, IndexResult]) -> None:
    notes = indexed[1].notes
    assert any(note.startswith("ManufacturerModelName of ") and "was not kept" in note for note in notes)
    assert any(note.startswith("BodyPartExamined of ") for note in notes)
    assert hits(json.dumps(notes)) == []


def test_no_text_of_a_header_is_answered(server: Server) -> None:
    answers = {path: server.get(path) for path in ASKED}
    assert {answer.status_code for answer in answers.values()} == {200}
    shown = server.get("/records", params={"where": "Manufacturer=other"}).json()["items"]
    assert shown[0]["attributes"]["Modality"] == "OT"
    found = server.post("/search", {"query": {"ids": [shown[0]["id"]]}, "k": 20, "explain": False})
    voted = server.post("/classify", {"query": {"ids": [shown[0]["id"]]}, "method": "knn"})
    assert found.status_code == voted.status_code == 200
    everything = [*answers.values(), found, voted, server.http.get("/metrics"), server.http.get("/")]
    assert [hits(answer.content) for answer in everything if hits(answer.content)] == []
    assert hits(server.lines()) == []
