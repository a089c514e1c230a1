"""One ingest for every source: files, folders, series, collections, URIs, and what a plug-in fetches from elsewhere."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from running import described, lookalike, patients, refusal, run
from test_volumes import write_series

from conftest import texture
from lookalike.errors import UnreadableImageError
from lookalike.gallery import Gallery
from lookalike.readers.pool import ReaderPool
from lookalike.sources.collections.catalogue import open_dataset
from lookalike.sources.fetching import SMALL_AT_ONCE
from lookalike.store import Batch, record_id
from lookalike.types import Preprocessing
from lookalike.verbs.evaluate import evaluate
from lookalike.verbs.index import index
from lookalike.verbs.records import remove
from zipped import ZipSource, zip_folder

MakeGallery = Callable[..., Gallery]


def vectors(gallery: Gallery) -> dict[str, bytes]:
    records = gallery.store.records().values()
    return {record.id: gallery.store.vectors_of(record.key).tobytes() for record in records}


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that temporary files are made in."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def elsewhere(tmp_path: Path) -> ZipSource:
    """Twenty items of a picture each, more than are fetched at once."""
    for number in range(20):
        path = tmp_path / "files" / f"study-{number:02}" / "picture.png"
        path.parent.mkdir(parents=True)
        PIL.Image.fromarray(texture(number)).save(path)
    rows = [f"study-{number:02},{'even' if number % 2 == 0 else 'odd'}" for number in range(20)]
    (tmp_path / "files" / "labels.csv").write_text("\n".join(["file,label", *rows]) + "\n")
    return ZipSource(zip_folder(tmp_path / "files", tmp_path / "files.zip"))


def test_a_folder_its_files_and_uris_give_the_same_records(make_gallery: MakeGallery, picture_folder: Path) -> None:
    table = picture_folder / "labels.csv"
    given: dict[str, tuple[list[Any], dict[str, Any]]] = {
        "folder": ([picture_folder], {"labels": table}),
        "files": (sorted(picture_folder.iterdir()), {"labels": table}),
        "uri": ([picture_folder.as_uri()], {"labels": table}),
        "collection": ([f"folder:{picture_folder}"], {}),
        "opened": ([open_dataset(str(picture_folder))], {}),
    }
    said: dict[str, Any] = {}
    for name, (sources, options) in given.items():
        gallery = make_gallery(name)
        result = index(gallery, sources, **options)
        assert (result.added, result.skipped, result.refused, result.unmatched, result.records) == (12, 0, (), 0, 12)
        again = index(gallery, sources, **options)
        assert (again.added, again.skipped, again.unmatched) == (0, 12, 0)
        said[name] = described(gallery), vectors(gallery), patients(gallery)
    assert all(each == said["folder"] for each in said.values())


def test_a_series_is_one_record_from_wherever_it_comes(
    make_gallery: MakeGallery, tmp_path: Path, temporary: Path
) -> None:
    pytest.importorskip("nibabel", reason="the extra 'volumes' is not installed")
    folder = tmp_path / "study" / "ct"
    files = write_series(folder)
    source = ZipSource(zip_folder(tmp_path / "study", tmp_path / "study.zip"))
    found = []
    for number, sources in enumerate([[folder], files[::-1], [folder.as_uri()], [source]]):
        gallery = make_gallery(str(number))
        result = index(gallery, sources)
        assert (result.added, result.refused) == (1, ())
        (record,) = gallery.store.records().values()
        found.append((record.id, record.source, vectors(gallery)))
    assert len({identity for identity, _, _ in found}) == 1
    assert [name for _, name, _ in found] == [str(folder)] * 3 + [f"{source.uri}!/ct"]
    assert all(each == found[0][2] for _, _, each in found)
    assert index(gallery, [source]).skipped == 1
    assert source.fetched == ["ct"]
    assert not list(temporary.iterdir())


def test_only_what_is_new_is_fetched_few_at_a_time_and_nothing_stays(
    make_gallery: MakeGallery, elsewhere: ZipSource, temporary: Path
) -> None:
    gallery = make_gallery()
    counted: list[tuple[int, int]] = []
    result = index(gallery, [elsewhere], progress=lambda done, total: counted.append((done, total)))
    assert (result.added, result.skipped, result.refused, result.files, result.unmatched) == (20, 0, (), 20, 0)
    assert counted == [(number, 20) for number in range(1, 21)]
    assert max(elsewhere.held) <= SMALL_AT_ONCE
    assert {record.labels for record in gallery.store.records().values()} == {("even",), ("odd",)}
    assert not list(temporary.iterdir())
    elsewhere.fetched.clear()
    again = index(gallery, [elsewhere])
    assert (again.added, again.skipped, again.unmatched, elsewhere.fetched) == (0, 20, 0, [])
    with zipfile.ZipFile(elsewhere.archive, "a") as opened:
        PIL.Image.fromarray(texture(99)).save(temporary / "new.png")
        opened.write(temporary / "new.png", "study-99/new.png")
    (temporary / "new.png").unlink()
    assert index(gallery, [elsewhere]).added == 1
    assert elsewhere.fetched == ["study-99"]
    assert not list(temporary.iterdir())


def test_an_item_that_was_cut_short_is_fetched_again(
    make_gallery: MakeGallery, tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(70):  # more than one transaction stores
        path = tmp_path / "files" / "study" / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(texture(number)).save(path)
    source = ZipSource(zip_folder(tmp_path / "files", tmp_path / "files.zip"))
    gallery = make_gallery()
    write = gallery.store.write

    def stop_at_the_second(batch: Batch) -> list[str]:
        if gallery.store.count():
            raise KeyboardInterrupt
        return write(batch)

    with monkeypatch.context() as patch:
        patch.setattr(gallery.store, "write", stop_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            index(gallery, [source])
    assert 0 < gallery.store.count() < 70
    assert not list(temporary.iterdir())
    for _ in range(2):  # fetched once more, and then it is known
        assert index(gallery, [source]).records == 70
        assert source.fetched == ["study", "study"]


def test_the_bytes_are_those_of_the_file(make_gallery: MakeGallery, elsewhere: ZipSource, tmp_path: Path) -> None:
    fetched, read = make_gallery("fetched"), make_gallery("read")
    index(fetched, [elsewhere])
    index(read, [tmp_path / "files"])
    assert vectors(fetched) == vectors(read)


def test_what_was_removed_or_refused_is_fetched_again(
    make_gallery: MakeGallery, elsewhere: ZipSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(ZipSource):
        def fetch(self, item: Any) -> Any:
            if item.name.endswith("study-03"):
                raise OSError("the other end hung up")
            if item.name.endswith("study-04"):
                raise UnreadableImageError("too-large")
            return super().fetch(item)

    gallery = make_gallery()
    result = index(gallery, [Broken(elsewhere.uri)])
    assert result.added == 18
    names = {refusal.source.rpartition("/")[2]: refusal.reason for refusal in result.refused}
    assert names == {"study-03": "not-readable", "study-04": "too-large"}
    gone = next(record for record in gallery.store.records().values() if record.source.endswith("study-07"))
    remove(gallery, ids=[gone.id])
    assert index(gallery, [elsewhere]).added == 3
    assert elsewhere.fetched == ["study-03", "study-04", "study-07"]
    assert not gallery.store.refused()


def test_queries_of_an_evaluation_come_from_any_source(
    make_gallery: MakeGallery, elsewhere: ZipSource, tmp_path: Path, temporary: Path
) -> None:
    gallery = make_gallery()
    for number in range(20, 40):
        PIL.Image.fromarray(texture(number)).save(temporary / f"{number}.png")
    rows = [f"{number}.png,{'even' if number % 2 == 0 else 'odd'}" for number in range(20, 40)]
    (tmp_path / "gallery.csv").write_text("\n".join(["file,label", *rows]) + "\n")
    index(gallery, [temporary], labels=tmp_path / "gallery.csv")
    table = tmp_path / "queries.csv"
    rows = [f"study-{number:02}/picture.png,{'even' if number % 2 == 0 else 'odd'}" for number in range(20)]
    table.write_text("\n".join(["file,label", *rows]) + "\n")
    read = evaluate(gallery, queries=[tmp_path / "files"], query_labels=table, k=[1])
    fetched = evaluate(gallery, queries=[elsewhere], query_labels=table, k=[1])
    assert read.queries == fetched.queries == 20
    assert read.micro == fetched.micro


def test_an_array_file_is_the_same_by_uri_and_by_name(make_gallery: MakeGallery, tmp_path: Path) -> None:
    file = tmp_path / "pneumoniamnist.npz"
    images = np.stack([texture(number, 28) for number in range(20)])
    np.savez(file, train_images=images, train_labels=(np.arange(20) % 2).astype(np.uint8)[:, None])
    by_uri, by_name = make_gallery("uri"), make_gallery("name")
    result = index(by_uri, [f"medmnist:{file}"])
    assert (result.added, result.files, result.unmatched) == (20, 1, 0)
    index(by_name, [open_dataset(str(file))])
    assert described(by_uri) == described(by_name)
    sha256 = next(iter(by_uri.store.files()))
    assert described(by_uri).keys() == {record_id(sha256, row) for row in range(20)}
    assert {(source, "frame" in dict(about)) for source, _, _, about in described(by_uri).values()} == {
        (str(file), False)
    }


@pytest.fixture
def plug_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose modules and entry points the processes that are started find."""
    site = tmp_path / "site"
    declared = site / "third_party-0.dist-info"
    declared.mkdir(parents=True)
    (declared / "METADATA").write_text("Metadata-Version: 2.1\nName: third-party\nVersion: 0\n")
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)
    return declared / "entry_points.txt"


