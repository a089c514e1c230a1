"""An index grows in its files: what changes is added as segments, read by every process, merged, and erased again."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from awaited import PATIENCE
from lookalike.erasing import tidy
from lookalike.gallery import Gallery, open_gallery
from lookalike.indexes import chain, spaces
from lookalike.indexes.files import followed
from lookalike.store import Batch, NewRecord, edits, record_id
from lookalike.store.since import layout_of
from lookalike.types import Vectors
from lookalike.verbs.curation.labelling import label
from lookalike.verbs.doctor import doctor
from lookalike.verbs.records import remove

pytestmark = pytest.mark.sqlite_file  # what is made anew is made from a copy of the folder

MANY, DIM = 1600, 384
Patch = pytest.MonkeyPatch
KINDS = ("flat", "ivf-rabitq", "ivf-flat", "ivf-pq", "sq8", "lsh", "hnsw")


def unit(seed: int, many: int = 1) -> Vectors:
    """Vectors around a few centres."""
    random = np.random.default_rng((7, seed))
    centres = np.random.default_rng(8).normal(size=(40, DIM))
    rows = centres[random.integers(0, 40, many)] + random.normal(size=(many, DIM))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def new(number: int, again: int = 0) -> NewRecord:
    sha256 = f"{number:064x}"
    return NewRecord(f"/data/{number}", sha256, 0, f"patient-{number}", ("seen",), {}, unit(number + again), b"")


def ids(numbers: range) -> list[str]:
    return [record_id(f"{number:064x}", 0) for number in numbers]


def add(gallery: Gallery, numbers: range, again: int = 0) -> None:
    gallery.store.write(Batch([new(number, again) for number in numbers]))


@dataclass
class Grown:
    """A gallery whose index was made, and how many of its vectors are not as they were since."""

    folder: Path
    kind: str

    def files(self) -> dict[str, int]:
        """Names of index files and their inodes."""
        return {path.name: path.stat().st_ino for path in (self.folder / "indexes").glob("base*.index")}

    def found(self, queries: Vectors, k: int = 20) -> tuple[list[object], list[object]]:
        """By a process that opens it now."""
        with open_gallery(self.folder) as gallery:
            keys, scores = gallery.index().search(queries, k)
            assert len(gallery.index()) == gallery.store.count()
        return keys.tolist(), scores.tolist()

    def anew(self, queries: Vectors, k: int = 20) -> tuple[list[object], list[object]]:
        """By an index that is made anew."""
        copy = self.folder.with_name("anew")
        shutil.copytree(self.folder, copy)
        shutil.rmtree(copy / "indexes")
        try:
            return Grown(copy, self.kind).found(queries, k)
        finally:
            shutil.rmtree(copy)

    def check(self) -> None:
        """It finds what an index that is made anew finds: exact kinds the very same."""
        queries = unit(5, 12)
        (found, scores), (wanted, theirs) = self.found(queries), self.anew(queries)
        if self.kind == "flat":
            assert (found, scores) == (wanted, theirs)
        else:
            pairs = zip(found, wanted, strict=True)
            assert np.mean([len({*a} & {*b}) / len(b) for a, b in pairs]) >= 0.97  # type: ignore[misc,arg-type]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A gallery of a kind, made once; it is not to be changed."""

    @cache
    def of(kind: str) -> Path:
        folder = tmp_path_factory.mktemp("made") / "g"
        with open_gallery(folder, create=True, index=kind) as gallery:
            add(gallery, range(MANY))
            gallery.index()
        return folder

    return of


@pytest.fixture
def make(made: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Grown]:
    """A copy of the test's own."""
    return lambda kind: Grown(shutil.copytree(made(kind), tmp_path / "g"), kind)


@pytest.fixture(params=["flat", "ivf-rabitq"])
def grown(request: pytest.FixtureRequest, make: Callable[[str], Grown], monkeypatch: Patch) -> Grown:
    monkeypatch.setattr(spaces, "_WORTH", 10)
    return make(request.param)


