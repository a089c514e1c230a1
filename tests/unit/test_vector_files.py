"""Files of published vectors: the same vectors from every kind, and no file is believed further than its size."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from lookalike.errors import LookalikeError, UsageError
from lookalike.sources.vector_files.arrays import find_in_npy, find_in_npz
from lookalike.sources.vector_files.faiss_flat import find_in_faiss
from lookalike.sources.vector_files.hdf5 import find_in_hdf5
from lookalike.sources.vector_files.layout import FoundVectors
from lookalike.sources.vector_files.parquet import find_in_parquet
from lookalike.sources.vector_files.reader import VectorFile
from lookalike.sources.vector_files.source import VectorSource, open_vectors

h5py = pytest.importorskip("h5py", reason="the extra 'vectors' is not installed")
parquet = pytest.importorskip("pyarrow.parquet", reason="the extra 'vectors' is not installed")
import faiss  # noqa: E402
import pyarrow  # noqa: E402

COUNT, DIM = 11, 6
VALUES: Final = np.random.default_rng(7).normal(size=(COUNT, DIM)).astype(np.float32)
IDS: Final = [f"set/{i % 3}/{i:03}.png" for i in range(COUNT)]
LABELS: Final = ["a" if i % 2 else "b" for i in range(COUNT)]


def write_npy(path: Path) -> None:
    np.save(path, VALUES)


def write_npz(path: Path) -> None:
    np.savez_compressed(path, embeddings=VALUES, paths=np.array(IDS), label=np.array(LABELS), patient=np.arange(COUNT))


def write_table(path: Path) -> None:
    """As MedMNIST-like tools write them: arrays side by side."""
    with h5py.File(path, "w") as file:
        file["features"], file["ids"], file["label"] = VALUES, IDS, LABELS
        file.attrs["encoder"] = json.dumps({"name": "tiny", "revision": "1"})


def write_denner(path: Path) -> None:
    """As the tools of Denner et al. write their deposit: an array a picture, under the picture's path."""
    with h5py.File(path, "w") as file:
        for name, vector in zip(IDS, VALUES, strict=True):
            file.create_dataset(name, data=vector)


def write_parquet(path: Path) -> None:
    columns = {"path": IDS, "embedding": VALUES.tolist(), "label": LABELS, "age": list(range(COUNT))}
    parquet.write_table(pyarrow.table(columns), path, row_group_size=4)


def write_flat(path: Path) -> None:
    index = faiss.IndexFlatIP(DIM)
    index.add(VALUES)
    faiss.write_index(index, str(path))


def write_mapped(path: Path) -> None:
    index = faiss.IndexIDMap2(faiss.IndexFlatL2(DIM))
    index.add_with_ids(VALUES, np.arange(COUNT) + 40)
    faiss.write_index(index, str(path))


