"""What every source promises, run over every one that is declared as an entry point, and one that lies elsewhere."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from conftest import texture, write_pictures
from lookalike.errors import UsageError
from lookalike.plugins import plugin_names
from lookalike.receiving.folder import make_inbox
from lookalike.sources.collections.catalogue import DECLARATIONS
from lookalike.sources.source import GROUP, Source, source_of
from peers.dicomweb import radiograph, serving
from peers.s3 import ObjectStore, object_store
from zipped import ZipSource, zip_folder

Make = Callable[[Path], str]


def pictures(root: Path, *names: str) -> None:
    for number, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(texture(number)).save(root / name)


def volume(path: Path, values: np.ndarray) -> None:
    nibabel = pytest.importorskip("nibabel", reason="the extra 'volumes' is not installed")
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), path)


def lines(path: Path, *rows: str) -> None:
    (gzip.open if path.suffix == ".gz" else open)(path, "wt").write("\n".join(rows) + "\n")


def nih(root: Path) -> None:
    pictures(root / "images", "1_0.png", "1_1.png", "2_0.png")
    rows = ("1_0.png,Hernia,1", "1_1.png,Hernia|Edema,1", "2_0.png,No Finding,2")
    lines(root / "Data_Entry_2017.csv", "Image Index,Finding Labels,Patient ID", *rows)


def chexpert(root: Path) -> None:
    names = [f"train/patient0000{n}/study1/view1_frontal.jpg" for n in (1, 2, 3)]
    pictures(root, *names)
    lines(root / "train.csv", "Path,No Finding,Pleural Effusion", *(f"CheXpert/{name},1,0" for name in names))


def mimic(root: Path) -> None:
    subjects = ("10000032", "10000764", "11000001")
    pictures(root, *(f"files/p{s[:2]}/p{s}/s5{s}/a{s}.jpg" for s in subjects))
    head = root / "mimic-cxr-2.0.0-chexpert.csv.gz"
    lines(head, "subject_id,study_id,No Finding", *(f"{s},5{s},1.0" for s in subjects))
    lines(root / "mimic-cxr-2.0.0-split.csv.gz", "dicom_id,split", *(f"a{s},train" for s in subjects))
    rows = (f"a{s},{s},5{s},PA" for s in subjects)
    lines(root / "mimic-cxr-2.0.0-metadata.csv.gz", "dicom_id,subject_id,study_id,ViewPosition", *rows)


def radimagenet(root: Path) -> None:
    names = [f"radiology_ai/CT/abd/{kind}/1.png" for kind in ("normal", "cyst", "stone")]
    pictures(root, *names)
    lines(root / "RadiologyAI_train.csv", "filename,label", *(f"{name},x" for name in names))


def medmnist(root: Path) -> None:
    images = np.stack([texture(number, 28) for number in range(3)])
    np.savez(root / "pneumoniamnist.npz", train_images=images, train_labels=np.array([[0], [1], [0]], np.uint8))


def msd(root: Path) -> None:
    cases = [f"case_{n}.nii.gz" for n in range(3)]
    for name in cases:
        volume(root / "imagesTr" / name, np.full((4, 4, 4), 9, np.int16))
        volume(root / "labelsTr" / name, np.ones((4, 4, 4), np.uint8))
    training = [{"image": f"./imagesTr/{name}", "label": f"./labelsTr/{name}"} for name in cases]
    (root / "dataset.json").write_text(json.dumps({"labels": {"0": "background", "1": "cyst"}, "training": training}))


def totalsegmentator(root: Path) -> None:
    for name in ("s0001", "s0002", "s0003"):
        volume(root / name / "ct.nii.gz", np.full((4, 4, 4), 9, np.int16))
        volume(root / name / "segmentations" / "liver.nii.gz", np.ones((4, 4, 4), np.uint8))


def write_classes(root: Path) -> None:
    pictures(root, "AbdomenCT/1.png", "CXR/1.png", "CXR/2.png")


def in_folder(scheme: str, write: Callable[[Path], object], inside: str = "") -> Make:
    def make(root: Path) -> str:
        root.mkdir()
        write(root)
        return f"{scheme}:{root / inside if inside else root}"

    return make


def zipped(root: Path) -> str:
    write_classes(root / "files")
    lines(root / "files" / "labels.csv", "file,label", "AbdomenCT,a", "CXR,b")
    return zip_folder(root / "files", root / "files.zip")


def vectors(root: Path) -> None:
    ids, labels = np.array(["a.png", "b.png", "c.png"]), np.array(["x", "y", "x"])
    np.savez(root / "published.npz", vectors=np.eye(3, 4), ids=ids, label=labels)


def received(root: Path) -> None:
    make_inbox(root)
    for number in range(3):
        place = root / "arrived" / f"{number:032x}" / f"{number:032x}-{number:032x}.dcm"
        place.parent.mkdir()
        place.write_bytes(b"x")
        os.utime(place, (1e9, 1e9))


SAMPLES: dict[str, Make] = {
    "file": in_folder("file", write_classes),
    "chestx-ray14": in_folder("chestx-ray14", nih),
    "chexpert": in_folder("chexpert", chexpert),
    "folder": in_folder("folder", write_classes),
    "inbox": in_folder("inbox", received),
    "medmnist": in_folder("medmnist", medmnist, "pneumoniamnist.npz"),
    "mednist": in_folder("mednist", write_classes),
    "mimic-cxr": in_folder("mimic-cxr", mimic),
    "msd": in_folder("msd", msd),
    "radimagenet": in_folder("radimagenet", radimagenet),
    "totalsegmentator": in_folder("totalsegmentator", totalsegmentator),
    "vectors": in_folder("vectors", vectors, "published.npz"),
}
STORE = "s3"
"""It is run over an object store on this machine."""
PACS = ("dicomweb+http", "dimse", "dicomweb+https", "dimse+tls")
"""They are run over a service on this machine; over TLS in tests/integration."""


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with object_store(tmp_path_factory.mktemp("s3")) as store:
        yield store


@pytest.fixture(params=[*(name for name in plugin_names(GROUP) if name not in PACS[2:]), "zip"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Source]:
    """A small source of each kind; the one that lies elsewhere is no plug-in of ours."""
    if request.param == "zip":
        yield ZipSource(zipped(tmp_path / "source"))
    elif request.param == STORE:
        write_classes(tmp_path / "source")
        bucket = request.getfixturevalue("bucket")
        bucket.put(tmp_path / "source")
        with pytest.MonkeyPatch.context() as patch:
            for name, value in bucket.environment.items():
                patch.setenv(name, value)
            yield source_of(bucket.uri)
    elif request.param in PACS:
        if request.param == "dimse":
            pytest.importorskip("pynetdicom", reason="the extra 'pacs' is not installed")
        from peers.dimse_pacs import dimse_pacs

        with serving() if request.param == PACS[0] else dimse_pacs() as pacs:
            for number in range(3):
                pacs.store(radiograph(number))
            yield source_of(pacs.uri)
    else:
        yield source_of(SAMPLES[request.param](tmp_path / "source"))


def test_every_declared_source_has_a_sample_and_every_collection_is_declared() -> None:
    assert set(plugin_names(GROUP)) == {*SAMPLES, *PACS, STORE}
    assert set(plugin_names(GROUP)) == {"file", "inbox", "vectors", *DECLARATIONS, *PACS, STORE}


def test_it_is_a_source_and_its_uri_names_it(source: Source) -> None:
    assert isinstance(source, Source)
    assert source_of(source) is source
    scheme, colon, _ = source.uri.partition(":")
    assert colon
    if scheme != "zip":
        assert [item.name for item in source_of(source.uri).items()] == [item.name for item in source.items()]


def test_a_listing_is_the_same_each_time_and_names_each_item_once(source: Source) -> None:
    names = [item.name for item in source.items()]
    assert 2 <= len(names) == len(set(names))
    assert [item.name for item in source.items()] == names


def test_a_listing_is_resumed_after_any_item(source: Source) -> None:
    names = [item.name for item in source.items()]
    for place, name in enumerate(names):
        assert [item.name for item in source.items(since=name)] == names[place + 1 :]
    assert [item.name for item in source.items(since="gone by now")] == names


def test_what_is_fetched_can_be_read_and_copies_are_gone_afterwards(source: Source) -> None:
    for item in source.items():
        with source.fetch(item) as files:
            assert files
            assert len({file.name for file in files}) == len(files)
            contents = [file.read_bytes() for file in files]
            assert all(contents)
        assert item.size in (None, sum(map(len, contents)))
        assert item.digest in ("", hashlib.sha256(contents[0]).hexdigest())
        if item.files:  # they lie on this machine and stay
            assert [str(file) for file in files] == list(item.files)
        assert [file.exists() for file in files] == [bool(item.files)] * len(files)


def test_its_labels_are_those_of_its_items(source: Source) -> None:
    table = source.labels()
    if source.uri.startswith(("file:", "inbox:", *PACS, STORE)):
        assert table is None
        return
    assert table is not None
    names = [item.name for item in source.items()]
    found = table.match(names)
    assert found.rows.keys() == {*names}
    assert all(row.labels for row in found.rows.values())
    assert len(found.used) == len(table)


def test_an_array_gives_its_pixels_without_a_reader(tmp_path: Path) -> None:
    items = list(source_of(SAMPLES["medmnist"](tmp_path / "source")).items())
    assert [item.frame for item in items] == [0, 1, 2]
    for number, item in enumerate(items):
        assert item.image is not None
        assert np.array_equal(item.image().pixels[0, ..., 0], texture(number, 28))


def test_a_path_is_a_source_whatever_it_looks_like(tmp_path: Path) -> None:
    odd = tmp_path / "chexpert:1"
    write_pictures(odd)
    assert len(list(source_of(odd).items())) == len(list(source_of(str(odd)).items())) == 13
    spaced = tmp_path / "a b%20ü"
    write_pictures(spaced)
    assert len(list(source_of(source_of(spaced).uri).items())) == 13


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("chexprt:/data", "no source is called 'chexprt'. Did you mean 'chexpert'"),
        ("dicomwebs+https://host/path", "no source is called 'dicomwebs+https'. Did you mean 'dicomweb+https'"),
        ("file://elsewhere/x", "a file of this machine, got one of 'elsewhere'"),
        ("file:/no/such/folder", "no such file or folder: /no/such/folder"),
        ("/no/such/folder", "no such file or folder: /no/such/folder"),
    ],
)
def test_what_names_no_source_is_said(source: str, message: str) -> None:
    with pytest.raises(UsageError, match=r".*") as caught:
        source_of(source)
    assert message in str(caught.value)
