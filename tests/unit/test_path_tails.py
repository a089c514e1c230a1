"""Which rows of a table meet which files: examples, and random paths against a slow oracle."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Sequence
from itertools import product

import pytest

from lookalike.sources.path_tails import Meeting, meet


def none_alike(rows: Sequence[int]) -> bool:
    return len(rows) == 1


def met(rows: Sequence[str], files: Sequence[str], *, alike: bool = False) -> dict[str, list[str]]:
    """The rows of each file; raises where something is ambiguous."""
    found = meet(rows, files, (lambda _some: True) if alike else none_alike)
    assert not found.ambiguous, found.ambiguous
    return {files[file]: sorted(rows[i] for i in some) for file, some in found.rows_of.items()}


def ambiguous(rows: Sequence[str], files: Sequence[str]) -> set[tuple[frozenset[str], frozenset[str]]]:
    found = meet(rows, files, none_alike)
    return {(frozenset(rows[i] for i in one.rows), frozenset(files[i] for i in one.files)) for one in found.ambiguous}


@pytest.mark.parametrize(
    ("row", "file"),
    [
        ("D:\\study\\images\\0.png", "/data/images/0.png"),
        ("D:\\a\\b.png", "/anywhere/b.png"),
        ("/home/x/b.png", "/data/y/b.png"),
        ("images/b.png", "/data/pictures/b.png"),
        ("b.png", "/data/b.png"),
        ("b", "/data/b.png"),
        ("b.png", "/data/b"),
        ("B.PNG", "/data/b.png"),
        ("Images/B", "/data/images/b.dcm"),
        ("vol", "/data/vol.nii.gz"),
        ("vol.nii", "/data/vol.nii.gz"),
        ("vol.nii.gz", "/data/vol.nii"),
        ("scan", "/data/scan.seq.nrrd"),
        ("1.2.840.10008.5", "/data/1.2.840.10008.5.dcm"),
        ("1.2.840.10008.5.dcm", "/data/1.2.840.10008.5"),
        ("a//b/./c.png", "/x/a/b/c.png"),
        ("../images/c.png", "/x/images/c.png"),
        ("x.npz#3", "/data/x.npz#3"),
        (unicodedata.normalize("NFC", "Größe/é.png"), unicodedata.normalize("NFD", "/data/Größe/é.png")),
        (unicodedata.normalize("NFD", "é"), unicodedata.normalize("NFC", "/data/É.png")),
    ],
)
def test_one_row_meets_one_file(row: str, file: str) -> None:
    assert met([row], [file]) == {file: [row]}
    assert met([file], [row]) == {row: [file]}


@pytest.mark.parametrize(
    ("row", "file"),
    [
        ("a.png", "/x/xa.png"),
        ("a.png", "/x/a.jpg"),
        ("1.2.840.1", "/x/1.2.840.2"),
        ("1.2.840", "/x/1.2.840.5"),
        ("left.b.png", "/x/left.png"),
        ("", "/x/a.png"),
        ("..", "/x/a.png"),
        ("a.png/", "/x/a.jpg"),
    ],
)
def test_other_names_do_not_meet(row: str, file: str) -> None:
    assert met([row], [file]) == {}


def test_the_longest_tail_wins() -> None:
    rows = ["a.png", "sub/a.png", "D:/x/deep/sub/a.png"]
    assert met(rows, ["/r/a.png", "/r/sub/a.png", "/r/deep/sub/a.png"]) == {
        "/r/a.png": ["a.png"],
        "/r/sub/a.png": ["sub/a.png"],
        "/r/deep/sub/a.png": ["D:/x/deep/sub/a.png"],
    }


def test_extension_and_spelling_decide_between_equally_long_tails() -> None:
    assert met(["0.png", "0"], ["/x/0.png", "/x/0"]) == {"/x/0.png": ["0.png"], "/x/0": ["0"]}
    assert met(["0.png", "0"], ["/x/0.png"]) == {"/x/0.png": ["0.png"]}
    assert met(["A.png", "a.png"], ["/x/a.png", "/x/A.png"]) == {"/x/a.png": ["a.png"], "/x/A.png": ["A.png"]}
    assert met(["A.png", "a.png"], ["/x/a.png"]) == {"/x/a.png": ["a.png"]}


def test_one_name_with_several_extensions_is_one_row_s() -> None:
    assert met(["0"], ["/x/0.png", "/x/0.dcm"]) == {"/x/0.png": ["0"], "/x/0.dcm": ["0"]}
    assert ambiguous(["0"], ["/x/0.png", "/y/0.dcm"])


def test_rows_that_say_the_same_are_no_contradiction() -> None:
    rows = ["D:/a/1.png", "D:/b/1.png"]
    assert met(rows, ["/x/1.png"], alike=True) == {"/x/1.png": rows}
    assert met(rows, ["/x/1.png", "/y/1.png"], alike=True) == {"/x/1.png": rows, "/y/1.png": rows}


def test_what_is_ambiguous() -> None:
    assert ambiguous(["D:/a/1.png", "D:/b/1.png"], ["/x/1.png"]) == {
        (frozenset(["D:/a/1.png", "D:/b/1.png"]), frozenset(["/x/1.png"]))
    }
    assert ambiguous(["1.png"], ["/x/1.png", "/y/1.png"]) == {
        (frozenset(["1.png"]), frozenset(["/x/1.png", "/y/1.png"]))
    }
    assert ambiguous(["1.png", "1.jpg"], ["/x/1"]) == {(frozenset(["1.png", "1.jpg"]), frozenset(["/x/1"]))}
    assert ambiguous(["1.PNG", "1.Png"], ["/x/1.png"])


def test_beside_better_pairs_folders_that_contradict_each_other_meet_nothing() -> None:
    """One folder a patient, and one name in each: the patient without a row has none."""
    found = met(["p1/image.png", "p2/image.png"], ["/d/p1/image.png", "/d/p3/image.png"])
    assert found == {"/d/p1/image.png": ["p1/image.png"]}


def test_the_end_of_the_path_alone_is_told() -> None:
    def partial(row: str, file: str) -> bool:
        return bool(meet([row], [file], none_alike).partial)

    assert partial("D:/study/0.png", "/data/0.png")
    assert partial("train/0.png", "/data/test/0.png")
    assert not partial("test/0.png", "/data/test/0.png")
    assert not partial("0", "/data/test/0.png")
    assert not partial("/mnt/test/0.png", "test/0.png")


# Random paths against an oracle that compares every row with every file


def common(row: str, file: str) -> int:
    """How many parts the ends of two paths share."""
    pairs = zip(reversed(row.strip("/").split("/")), reversed(file.strip("/").split("/")), strict=False)
    shorter = 1 + min(path.strip("/").count("/") for path in (row, file))
    return next((n for n, (a, b) in enumerate(pairs) if a != b), shorter)


def oracle(rows: Sequence[str], files: Sequence[str]) -> tuple[dict[str, str], set[str]]:
    """The row of each file, and the rows that are ambiguous: pairs by falling length of their common tail."""
    shared = {(row, file): common(row, file) for row, file in product(rows, files)}
    done_rows, done_files, pairs, unclear = set[str](), set[str](), dict[str, str](), set[str]()
    for length in sorted({*shared.values()} - {0}, reverse=True):
        ended = {tuple(row.strip("/").split("/")[-length:]) for row in rows if len(row.strip("/").split("/")) >= length}
        new_rows, new_files = set[str](), set[str]()
        for end in ended:
            tail = "/".join(end)
            all_rows = [row for row in rows if f"/{row.strip('/')}".endswith(f"/{tail}")]
            here = [row for row in all_rows if row not in done_rows]
            there = [f for f in files if f.endswith(f"/{tail}") and f not in done_files]
            if len(here) < len(all_rows):  # a better pair has this tail, too
                here = [row for row in here if row.strip("/") == tail]
            if not here or not there:
                continue
            new_rows.update(here)
            new_files.update(there)
            if len(here) == len(there) == 1:
                pairs[there[0]] = here[0]
            else:
                unclear.update(here)
        done_rows |= new_rows
        done_files |= new_files
    return pairs, unclear


def answers(found: Meeting, rows: Sequence[str], files: Sequence[str]) -> tuple[dict[str, str], set[str]]:
    pairs = {files[file]: rows[some[0]] for file, some in found.rows_of.items()}
    assert all(len(some) == 1 for some in found.rows_of.values())
    return pairs, {rows[i] for one in found.ambiguous for i in one.rows}


def test_random_paths_meet_as_the_oracle_says() -> None:
    draw = random.Random(0)
    clear = 0

    def one() -> str:
        return "/".join([*draw.choices("abc", k=draw.randint(0, 3)), draw.choice(["1.png", "2.png"])])

    def some(start: str) -> list[str]:
        return sorted({start + one() for _ in range(draw.randint(0, 5))})

    for _ in range(4000):
        rows, files = some(draw.choice(["", "D:/", "/"])), some("/r/")
        shuffled_rows, shuffled_files = draw.sample(rows, len(rows)), draw.sample(files, len(files))
        found = answers(meet(shuffled_rows, shuffled_files, none_alike), shuffled_rows, shuffled_files)
        assert found == oracle(rows, files), (rows, files)
        clear += len(found[0])
    assert clear > 2000


def test_many_files_of_one_name() -> None:
    """No step compares every row with every file."""
    rows = [f"train/patient{n:06}/study1/view1_frontal.jpg" for n in range(20_000)]
    others = [f"/data/valid/p{n:06}/study1/view1_frontal.jpg" for n in range(999)]
    files = [*(f"/data/{row}" for row in rows[:12_000]), *others]
    found = meet(rows, files, none_alike)
    assert found.rows_of == {file: [file] for file in range(12_000)}
    assert not found.ambiguous
