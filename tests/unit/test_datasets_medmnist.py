"""MedMNIST's array files: what they become in a gallery, and which are refused."""

from __future__ import annotations

import hashlib
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from lookalike.errors import UsageError
from lookalike.gallery import Gallery
from lookalike.sources.collections.catalogue import open_dataset
from lookalike.sources.collections.collection import Dataset
from lookalike.store import record_id
from lookalike.verbs.index import index


def save_npz(path: Path, counts: dict[str, int], classes: int = 2, shape: tuple[int, ...] = (28, 28)) -> Path:
    rng = np.random.default_rng(0)
    arrays = {}
    for split, count in counts.items():
        arrays[f"{split}_images"] = rng.integers(0, 256, (count, *shape), dtype=np.uint8)
        arrays[f"{split}_labels"] = (np.arange(count) % classes).astype(np.uint8)[:, None]
    np.savez_compressed(path, **arrays)
    return path


def test_medmnist_arrays_become_records(tmp_path: Path, make_gallery: Callable[..., Gallery]) -> None:
    file = save_npz(tmp_path / "pneumoniamnist.npz", {"train": 5, "val": 3, "test": 4})
    dataset = open_dataset(str(file))
    assert [item.split for item in dataset.pictures] == ["train"] * 5 + ["val"] * 3 + ["test"] * 4
    assert [item.row for item in dataset.pictures] == list(range(12))
    gallery = make_gallery()
    result = index(gallery, [dataset])
    assert (result.added, result.skipped, result.records) == (12, 0, 12)
    records = sorted(gallery.store.records().values(), key=lambda record: record.frame)
    assert [record.labels[0] for record in records] == [item.labels[0] for item in dataset.pictures]
    assert records[0].attributes == {"modality": "X-ray", "anatomy": "Chest", "split": "train"}
    again = index(gallery, [open_dataset(str(file))])
    assert (again.added, again.skipped, again.records) == (0, 12, 12)


def test_an_array_gives_the_vector_of_its_png(tmp_path: Path, make_gallery: Callable[..., Gallery]) -> None:
    file = save_npz(tmp_path / "pneumoniamnist.npz", {"train": 2}, shape=(40, 40))
    with np.load(file) as arrays:
        PIL.Image.fromarray(arrays["train_images"][1]).save(tmp_path / "same.png")
    (tmp_path / "labels.csv").write_text("file,label\nsame.png,pneumonia\n")
    from_array, from_file = make_gallery("array"), make_gallery("file")
    index(from_array, [open_dataset(str(file))])
    index(from_file, [open_dataset(str(tmp_path))])
    one, other = from_array.store.vectors().vectors[1], from_file.store.vectors().vectors[0]
    assert one @ other > 0.9999


def test_a_cut_short_run_goes_on(tmp_path: Path, make_gallery: Callable[..., Gallery]) -> None:
    file = save_npz(tmp_path / "breastmnist.npz", {"train": 6, "test": 3})
    whole, gallery = open_dataset(str(file)), make_gallery()
    part = Dataset(whole.name, whole.declaration, whole.root, whole.pictures[:4], whole.contains)
    index(gallery, [part])
    result = index(gallery, [whole])
    assert (result.added, result.skipped) == (5, 4)
    assert len({record.id for record in gallery.store.records().values()}) == 9


def test_rgb_multi_label_and_larger_versions(tmp_path: Path) -> None:
    colour = open_dataset(str(save_npz(tmp_path / "pathmnist_64.npz", {"train": 9}, 9, (64, 64, 3))))
    assert colour.pictures[8].labels == ("colorectal adenocarcinoma epithelium",)
    labels = np.zeros((3, 14), np.uint8)
    labels[0, [0, 13]] = labels[1, 4] = 1
    images = np.zeros((3, 28, 28), np.uint8)
    np.savez(tmp_path / "chestmnist.npz", test_images=images, test_labels=labels)
    chest = open_dataset(str(tmp_path / "chestmnist.npz"))
    assert [item.labels for item in chest.pictures] == [("atelectasis", "hernia"), ("mass",), ("no finding",)]
    assert "chestx-ray14" in chest.contains


def test_a_pickle_inside_is_refused_and_never_run(tmp_path: Path) -> None:
    ran = tmp_path / "ran"

    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (ran,)  # type: ignore[return-value]

    objects = np.empty(2, dtype=object)
    objects[:] = [Trap(), Trap()]
    np.savez(tmp_path / "pneumoniamnist.npz", train_images=objects, train_labels=np.zeros((2, 1), np.uint8))
    with pytest.raises(UsageError, match="pickled objects are refused"):
        open_dataset(str(tmp_path / "pneumoniamnist.npz"))
    (tmp_path / "breastmnist.npz").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(UsageError, match="pickled objects are refused"):
        open_dataset(str(tmp_path / "breastmnist.npz"))
    assert not ran.exists()


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "volumes", "labels", "floats"])
def test_bad_npz_files_are_named(tmp_path: Path, damage: str) -> None:
    file = save_npz(tmp_path / "pneumoniamnist.npz", {"train": 4})
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:300])
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "text":
        file.write_text("train_images")
    elif damage == "volumes":
        save_npz(file, {"train": 4}, shape=(28, 28, 28))
    elif damage == "labels":
        np.savez(file, train_images=np.zeros((4, 28, 28), np.uint8), train_labels=np.zeros((3, 1), np.uint8))
    else:
        np.savez(file, train_images=np.zeros((4, 28, 28), np.uint8), train_labels=np.zeros((4, 1)))
    with pytest.raises(UsageError, match=r"pneumoniamnist\.npz"):
        open_dataset(str(file))


def test_a_folder_of_npz_files_says_which_there_are(tmp_path: Path) -> None:
    save_npz(tmp_path / "pneumoniamnist.npz", {"train": 2})
    with pytest.raises(UsageError, match=r"give one: pneumoniamnist\.npz"):
        open_dataset(f"medmnist={tmp_path}")


def test_what_unpacks_to_too_much_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    file = tmp_path / "pneumoniamnist.npz"
    with zipfile.ZipFile(file, "w") as archive:
        for i in range(8):
            archive.writestr(f"{i}.npy", b"")
    blob = bytearray(file.read_bytes())
    at = -1
    while (at := blob.find(b"PK\x01\x02", at + 1)) >= 0:  # the directory's own word for the unpacked size
        blob[at + 24 : at + 28] = (0xFFFFFFFE).to_bytes(4, "little")
    file.write_bytes(blob)
    with pytest.raises(UsageError, match="unpacks to more than"):
        open_dataset(str(file))


def test_ids_of_arrays_are_the_same_in_every_gallery(tmp_path: Path, make_gallery: Callable[..., Gallery]) -> None:
    file = save_npz(tmp_path / "pneumoniamnist.npz", {"train": 2})
    gallery = make_gallery()
    index(gallery, [open_dataset(str(file))])
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    assert {r.id for r in gallery.store.records().values()} == {record_id(sha256, 0), record_id(sha256, 1)}