@pytest.fixture(scope="module")
def segmented(made: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery with a segment in its index; it is not to be changed."""
    folder = shutil.copytree(made("ivf-rabitq"), tmp_path_factory.mktemp("segmented") / "g")
    with Patch.context() as patch, open_gallery(folder) as writer:
        patch.setattr(spaces, "_WORTH", 10)
        add(writer, range(MANY, MANY + 30))
        writer.index()
    return folder


def changes() -> Iterator[tuple[str, Callable[[Gallery], object]]]:
    yield "added", lambda gallery: add(gallery, range(MANY, MANY + 30))
    yield "encoded anew", lambda gallery: add(gallery, range(20), 10_000)
    yield "labelled", lambda gallery: label(gallery, ids(range(40, 60)), add=["more"])
    yield "removed", lambda gallery: remove(gallery, ids(range(30, 45)))
    yield "the last removed", lambda gallery: remove(gallery, ids(range(MANY + 20, MANY + 30)))
    yield "come back", lambda gallery: add(gallery, range(30, 45))
    yield "added to the keys of the last", lambda gallery: add(gallery, range(2 * MANY, 2 * MANY + 12))


def test_whatever_changes_is_in_the_files_and_nothing_is_made_anew(grown: Grown) -> None:
    with open_gallery(grown.folder) as reader:
        base = reader.index_base()
        for name, change in changes():
            before = grown.files()
            with open_gallery(grown.folder) as writer:
                change(writer)
                writer.index()
            after = grown.files()
            grown.check()
            if "removed" not in name:
                assert before.items() <= after.items(), name
                assert (len(after) > len(before)) == (name != "labelled"), name
            else:
                assert len(after) == 2 + ("last" in name or name == "removed"), name
            assert len(reader.index()) == reader.store.count()
            assert reader.index_base() is base, name
            assert reader.index().search(unit(5, 12), 20)[0].tolist() == grown.found(unit(5, 12))[0], name


def test_too_many_segments_become_one(grown: Grown) -> None:
    base = grown.files()
    for step in range(2 * chain._MOST):
        with open_gallery(grown.folder) as writer:
            add(writer, range(MANY + 10 * step, MANY + 10 * step + 10))
            writer.index()
        assert base.items() <= grown.files().items()
        assert len(grown.files()) <= 2 + chain._MOST
    grown.check()


def test_what_the_store_has_forgotten_to_be_edited_is_found_by_comparing(grown: Grown, monkeypatch: Patch) -> None:
    monkeypatch.setattr(edits, "_RECENT", 3)
    with open_gallery(grown.folder) as reader, open_gallery(grown.folder) as writer:
        base = reader.index_base()
        add(writer, range(20), 10_000)
        label(writer, ids(range(40, 60)), add=["more"])
        remove(writer, ids(range(30, 45)))
        assert len(reader.index()) == MANY - 15
        assert reader.index_base() is base
        grown.check()


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_a_removed_vector_stays_in_a_file(
    kind: str, make: Callable[[str], Grown], monkeypatch: Patch
) -> None:
    monkeypatch.setattr(spaces, "_WORTH", 10)
    grown = make(kind)
    with open_gallery(grown.folder) as writer:
        add(writer, range(MANY, MANY + 30))
        writer.index()
        gone = [unit(number).tobytes() for number in (3, 700, MANY + 5)]
        stays = unit(4).tobytes()
        assert [text in whole(grown.folder) for text in (*gone, stays)] == [True] * 4
        assert remove(writer, ids(range(3, 4)) + ids(range(700, 701)) + ids(range(MANY + 5, MANY + 6))).erased
    assert [text in whole(grown.folder) for text in (*gone, stays)] == [False] * 3 + [True]
    assert len(grown.files()) == 3
    grown.check()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_removed_is_overwritten_where_it_is(kind: str, make: Callable[[str], Grown]) -> None:
    grown = make(kind)
    large = max(grown.files(), key=lambda name: (grown.folder / "indexes" / name).stat().st_size)
    inode, before = grown.files()[large], (grown.folder / "indexes" / large).read_bytes()
    with open_gallery(grown.folder) as reader, open_gallery(grown.folder) as writer:
        reader.index()
        assert remove(writer, ids(range(7, 9))).erased
        assert reader.index_base() is not writer.index_base()
        keys, _scores = reader.index().search(unit(7), MANY - 2)
        assert {8, 9}.isdisjoint(keys[0].tolist())
        assert set(keys[0].tolist()) <= {*range(1, MANY + 1), -1}
    names = {number: name for name, number in grown.files().items()}
    assert names[inode] != large
    after = (grown.folder / "indexes" / names[inode]).read_bytes()
    changed = np.flatnonzero(np.frombuffer(before, np.uint8) != np.frombuffer(after, np.uint8))
    assert 0 < len(changed) < len(before) / 20
    assert b"".join(unit(7)) not in after
    grown.check()


@pytest.mark.parametrize("call", [2, *(pytest.param(call, marks=pytest.mark.slow) for call in (1, *range(3, 8)))])
def test_an_erasure_that_ends_within_leaves_files_that_are_not_believed(
    call: int, grown: Grown, monkeypatch: Patch
) -> None:
    calls = count(1)

    def fsync(_descriptor: int) -> None:
        if next(calls) == call:
            raise OSError(5, "no more")

    with open_gallery(grown.folder) as writer:
        writer.index()
        with Patch.context() as patch:
            patch.setattr("lookalike.indexes.files.os.fsync", fsync)
            removed = remove(writer, ids(range(7, 9)))
        assert removed.records == 2
        assert len(writer.index()) == MANY - 2
    grown.check()


ERASES_UNTIL = """
import itertools, os, sys
from pathlib import Path
from lookalike.gallery import open_gallery
from lookalike.verbs.records import remove
folder, call, *ids = sys.argv[1:]
with open_gallery(Path(folder)) as gallery:
    gallery.index()
    calls, fsync = itertools.count(1), os.fsync
    os.fsync = lambda opened: os._exit(9) if next(calls) == int(call) else fsync(opened)
    remove(gallery, ids)
"""


@pytest.mark.parametrize("call", [3, *(pytest.param(call, marks=pytest.mark.slow) for call in (1, 2, *range(4, 9)))])
def test_a_process_that_ends_while_it_overwrites_leaves_nothing_that_is_believed(call: int, grown: Grown) -> None:
    command = [sys.executable, "-c", ERASES_UNTIL, str(grown.folder), str(call), *ids(range(7, 9))]
    assert subprocess.run(command, check=False).returncode in (9, 0)
    with open_gallery(grown.folder) as gallery:
        assert len(gallery.index()) == MANY - 2
        assert tidy(gallery, 60)
        assert doctor(gallery).healthy
    assert unit(7).tobytes() not in whole(grown.folder)
    grown.check()


def test_where_much_is_gone_it_is_made_anew(grown: Grown) -> None:
    size = max(path.stat().st_size for path in (grown.folder / "indexes").iterdir())
    for start in range(0, 300, 20):  # none of them is many
        with open_gallery(grown.folder) as writer:
            remove(writer, ids(range(start, start + 20)))
    grown.check()
    assert max(path.stat().st_size for path in (grown.folder / "indexes").iterdir()) < 0.95 * size


def test_who_opens_an_index_while_another_erases_waits_for_it(grown: Grown, monkeypatch: Patch) -> None:
    inodes = grown.files()
    (grown.folder / "indexes").rename(grown.folder / "away")

    def sleep(_seconds: float) -> None:
        (grown.folder / "away").rename(grown.folder / "indexes")

    monkeypatch.setattr(spaces, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: 0.0))
    with open_gallery(grown.folder) as other, open_gallery(grown.folder) as reader, other.erasing(60):
        assert len(reader.index()) == MANY
    assert grown.files() == inodes


def whole(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_a_removed_code_is_overwritten(make: Callable[[str], Grown]) -> None:
    """Two bits a component are a trace too."""
    grown = make("ivf-rabitq")
    codes = {}
    for step in ("before", "after"):
        with open_gallery(grown.folder) as gallery:
            gallery.index()
            structure = gallery.index_base()._structure  # type: ignore[attr-defined]
            place = int(np.flatnonzero(structure._keys == 4)[0])
            codes[step] = structure._index.sa_code_size(), code_of(structure._index, place)
            if step == "before":
                remove(gallery, ids(range(3, 4)))
    assert codes["before"][1].any()
    assert not codes["after"][1].any()


def code_of(index: object, row: int) -> Vectors:
    import faiss

    lists = index.invlists  # type: ignore[attr-defined]
    for number in range(index.nlist):  # type: ignore[attr-defined]
        size = lists.list_size(number)
        if size and row in (found := faiss.rev_swig_ptr(lists.get_ids(number), size)).tolist():
            codes = faiss.rev_swig_ptr(lists.get_codes(number), size * lists.code_size).reshape(size, -1)
            return codes[found.tolist().index(row)].copy()
    raise AssertionError(row)


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("damage", ["flipped", "cut", "lost", "forged"])
def test_a_damaged_file_is_not_believed(
    number: int, damage: str, segmented: Path, tmp_path: Path, monkeypatch: Patch
) -> None:
    monkeypatch.setattr(spaces, "_WORTH", 10)
    grown = Grown(shutil.copytree(segmented, tmp_path / "g"), "ivf-rabitq")
    wanted = grown.found(unit(5, 3))
    path = sorted((grown.folder / "indexes").glob("*.index"), key=lambda path: path.stat().st_size)[number]
    data = path.read_bytes()
    if damage == "lost":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(data[:-7])
    else:
        at = len(data) // 2
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    if damage == "forged":
        beside = path.with_suffix(".json")
        told = json.loads(beside.read_bytes())
        from lookalike.indexes.files import _digests, _header_of

        about = {name: told[name] for name in ("layout", "kind", "made_of")}
        with path.open("rb") as file:
            beside.write_text(json.dumps(_header_of(about, _digests(file))))
    found = grown.found(unit(5, 3))
    assert np.mean([len({*a} & {*b}) / 20 for a, b in zip(found[0], wanted[0], strict=True)]) > 0.97  # type: ignore[misc]
    assert len(grown.files()) == 2
    assert grown.found(unit(5, 3)) == found


def test_a_segment_of_another_process_is_not_lost(grown: Grown) -> None:
    """Two that have caught up write; one is faster, and the other's is not taken for the whole."""
    with open_gallery(grown.folder) as one, open_gallery(grown.folder) as two:
        for gallery in (one, two):
            gallery.index()
        for step in range(4):
            writer = (one, two)[step % 2]
            add(writer, range(MANY + 15 * step, MANY + 15 * step + 15))
            assert len(one.index()) == len(two.index()) == MANY + 15 * step + 15
            grown.check()
            known = followed(grown.folder / "indexes", "base", one.store.index_seal("base"))
            assert grown.files().keys() == {f"base.{sha256[:16]}.index" for sha256 in known}


def test_what_a_long_writer_has_stored_is_found_before_it_ends(grown: Grown) -> None:
    with open_gallery(grown.folder) as reader, open_gallery(grown.folder) as writer:
        assert len(reader.index()) == MANY
        with writer.writing(0):
            for step in range(1, 4):
                add(writer, range(MANY, MANY + 20 * step))
                assert len(reader.index()) == MANY + 20 * step


def test_the_first_records_are_found_while_more_are_added(tmp_path: Path) -> None:
    with open_gallery(tmp_path / "g", create=True) as writer, open_gallery(tmp_path / "g") as reader:
        assert len(reader.index()) == 0
        with writer.writing(0):
            add(writer, range(50))
            assert reader.index().search(unit(0), 1)[0].tolist() == [[1]]


def test_an_index_of_before_there_were_segments_is_opened(make: Callable[[str], Grown]) -> None:
    grown = make("flat")
    folder = grown.folder / "indexes"
    large = max(folder.glob("*.index"), key=lambda path: path.stat().st_size)
    told = json.loads(large.with_suffix(".json").read_bytes())
    data, beside = large.read_bytes(), large.with_suffix(".json").read_bytes()
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "base.index").write_bytes(data)
    (folder / "base.json").write_bytes(beside)
    with open_gallery(grown.folder) as gallery:
        gallery.store.seal_index("base", told["sha256"], gallery.store.index_seal("base"))
    grown.check()
    assert [*grown.files()] == ["base.index"]
    with open_gallery(grown.folder) as gallery:
        add(gallery, range(MANY, MANY + 5))
    grown.check()
    assert len(grown.files()) == 2
    assert "base.index" not in grown.files()


