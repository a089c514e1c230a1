"""What lies in an object store: read as a folder is, in the version that was listed, and only what has changed."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pydicom
import pytest
from test_pull import slices
from test_send import header
from test_volumes import records, write_series

from conftest import texture
from dicoms import data_set, save
from lookalike.errors import GalleryError, NotFoundError, ObjectStoreError, UsageError
from lookalike.gallery import Gallery, open_gallery
from lookalike.sources.fetching import FETCHED_AT_ONCE, SMALL_AT_ONCE
from lookalike.sources.s3.address import parse_bucket_address
from lookalike.sources.s3.bucket import Bucket
from lookalike.sources.s3.objects import Grouping, StoredObject
from lookalike.sources.s3.source import BucketSource
from lookalike.sources.source import source_of
from lookalike.verbs.galleries.merge import merge_into
from lookalike.verbs.gallery import adopt
from lookalike.verbs.index import index
from lookalike.verbs.migrate import migrate
from lookalike.verbs.records import remove
from lookalike.verbs.send import send
from peers.s3 import BUCKET, SECRET, ObjectStore, object_store
from started import ran

MakeGallery = Callable[..., Gallery]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with object_store(tmp_path_factory.mktemp("s3")) as store:
        yield store


@pytest.fixture
def store(running: ObjectStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ObjectStore]:
    """The store with nothing in it, named by the environment."""
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    running.clear()
    yield running
    assert [*(tmp_path / "temporary").iterdir()] == []  # nothing of it is left on this machine


def picture(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(texture(seed)).save(path)
    return path


@pytest.fixture
def ward(tmp_path: Path) -> Path:
    """Pictures, a series, and what lies beside such."""
    folder = tmp_path / "ward"
    picture(folder / "a b.png", 1)
    picture(folder / "inner" / "ü%20#1.png", 2)
    write_series(folder / "ct" / "1", 3)
    values = np.arange(8 * 8 * 8, dtype="<i2").reshape(8, 8, 8)
    (folder / "pair.raw").write_bytes(values.tobytes())
    head = "ObjectType = Image\nNDims = 3\nDimSize = 8 8 8\nElementType = MET_SHORT\nElementSpacing = 1 1 1\n"
    (folder / "pair.mhd").write_text(f"{head}ElementDataFile = pair.raw\n")
    (folder / "notes.txt").write_text("x")
    (folder / "odd.xyz").write_bytes(b"no image at all")
    return folder


def found(gallery: Gallery) -> list[tuple[str, str, tuple[str, ...], bytes]]:
    return sorted(
        (each.id, each.source, each.labels, gallery.store.vectors_of(each.key).tobytes()) for each in records(gallery)
    )


def test_a_bucket_is_read_as_a_folder_is_and_only_once(
    make_gallery: MakeGallery, store: ObjectStore, ward: Path
) -> None:
    store.put(ward)
    table = ward / "labels.csv"
    table.write_text("path,label\na b.png,sharp\ninner/ü%20#1.png,blurred\nct/1,chest\n")
    local, remote = make_gallery("local"), make_gallery("remote")
    here, there = index(local, [ward], labels=table), index(remote, [store.uri], labels=table)
    at = f"s3://{BUCKET}"
    assert found(remote) == [(a, c.replace(str(ward), at), b, d) for a, c, b, d in found(local)]
    assert {each.source for each in records(remote)} == {
        *(f"{at}/{name}" for name in ("a b.png", "inner/ü%20#1.png", "ct/1", "pair.mhd"))
    }
    assert (there.added, there.skipped, there.kinds) == (here.added, here.skipped, {"note": 1}) == (4, 0, {"note": 1})
    assert [(each.source, each.reason) for each in there.refused] == [(f"{at}/odd.xyz", "not-an-image")]
    assert there.labels is not None
    assert (there.labels.rows_met, there.labels.by_end) == (3, 0)
    assert store.fetched.total() == 11  # six slices, two halves, two pictures and what is none; the note was not
    store.asked.clear()
    again = index(remote, [store.uri], labels=table)
    assert (again.added, again.skipped, again.refused, again.kinds) == (0, 4, there.refused, {"note": 1})
    assert not store.fetched


def test_what_changed_is_fetched_and_nothing_else(make_gallery: MakeGallery, store: ObjectStore, ward: Path) -> None:
    store.put(ward, "2026/")
    gallery, uri = make_gallery(), f"{store.uri}/2026"
    index(gallery, [uri])
    picture(ward / "a b.png", 11)
    shutil.copy(ward / "inner" / "ü%20#1.png", ward / "copy.png")
    (ward / "ct" / "1" / "s05.dcm").unlink()
    store.client().delete("2026/ct/1/s05.dcm")
    store.put(ward, "2026/")
    store.asked.clear()
    changed = index(gallery, [uri])
    assert changed.added == 2  # another picture, and another volume
    slices = {f"2026/ct/1/s{number:02}.dcm" for number in range(5)}
    assert store.fetched.keys() == {"2026/a b.png", "2026/copy.png", *slices}
    store.asked.clear()
    assert index(gallery, [uri]).added == 0
    assert not store.fetched  # nor the copy, whose bytes were there under another name
    gone = next(each for each in records(gallery) if each.source.endswith("inner/ü%20#1.png"))
    remove(gallery, [gone.id])
    assert index(gallery, [f"{uri}/inner/ü%20#1.png"]).added == 1


def test_what_vanishes_or_changes_meanwhile_is_refused_and_the_rest_is_read(
    make_gallery: MakeGallery, store: ObjectStore, tmp_path: Path
) -> None:
    for number in range(4):
        picture(tmp_path / "ward" / f"{number}.png", number)
    store.put(tmp_path / "ward")
    past = store.client()

    def meanwhile(key: str) -> None:
        if key == "1.png":
            past.delete(key)
        elif key == "2.png" and store.fetched[key] == 1:
            past.put(key, (tmp_path / "ward" / "3.png").read_bytes() + b" ")

    store.fail = meanwhile
    gallery = make_gallery()
    result = index(gallery, [store.uri])
    assert (result.added, len(result.refused)) == (2, 2)
    assert {each.source: each.reason for each in result.refused} == dict.fromkeys(
        (f"{store.uri}/1.png", f"{store.uri}/2.png"), "not-fetched"
    )
    again = index(gallery, [store.uri])
    assert (again.added, again.skipped, again.refused) == (1, 2, ())
    assert gallery.store.refused() == [replace(result.refused[0], source=f"{store.uri}/1.png")]


def test_a_listing_of_several_pages(store: ObjectStore) -> None:
    past, keys = store.client(), [f"many/{number:04}.txt" for number in range(1005)]
    for key in keys:
        past.put(key, b"")
    items = [*source_of(f"{store.uri}/many").items()]
    assert [item.name for item in items] == [f"{store.uri}/{key}" for key in keys]
    assert store.asked.count(("GET", "")) == 2


def test_a_busy_store_is_asked_again_and_one_that_does_not_work_is_said(
    make_gallery: MakeGallery, store: ObjectStore, tmp_path: Path
) -> None:
    for number in range(FETCHED_AT_ONCE + 1):
        picture(tmp_path / "ward" / f"{number}.png", number)
    store.put(tmp_path / "ward")
    gallery = make_gallery()

    def source(below: str = "") -> BucketSource:
        return BucketSource(Bucket(parse_bucket_address(f"{store.uri}/{below}"), tries=2, first_wait=0.01))

    store.fail = lambda key: 503 if key == "0.png" and store.fetched[key] == 1 else None
    assert index(gallery, [source("0.png")]).added == 1
    assert store.fetched == {"0.png": 2}
    store.fail = lambda key: 503 if key.endswith(".png") else None
    with pytest.raises(ObjectStoreError, match=r"no answer in 2 tries \(status 503\)"):
        index(gallery, [source()])
    store.fail = lambda key: 403
    with pytest.raises(ObjectStoreError, match=r"refused who asks \(status 403\)"):
        index(gallery, [source()])
    store.fail = lambda _key: None
    assert index(gallery, [source()]).added == FETCHED_AT_ONCE


@pytest.mark.sqlite_file
def test_a_command_says_what_is_wrong_and_nothing_keeps_the_secret(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    picture(tmp_path / "ward" / "0.png", 0)
    store.put(tmp_path / "ward")
    found = ran("index", store.uri, "--gallery", tmp_path / "gallery", "--json")
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["added"] == 1
    kept = b"".join(path.read_bytes() for path in (tmp_path / "gallery").rglob("*") if path.is_file())
    assert store.uri.encode() in kept
    assert SECRET.encode() not in kept
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", f"{SECRET}-of-yesterday")
    refused = ran("index", store.uri, "--gallery", tmp_path / "gallery")
    assert refused.returncode == 1
    assert "refused the secret of who asks" in refused.stderr
    assert SECRET not in found.stdout + found.stderr + refused.stdout + refused.stderr
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://s3.example")
    with pytest.raises(UsageError, match="AWS_ENDPOINT_URL_S3 must begin with https://"):
        source_of(store.uri)


@pytest.mark.parametrize("uri", ["s3://", "s3:bucket", "s3://KEY:SECRET@bucket/x", "s3://b/", "s3://bucket/a//b"])
def test_what_names_no_bucket_is_said_without_quoting_it(uri: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_bucket_address(uri)
    assert "SECRET@" not in str(caught.value)


def test_a_folder_of_too_many_dicom_files_is_read_one_by_one_and_said() -> None:
    address = parse_bucket_address("s3://bucket/all")
    listed = [StoredObject(f"all/{number}.dcm", 3 << 20, "x", '"x"') for number in range(10)]
    assert [item.instances[:1] for item in Grouping(address, 30 << 20).items(listed)] == [("0.dcm",)]
    grouping = Grouping(address, 29 << 20)
    assert [item.instances for item in grouping.items(listed)] == [()] * 10
    assert grouping.loose == 10


def test_slices_make_a_volume_with_those_of_their_folder_however_they_fall_into_batches(
    make_gallery: MakeGallery, store: ObjectStore, tmp_path: Path
) -> None:
    """Of a folder that is too large each is a picture; of a series in two folders each folder is read by itself."""
    ward, many = tmp_path / "ward", SMALL_AT_ONCE + FETCHED_AT_ONCE
    slices = write_series(ward / "large", 3, depth=many)
    for number, file in enumerate(write_series(ward / "odd", 5, depth=10)):
        if number % 2:
            (ward / "even").mkdir(exist_ok=True)
            file.rename(ward / "even" / file.name)
    store.put(ward)
    gallery = make_gallery()
    room = FETCHED_AT_ONCE * sum(file.stat().st_size for file in slices[: many // 2])
    result = index(gallery, [BucketSource(Bucket(parse_bucket_address(store.uri)), room)])
    found = Counter((each.source.removeprefix(f"{store.uri}/").split("/")[0], each.depth) for each in records(gallery))
    assert result.refused == ()
    assert found == {("large", 1): many, ("odd", 5): 1, ("even", 5): 1}
    assert result.notes[0].startswith(f"{many} DICOM files of the bucket lie in folders of more than")
    assert result.notes[1].startswith("the slices of 2 series were not fetched together")
    store.asked.clear()
    again = index(gallery, [BucketSource(Bucket(parse_bucket_address(store.uri)), room)])
    assert (again.added, again.skipped, again.records) == (0, many + 2, many + 2)
    assert not store.fetched


def test_answers_are_sent_beside_what_lies_in_a_bucket(store: ObjectStore, tmp_path: Path) -> None:
    """Where the gallery alone names the bucket, nothing is fetched, nor where an object has changed."""
    ward, to = tmp_path / "ward", str(tmp_path)
    (ward / "series").mkdir(parents=True)
    for number in range(2):
        save(data_set(texture(number), Modality="CT", **header(number)), ward / f"{number}.dcm")
    for series in (21, 22):
        for number, each in enumerate(slices(series)):
            save(each, ward / "series" / f"{series}-{number}.dcm")
    store.put(ward, "2026/")
    with open_gallery(tmp_path / "g", create=True, linked=True) as gallery:
        assert index(gallery, [store.uri]).added == 4
        for depth, folder in ((1, "2026"), (6, "2026/series")):
            asked = next(each for each in records(gallery) if each.depth == depth)
            store.asked.clear()
            with pytest.raises(NotFoundError, match="--pacs s3://BUCKET"):
                send(gallery, "sr", id=asked.id, to=to, pacs=["s3://another", f"{store.uri}/202"])
            assert not store.asked
            sent = send(gallery, "sr", id=asked.id, to=to, pacs=[f"{store.uri}/2026/"])
            made = pydicom.dcmread(Path(to) / f"{sent.sop_instance_uid}.dcm")
            file = ward / Path(asked.source).relative_to(f"{store.uri}/2026")
            original = pydicom.dcmread(file)
            assert (made.PatientName, made.StudyInstanceUID) == (original.PatientName, original.StudyInstanceUID)
            assert (sent.left_out, len(sent.cases)) == (0, 3)
            assert {key.rpartition("/")[0] for key in store.fetched} >= {folder}
        store.client().put("2026/1.dcm", b"another")
        asked = next(each for each in records(gallery) if each.depth == 1)
        with pytest.raises(NotFoundError, match="is gone or has changed"):
            send(gallery, "sr", id=asked.id, to=to, pacs=[store.uri])


def radiographs(folder: Path, count: int) -> None:
    """Pictures that are read together, since only their headers tell that they are no series."""
    for number in range(count):
        folder.mkdir(parents=True, exist_ok=True)
        save(data_set(texture(number + 50), **header(number)), folder / f"{number}.dcm")


def test_records_are_encoded_again_as_those_of_a_folder_are(
    make_gallery: MakeGallery, store: ObjectStore, ward: Path
) -> None:
    """Each object that is needed is fetched once; a picture without its whole folder."""
    radiographs(ward / "cr", 3)
    store.put(ward)
    local, remote = make_gallery("local"), make_gallery("remote")
    index(local, [ward])
    index(remote, [store.uri])
    remove(remote, [next(each for each in records(remote) if each.source.endswith("cr/1.dcm")).id])
    remove(local, [next(each for each in records(local) if each.source.endswith("cr/1.dcm")).id])
    store.asked.clear()
    here, there = migrate(local, "lite0-last"), migrate(remote, "lite0-last")
    assert (here.encoded, here.left_out) == (there.encoded, there.left_out) == (6, {})
    assert found(remote) == [(a, c.replace(str(ward), store.uri), b, d) for a, c, b, d in found(local)]
    series = (f"ct/1/s{number:02}.dcm" for number in range(6))
    wanted = {"a b.png", "inner/ü%20#1.png", "cr/0.dcm", "cr/2.dcm", "pair.mhd", "pair.raw", *series}
    assert store.fetched == dict.fromkeys(wanted, 1)


def test_a_bucket_is_read_again_only_where_its_user_allowed_it_and_what_changed_is_said(
    make_gallery: MakeGallery, store: ObjectStore, ward: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(ward, "2026/")
    with make_gallery() as made:
        index(made, [f"{store.uri}/2026/"])
    monkeypatch.setenv("LOOKALIKE_CONFIG", str(tmp_path / "of another user"))
    store.asked.clear()
    for roots in ([], [f"{store.uri}/202", "s3://another"]):
        assert adopt(made.folder, root=roots).buckets == tuple(sorted(roots))
        with open_gallery(made.folder) as gallery, pytest.raises(GalleryError, match=r"4 outside .* or s3://BUCKET"):
            migrate(gallery, "lite0-last")
    assert not store.asked
    assert f"{store.uri}/2026" in adopt(made.folder, root=[f"{store.uri}/2026/"]).buckets
    store.client().put("2026/a b.png", picture(tmp_path / "another.png", 9).read_bytes())
    store.client().delete("2026/ct/1/s03.dcm")
    store.client().delete("2026/pair.mhd")
    with open_gallery(made.folder) as gallery:
        with pytest.raises(GalleryError, match=r"3 of 4 records cannot .*Nothing is switched, and the 1 that"):
            migrate(gallery, "lite0-last")
        left_out = migrate(gallery, "lite0-last", without_missing=True).left_out
        assert left_out == {"changed": 1, "gone": 1, "incomplete-series": 1}


def test_merged_galleries_read_buckets_as_folders(make_gallery: MakeGallery, store: ObjectStore, ward: Path) -> None:
    store.put(ward)
    with make_gallery("north") as north, make_gallery("south") as south:
        index(north, [f"{store.uri}/ct", f"{store.uri}/inner"])
        index(south, [store.uri])
    with make_gallery("both") as both:
        result = merge_into(both, [north.folder, south.folder])
        assert (result.added, result.left_out, both.places.buckets) == (4, (), (store.uri,))
        with open_gallery(south.folder) as again:
            assert found(both) == found(again)
