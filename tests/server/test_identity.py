"""Who is shown what of a file: no text of a DICOM header is stored or shown, whatever element it stands in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from served import Server, make_gallery, serving

from canaries import NEEDLES, READ, canaried, save_as_it_is, with_canary
from lookalike.gallery import open_gallery
from lookalike.server.serialise import json_bytes
from lookalike.verbs.index import IndexResult, index

ASKED = (
    *("/gallery", "/records?limit=200", "/facets", "/refused", "/spaces", "/jobs"),
    *("/facets?where=Modality%3DOT", "/records?where=Manufacturer%3Dother"),
)


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
    with serving(indexed[0]) as running:
        yield running


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
