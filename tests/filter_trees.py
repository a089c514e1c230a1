"""Filters at random, and the values that they compare with."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from lookalike.filters import And, Compare, Filter, Not, Or, number

NAMES = st.sampled_from(["label", "id", "source", "patient", "Modality", "age", "odd name", "not", "é"])
WORDS = [
    "",
    " ",
    "effusion",
    "Effusion",
    "EFFUSION, left",
    "Épanchement",
    "épanchement",
    "STRASSE",
    "straße",
    "İ",
    "%",
    "_",
    "50%",
    "a_b",
    "a\\b",
    "it's",
    "x",
    "5",
    "5.0",
    "05",
    "1e1",
    "10",
    "-3",
    "+3",
    ".5",
    "nan",
    "inf",
    "-inf",
    "1_0",
    "٣",
    "9007199254740993",
    "0",
    "-0.0",
    "patient-1",
    "/data/a_b.png",
    "and",
    "(",
    "CR",
    "cr",
]
VALUES = st.one_of(st.sampled_from(WORDS), st.integers(-20, 20).map(str), st.floats(-20, 20).map(str))
NUMBERS = VALUES.filter(lambda value: number(value) is not None)


def compares(names: st.SearchStrategy[str] = NAMES) -> st.SearchStrategy[Compare]:
    by_text = st.builds(Compare, names, st.sampled_from(["=", "!=", "~"]), VALUES)
    by_order = st.builds(Compare, names, st.sampled_from(["<", "<=", ">", ">="]), NUMBERS)
    return st.one_of(by_text, by_order)


def trees(leaves: st.SearchStrategy[Any], least: int = 2) -> st.SearchStrategy[Filter]:
    def deeper(inner: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
        parts = st.lists(inner, min_size=least, max_size=3).map(tuple)
        return st.one_of(st.builds(And, parts), st.builds(Or, parts), st.builds(Not, inner))

    return st.recursive(leaves, deeper, max_leaves=8)