def test_a_plug_in_source_is_named_by_its_scheme(elsewhere: ZipSource, plug_ins: Path, tmp_path: Path) -> None:
    (plug_ins.parents[1] / "zipped.py").write_text((Path(__file__).parents[1] / "zipped.py").read_text())
    plug_ins.write_text("[lookalike.sources]\nzip = zipped:open_zip\n")
    done = lookalike("index", elsewhere.uri, "--gallery", tmp_path / "g", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["added"] == 20


def test_a_scheme_that_nobody_declares_makes_no_gallery(tmp_path: Path) -> None:
    said = refusal(run("index", "chexprt:/data", "--gallery", tmp_path / "g"))
    assert "no source is called 'chexprt'. Did you mean 'chexpert'" in said
    assert not (tmp_path / "g").exists()


GREEDY = """
import numpy as np
from lookalike.types import Image

class Reader:
    def matches(self, file):
        return True

    def read(self, files):
        yield Image(pixels=np.full((1, 8, 8, 1), 7, np.uint8), patient="greedy")
"""


def test_a_plug_in_reader_comes_after_ours_whatever_it_is_called(plug_ins: Path, tmp_path: Path) -> None:
    (plug_ins.parents[1] / "greedy.py").write_text(GREEDY)
    plug_ins.write_text("[lookalike.readers]\naaa = greedy:Reader\n")
    PIL.Image.fromarray(texture(1)).save(tmp_path / "ours.png")
    (tmp_path / "theirs.xyz").write_text("something")
    with ReaderPool(Preprocessing(), workers=1) as pool:
        events = list(pool.read([tmp_path / "ours.png", tmp_path / "theirs.xyz"]))
    assert [getattr(event, "patient", None) for event in events] == ["", None, "greedy", None]