def test_a_seal_without_its_files_is_made_good(grown: Grown) -> None:
    with closing(sqlite3.connect(grown.folder / "gallery.db")) as database:
        assert database.execute("SELECT count(*) FROM gallery WHERE name = 'index of base'").fetchone() == (1,)
    shutil.rmtree(grown.folder / "indexes")
    grown.check()
    assert len(grown.files()) == 2


@pytest.mark.parametrize("worth", [5, 1000], ids=["few", "many"])
def test_a_file_is_known_to_hold_what_is_gone(worth: int, make: Callable[[str], Grown], monkeypatch: Patch) -> None:
    monkeypatch.setattr(spaces, "_WORTH", worth)  # beyond which all checksums are compared
    harmless = {"added", "labelled"}
    with open_gallery(make("flat").folder) as gallery:
        layout = layout_of(gallery.store)
        for what, change in changes():
            change(gallery)
            assert gallery._indexes._has_lost(layout) == (what not in harmless), what
            if what == "encoded anew":
                layout = layout_of(gallery.store)


def test_searches_go_on_while_an_erasure_writes_the_files_anew(
    make: Callable[[str], Grown], monkeypatch: Patch
) -> None:
    grown = make("flat")
    without, found, went_on = chain.chain_without, list[bool](), list[bool]()
    with open_gallery(grown.folder) as gallery:
        gone = gallery.store.keys_of_records([gallery.store.record(ids(range(1))[0]).key])
        gallery.index()

        def search() -> None:
            keys, _ = gallery.index().search(unit(5, 1), MANY)
            found.append(not np.isin(keys, gone).any())

        def rewritten(*given: Any) -> Any:
            searching = threading.Thread(target=search, daemon=True)
            searching.start()
            searching.join(PATIENCE)
            went_on.append(not searching.is_alive())
            return without(*given)

        monkeypatch.setattr(spaces, "chain_without", rewritten)
        remove(gallery, ids(range(1)))
        assert went_on == [True]
        assert found == [True]
        add(gallery, range(MANY, MANY + spaces._WORTH))
        assert len(gallery.index()) == MANY - 1 + spaces._WORTH
    grown.check()