KINDS: Final[dict[str, tuple[Callable[[Path], None], Callable[[Path, str, str], FoundVectors]]]] = {
    "a.npy": (write_npy, find_in_npy),
    "b.npz": (write_npz, find_in_npz),
    "c.h5": (write_table, find_in_hdf5),
    "d.hdf5": (write_denner, find_in_hdf5),
    "e.parquet": (write_parquet, find_in_parquet),
    "f.index": (write_flat, find_in_faiss),
    "g.faiss": (write_mapped, find_in_faiss),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_gives_the_same_vectors_in_any_piece(name: str, tmp_path: Path) -> None:
    write, find = KINDS[name]
    write(tmp_path / name)
    found = find(tmp_path / name, "", "")
    assert (found.count, found.dim) == (COUNT, DIM)
    order = [IDS.index(each) for each in found.ids] if found.ids and "/" in found.ids[0] else list(range(COUNT))
    assert sorted(order) == list(range(COUNT))
    for first, last in ((0, COUNT), (0, 1), (3, 9), (COUNT - 1, COUNT)):
        rows = found.rows(first, last)
        assert rows.dtype == np.float32
        assert np.array_equal(rows, VALUES[order[first:last]])
    if name == "g.faiss":
        assert list(found.ids) == [str(each) for each in range(40, 40 + COUNT)]
    if found.columns:
        assert list(found.columns["label"]) == [LABELS[row] for row in order]


def test_what_is_told_of_them(tmp_path: Path) -> None:
    write_table(tmp_path / "c.h5")
    assert json.loads(find_in_hdf5(tmp_path / "c.h5", "", "").encoder) == {"name": "tiny", "revision": "1"}
    write_parquet(tmp_path / "e.parquet")
    assert find_in_parquet(tmp_path / "e.parquet", "", "").columns["age"][:2] == ["0", "1"]
    write_npz(tmp_path / "b.npz")
    assert find_in_npz(tmp_path / "b.npz", "embeddings", "label").ids == LABELS


class Runs:
    """What a pickle would run."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path("ran").write_text, ("yes",))


def pickled_npy(path: Path) -> None:
    np.save(path, np.array([Runs()], object))


def pickled_npz(path: Path) -> None:
    np.savez(path, vectors=np.array([Runs(), Runs()], object))


def pickled_column(path: Path) -> None:
    np.savez(path, vectors=VALUES, ids=np.array([Runs()] * COUNT, object))


def cut_npy(path: Path) -> None:
    write_npy(path)
    path.write_bytes(path.read_bytes()[:-200])


def claiming_npy(path: Path) -> None:
    header = str({"descr": "<f4", "fortran_order": False, "shape": (1 << 24, 4096)}).encode().ljust(117) + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + b"\0" * 64)


def words_npy(path: Path) -> None:
    np.save(path, np.array([["a", "b"], ["c", "d"]]))


def solid_npy(path: Path) -> None:
    np.save(path, np.zeros((3, 4, 5)))


def unnamed_npz(path: Path) -> None:
    np.savez(path, pictures=VALUES)


def linked_outside(path: Path) -> None:
    write_table(path.with_name("other.h5"))
    with h5py.File(path, "w") as file:
        file["vectors"] = h5py.ExternalLink("other.h5", "features")


def linked_within(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["vectors"], file["again"] = VALUES, h5py.SoftLink("/vectors")


def numbers_elsewhere(path: Path) -> None:
    path.with_name("raw").write_bytes(VALUES.tobytes())
    with h5py.File(path, "w") as file:
        file.create_dataset("vectors", VALUES.shape, "f4", external=[("raw", 0, VALUES.nbytes)])


def virtual(path: Path) -> None:
    write_table(path.with_name("other.h5"))
    layout = h5py.VirtualLayout(VALUES.shape, "f4")
    layout[:] = h5py.VirtualSource("other.h5", "features", VALUES.shape)
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("vectors", layout)


def claiming_h5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("vectors", (1 << 24, 4096), "f4", chunks=(64, 64))


def uneven_h5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["a"], file["b"] = VALUES[0], VALUES[0, :3]


def uneven_parquet(path: Path) -> None:
    parquet.write_table(pyarrow.table({"vector": [[1.0, 2.0], [1.0]]}), path)


def missing_parquet(path: Path) -> None:
    parquet.write_table(pyarrow.table({"vector": [[1.0, 2.0], None]}), path)


def words_parquet(path: Path) -> None:
    parquet.write_table(pyarrow.table({"vector": ["a", "b"]}), path)


def graph(path: Path) -> None:
    index = faiss.IndexHNSWFlat(DIM, 4)
    index.add(VALUES)
    faiss.write_index(index, str(path))


def forged(place: int, kind: str, value: int) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        write_flat(path)
        data = bytearray(path.read_bytes())
        struct.pack_into(kind, data, place, value)
        path.write_bytes(data)

    return write


def forged_map(path: Path) -> None:
    write_mapped(path)
    data = bytearray(path.read_bytes())
    struct.pack_into("<Q", data, len(data) - 8 * COUNT - 8, 1 << 40)
    path.write_bytes(data)


HOSTILE: Final[list[tuple[str, Callable[[Path], None], str]]] = [
    ("a.npy", pickled_npy, "pickled objects"),
    ("b.npz", pickled_npz, "pickled objects"),
    ("b.npz", pickled_column, "pickled objects"),
    ("a.npy", cut_npy, "cut short"),
    ("a.npy", claiming_npy, "more numbers than its size allows"),
    ("a.npy", words_npy, "no numbers"),
    ("a.npy", solid_npy, r"shape \(3, 4, 5\)"),
    ("b.npz", unnamed_npz, "vectors=NAME"),
    ("c.h5", linked_outside, "links to other places or files"),
    ("c.h5", linked_within, "links to other places or files"),
    ("c.h5", numbers_elsewhere, "lie in other files"),
    ("c.h5", virtual, "lie in other files"),
    ("c.h5", claiming_h5, "more numbers than its size allows"),
    ("c.h5", uneven_h5, "different lengths"),
    ("e.parquet", uneven_parquet, "different lengths"),
    ("e.parquet", missing_parquet, "different lengths"),
    ("e.parquet", words_parquet, "no lists of numbers"),
    ("f.index", graph, "no flat FAISS index"),
    ("f.index", forged(8, "<q", 1 << 40), "do not fit"),
    ("f.index", forged(4, "<i", 1 << 20), "do not fit"),
    ("f.index", forged(4, "<i", -6), "do not fit"),
    ("f.index", forged(37, "<Q", 1 << 60), "do not fit"),
    ("g.faiss", forged_map, "id map does not fit"),
]


@pytest.mark.parametrize(("name", "write", "why"), HOSTILE, ids=[f"{i}-{h[0]}" for i, h in enumerate(HOSTILE)])
def test_a_file_that_claims_what_it_is_not_is_refused(
    name: str, write: Callable[[Path], None], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / name)
    finder = next(find for other, (_, find) in KINDS.items() if other.partition(".")[2] == name.partition(".")[2])
    with pytest.raises(UsageError, match=why):
        finder(tmp_path / name, "", "").rows(0, 1 if write is not cut_npy else COUNT)
    assert not (tmp_path / "ran").exists()


def test_a_circle_of_groups_ends(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "c.h5", "w") as file:
        inner = file.create_group("a").create_group("b")
        inner["x"] = VALUES[0]
        inner["up"] = file["a"]
    assert find_in_hdf5(tmp_path / "c.h5", "", "").ids == ["a/b/x"]


def refusal_of(path: Path) -> str:
    """What is said of a file; of one that can be read after all what would be."""
    try:
        VectorFile(path).row(0)
    except LookalikeError as error:
        return str(error)
    return f"{path.name} cannot be imported: it can"


def test_the_process_says_what_is_wrong_and_dies_alone(tmp_path: Path) -> None:
    """Bytes of an HDF5 file changed at random: whatever the library does, it does it to its own process."""
    write_denner(tmp_path / "d.h5")
    data = np.frombuffer((tmp_path / "d.h5").read_bytes(), np.uint8).copy()
    rng = np.random.default_rng(1)
    for _ in range(3):
        data[rng.integers(0, len(data), 40)] ^= 0xFF
        (tmp_path / "d.h5").write_bytes(data.tobytes())
        assert refusal_of(tmp_path / "d.h5").startswith("d.h5 cannot be imported: ")
    write_denner(tmp_path / "d.h5")
    good = VectorFile(tmp_path / "d.h5")
    assert np.array_equal(good.row(4), VALUES[IDS.index(good.told().ids[4])])
    good.close()
    good.close()


def opened(tmp_path: Path, name: str, write: Callable[[Path], None], keys: str = "") -> VectorSource:
    write(tmp_path / name)
    return open_vectors(f"vectors:{tmp_path / name}{keys}")


def test_ids_come_from_a_list_beside(tmp_path: Path) -> None:
    (tmp_path / "metadata.json").write_text(json.dumps(IDS), encoding="utf-8")  # what their index is written with
    source = opened(tmp_path, "faiss.index", write_flat)
    assert [item.name for item in source.items()] == IDS
    assert source.encoder_name == f"imported:{tmp_path.name}:{DIM}".replace("[", "-").replace("]", "")
    (tmp_path / "ids.txt").write_text("\n".join(["/etc/passwd", "~/x", "../y", *IDS[3:]]), encoding="utf-8")
    named = [item.name for item in opened(tmp_path, "a.npy", write_npy, "?ids=ids.txt").items()]
    assert named[:3] == ["etc/passwd", "x", "../y"], "an id is never a path of this machine"
    (tmp_path / "ids.txt").write_text("one\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"holds 1 entries, and there are 11 vectors"):
        list(opened(tmp_path, "a.npy", write_npy, "?ids=ids.txt").items())


def test_two_vectors_of_one_name_are_two(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("\n".join(["same"] * COUNT), encoding="utf-8")
    named = [item.name for item in opened(tmp_path, "a.npy", write_npy, "?ids=ids.txt").items()]
    assert (named[0], named[1], len({*named})) == ("same", "same#2", COUNT)


def test_slices_of_one_id_are_a_volume(tmp_path: Path) -> None:
    def write(path: Path) -> None:
        slices = np.array([2, 0, 1, 0, 1, 2, 3, 5, 0, 1, 2])
        volumes = np.array(["v1"] * 3 + ["v2"] * 5 + ["v3"] * 3)
        np.savez(path, vectors=VALUES, ids=volumes, slice=slices, label=np.array(["x"] * 3 + ["y"] * 8))

    source = opened(tmp_path, "b.npz", write)
    found = {item.name: item.vectors() for item in source.items() if item.vectors is not None}
    assert {name: (each.views, each.depth) for name, each in found.items()} == {
        "v1": ((0, 1, 2), 3),
        "v2": ((0, 1, 2, 3, 5), 6),
        "v3": ((0, 1, 2), 3),
    }
    assert np.array_equal(found["v1"].vectors, VALUES[[1, 2, 0]])
    assert {name: row.labels for name, row in source.labels().items()} == {"v1": ("x",), "v2": ("y",), "v3": ("y",)}


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("vectors:a.npy?colour=red", "no key 'colour'. Known: "),
        ("vectors:a.pkl", "vectors are read from .npy, "),
        ("vectors:no.npy", "there is no file"),
    ],
)
def test_what_cannot_be_opened_is_said(uri: str, message: str) -> None:
    with pytest.raises(UsageError, match=r".*") as caught:
        open_vectors(uri)
    assert message in str(caught.value)
