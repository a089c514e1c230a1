"""An upload is read once, whatever it asks; the pixels that are kept for it are bounded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from served import opened

from conftest import write_pictures
from lookalike.asking.query import Query, open_query, query_frames, read_query
from lookalike.errors import UsageError
from lookalike.gallery import open_gallery
from lookalike.readers.events import Frame
from lookalike.roles import Grant
from lookalike.server import ask
from lookalike.server.callers import Caller
from lookalike.server.contract.bodies import ExplainBody, SearchBody
from lookalike.server.service import Service
from lookalike.server.uploads import store as uploads
from lookalike.server.uploads.store import Upload, Uploads
from lookalike.verbs.index import index

BOX = [0.1, 0.1, 0.6, 0.6]
ME = Caller("me", (Grant("contributor"),))


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    pictures = write_pictures(tmp_path / "pictures")
    with open_gallery(tmp_path / "g", create=True) as gallery:
        index(gallery, [pictures], labels=pictures / "labels.csv", patches=True)
    service = opened(tmp_path / "g")
    yield service
    service.close()


def uploaded(service: Service, path: Path) -> Upload:
    upload = service.uploads.new("me")
    service.uploads.place(upload, path.name).write_bytes(path.read_bytes())
    service.uploads.keep(upload)
    return upload


def answers(service: Service, upload: Upload, record: str) -> list[dict[str, Any]]:
    """Whole, by region, and why: whole and by region."""
    queries: list[Any] = [{"image": upload.id}, {"roi": {"image": upload.id, "box": BOX}}]

    def read() -> Query:
        return ask.read_upload(service, upload.id, ME)

    found: list[Any] = [ask.answer_search(service, SearchBody(query=query, k=5), ME, read()) for query in queries]
    found += [ask.answer_explain(service, ExplainBody(query=query, record=record), ME, read()) for query in queries]
    return [{name: value for name, value in asdict(one).items() if name != "seconds"} for one in found]


def test_an_upload_is_read_once_whatever_it_asks(service: Service, tmp_path: Path) -> None:
    upload = uploaded(service, tmp_path / "pictures" / "p03.png")
    record = next(iter(service.gallery.store.records().values())).id
    first = answers(service, upload, record)
    assert {one["query"] for one in first[:2]} == {"p03.png"}
    upload.files[0].unlink()  # what is asked from now on does without the file
    assert answers(service, upload, record) == first


def test_an_upload_whose_pixels_are_forgotten_is_read_again(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = next(iter(service.gallery.store.records().values())).id
    wanted = answers(service, uploaded(service, tmp_path / "pictures" / "p03.png"), record)
    monkeypatch.setattr(uploads, "_PIXELS", 0)
    upload = uploaded(service, tmp_path / "pictures" / "p03.png")
    assert answers(service, upload, record) == wanted
    assert upload.query is not None
    assert upload.query.pixel_bytes == 0


def test_the_pixels_of_the_latest_uploads_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "_PIXELS", 2500)
    every = Uploads(10_000)
    try:
        kept = []
        for number in range(4):
            upload = every.new("me")
            every.place(upload, "a.png").write_bytes(b"x")
            every.keep(upload)
            pixels = np.zeros((10, 100), np.uint8)
            frame = Frame("a.png", "", 0, 1, pixels, b"", "", {}, (10, 100))
            # From the clock: on a machine that has been up for six hours a use at its start has expired.
            upload.query, upload.used = Query("a.png", frames=(frame,)), upload.used + number
            kept.append(upload)
        every.bound_pixels()
        assert [bool(upload.query and upload.query.frames) for upload in kept] == [False, False, True, True]
    finally:
        every.close()


def test_a_query_without_its_pixels_reads_them_again(service: Service, tmp_path: Path) -> None:
    path, gallery = tmp_path / "pictures" / "p03.png", service.gallery
    opened = open_query(gallery, path)
    assert len(opened.base) == 0
    (again,) = query_frames(gallery, replace(opened, frames=()))
    np.testing.assert_array_equal(again.input, opened.frames[0].input)
    read = read_query(gallery, path)
    assert read_query(gallery, read) is read
    np.testing.assert_array_equal(read_query(gallery, opened).base, read.base)
    with pytest.raises(UsageError, match="asked with one picture"):
        query_frames(gallery, Query("words"))
