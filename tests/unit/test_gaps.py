"""What SQLite leaves between the cells of its pages is found wherever it lies; what lies in a cell is none of it."""

from __future__ import annotations

import random
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from lookalike.store.gaps import unallocated
from lookalike.store.pages import lies_between

KINDS = {2: 12, 5: 12, 10: 8, 13: 8}


def database(file: Path, size: int, seed: int) -> list[bytes]:
    """Rows that came in any order and went again in part; returns the words of those that are gone."""
    chance = random.Random(seed)
    with closing(sqlite3.connect(file)) as opened:
        opened.execute(f"PRAGMA page_size={size}")
        opened.execute("PRAGMA secure_delete=ON")
        opened.execute("CREATE TABLE rows (key INTEGER PRIMARY KEY, word TEXT, other TEXT, data BLOB)")
        opened.execute("CREATE INDEX words ON rows (word, other)")
        words = [secrets.token_hex(16) for _ in range(400)]
        for key in chance.sample(range(400), 400):
            row = key, words[key], "x" * chance.randrange(80), bytes(chance.randrange(900))
            opened.execute("INSERT INTO rows VALUES (?, ?, ?, ?)", row)
        gone = chance.sample(range(400), 150)
        opened.executemany("DELETE FROM rows WHERE key = ?", [(key,) for key in gone])
        opened.commit()
        assert opened.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return [words[key].encode() for key in gone]


def between(file: Path, size: int) -> list[bytes]:
    """The unallocated bytes of every page, read plainly."""
    data, found = file.read_bytes(), []
    for start in range(0, len(data), size):
        page, at = data[start : start + size], 100 if start == 0 else 0
        if page[at] in KINDS:
            first = at + KINDS[page[at]] + 2 * int.from_bytes(page[at + 3 : at + 5], "big")
            found.append(page[first : int.from_bytes(page[at + 5 : at + 7], "big") or size])
    return found


@pytest.mark.parametrize("size", [512, 4096, 65536])
def test_words_between_cells_are_found_as_by_reading_every_page(tmp_path: Path, size: int) -> None:
    file = tmp_path / "rows.db"
    gone = database(file, size, size)
    gaps = between(file, size)
    with file.open("rb") as opened:
        read = b"\0".join(unallocated(opened, size))
    assert read.replace(b"\0", b"") == b"".join(gaps).replace(b"\0", b"")
    left = [word for word in gone if any(word in gap for gap in gaps)]
    assert lies_between(file, gone) == bool(left)
    for word in gone[:5]:
        assert lies_between(file, [word]) == (word in left)


@pytest.mark.parametrize("word", [b"0123456789abcdef0123456789abcdef", b"CANARY", "naïve".encode()])
def test_a_word_is_found_in_a_gap_and_not_in_a_cell(tmp_path: Path, word: bytes) -> None:
    file = tmp_path / "rows.db"
    with closing(sqlite3.connect(file)) as opened:
        opened.execute("CREATE TABLE rows (word BLOB)")
        opened.execute("INSERT INTO rows VALUES (?)", (word,))
        opened.commit()
    assert word in file.read_bytes()
    assert not lies_between(file, [word, b"another"])
    with file.open("r+b") as raw:
        raw.seek(4096 + 100)  # the second page is the table, whose only cell is at its end
        raw.write(word)
    assert lies_between(file, [word, b"another"])
    assert not lies_between(file, [b"another"])


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"pages of none\.db"):
        lies_between(tmp_path / "none.db", [b"x"])
