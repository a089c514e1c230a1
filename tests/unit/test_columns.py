"""Text that fits a terminal: against what a table must keep, whatever its cells."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.columns import aligned, paragraphs, shortened

words = st.text("abcxyz/.-", min_size=1, max_size=60)
figures = st.from_regex(r"-?[0-9]{1,3}\.[0-9]{3}( \[[0-9]{2}, [0-9]{2}\])?", fullmatch=True)
cells = st.one_of(words, figures, st.lists(words, max_size=6).map(" ".join))


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    columns = draw(st.integers(1, 12))
    return draw(st.lists(st.lists(cells, min_size=columns, max_size=columns), min_size=1, max_size=5))


@given(tables(), st.sampled_from([80, 100, 132]), st.booleans())
def test_no_line_is_wider_than_the_terminal(rows: list[list[str]], width: int, ruled: bool) -> None:
    assert max(map(len, aligned(rows, width, ruled=ruled).splitlines()), default=0) <= width


@given(tables())
def test_what_fits_is_printed_as_it_is(rows: list[list[str]]) -> None:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    expected = ["  ".join(cell.ljust(wide) for cell, wide in zip(row, widths, strict=True)).rstrip() for row in rows]
    assert aligned(rows, 10_000) == "\n".join(expected)


@given(st.lists(st.lists(figures, min_size=9, max_size=9), min_size=1, max_size=5))
def test_figures_are_never_cut(body: list[list[str]]) -> None:
    printed = aligned([list("ABCDEFGHI"), *body], 80)
    for row in body:
        for figure in row:
            assert figure in printed


def test_a_path_is_shortened_in_its_middle_and_keeps_its_name() -> None:
    path = "/data/" + "sub/" * 30 + "cxr_017.dcm"
    rows = [["rank", "score", "id", "source"], ["1", "0.9731", "0123456789abcdef", path]]
    line = aligned(rows, 80).splitlines()[1]
    assert re.fullmatch(r"1     0\.9731  0123456789abcdef  /data/sub/\S+\.\.\.\S+/cxr_017\.dcm", line)
    assert len(line) == 80


def test_further_columns_stand_under_the_first_again() -> None:
    rows = [["label", *(f"P@{k}" for k in range(1, 9))], ["edema", *["0.590 [0.40, 0.70]"] * 8]]
    printed = aligned(rows, 80, ruled=True)
    assert printed.count("\n\nlabel") == printed.count("edema") - 1 > 0
    assert [word for word in printed.split() if word.startswith("P@")] == [f"P@{k}" for k in range(1, 9)]


def test_a_sentence_wraps_at_words() -> None:
    rows = [["what", "detail"], ["reader", "one sentence " * 12]]
    lines = aligned(rows, 80).splitlines()
    assert " ".join(line[8:].strip() for line in lines[1:]) == ("one sentence " * 12).strip()


@given(st.text(max_size=80), st.integers(5, 40))
def test_shortened(text: str, width: int) -> None:
    short = shortened(text, width)
    assert len(short) == min(len(text), width)
    assert text.endswith(short.rpartition("...")[2]) or short == text


@given(st.lists(words, max_size=40).map(" ".join))
def test_paragraphs_keep_every_word(line: str) -> None:
    assert paragraphs([line], 70).split() == line.split()
    longest = max(map(len, line.split()), default=0)
    assert max(map(len, paragraphs([line], 70).splitlines()), default=0) <= max(70, longest)


def test_the_terminals_width(monkeypatch: pytest.MonkeyPatch) -> None:
    for columns, expected in (("100", 100), ("0", 80), ("", 80)):
        monkeypatch.setenv("COLUMNS", columns)
        assert max(map(len, paragraphs(["word " * 50]).splitlines())) in range(expected - 5, expected + 1)
