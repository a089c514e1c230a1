"""The filter's text, its tree, and what it means."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from filter_trees import compares, trees
from lookalike.errors import UsageError
from lookalike.filters import And, Compare, Filter, Not, Or, fields, matches, parse, tree_of

A, B, C = (Compare(name, "=", value) for name, value in ("a1", "b2", "c3"))


# Text -> tree


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("Modality=CR", Compare("Modality", "=", "CR")),
        ("  Modality = CR ", Compare("Modality", "=", "CR")),
        ("PatientAge>=60", Compare("PatientAge", ">=", "60")),
        ("PatientAge<1e1", Compare("PatientAge", "<", "1e1")),
        ("site!=north", Compare("site", "!=", "north")),
        ("label~'pleural effusion'", Compare("label", "~", "pleural effusion")),
        ('label="a (b) and c"', Compare("label", "=", "a (b) and c")),
        ("label='and'", Compare("label", "=", "and")),
        ("'odd name'=1", Compare("odd name", "=", "1")),
        ("label=''", Compare("label", "=", "")),
        ("a=1 and b=2 or c=3", Or((And((A, B)), C))),
        ("a=1 and (b=2 or c=3)", And((A, Or((B, C))))),
        ("not a=1 and b=2", And((Not(A), B))),
        ("NOT NOT a=1", Not(Not(A))),
        ("a=1 AND b=2 And c=3", And((A, B, C))),
        ("((a=1))", Compare("a", "=", "1")),
        ("études=zürich", Compare("études", "=", "zürich")),
    ],
)
def test_reading(text: str, tree: Filter) -> None:
    assert parse(text) == tree


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "Modality",
        "Modality=",
        "=CR",
        "Modality==CR",
        "Modality=CR and",
        "and Modality=CR",
        "(a=1",
        "a=1)",
        "a=1 b=2",
        "a=1 or or b=2",
        "not",
        "()",
        "a='open",
        'a="open',
        "a=1 & b=2 !",
        "age>sixty",
        "age<='a b'",
        "a=1" + " and (a=1" * 1000,
        "not " * 5000 + "a=1",
        " and ".join(["a=1"] * 2000),
        "(" * 100_000,
    ],
    ids=lambda text: repr(text[:20]),
)
def test_what_cannot_be_read_shows_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="PatientAge>=60") as caught:
        parse(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


HALF, MOST = " or ".join(["label~a"] * 50), " or ".join(["label~a"] * 100)


@pytest.mark.parametrize(
    ("text", "got", "most"),
    [
        (f"{MOST} or label~a", "101 comparisons", "100"),
        (f"({HALF}) and ({HALF}) or label=a", "101 comparisons", "100"),
        ("(" * 21 + "a=1" + ")" * 21, "21 levels", "20"),
        ("not " * 21 + "a=1", "21 levels", "20"),
        ("label='" + "x" * 9_993 + "'", "10001 characters", "10000"),
    ],
)
def test_too_large_a_filter_says_what_is_allowed(text: str, got: str, most: str) -> None:
    with pytest.raises(UsageError, match=f"it has {got}.*, at most {most} are allowed"):
        parse(text)


@pytest.mark.parametrize(
    "text", [MOST, "(" * 20 + "a=1" + ")" * 20, "not " * 20 + "a=1", "label='" + "x" * 9_992 + "'"]
)
def test_as_large_a_filter_as_is_allowed(text: str) -> None:
    assert tree_of(parse(text)) == tree_of(text) == parse(text)


def nested(depth: int) -> Filter:
    tree: Filter = A
    for _ in range(depth):
        tree = Not(tree)
    return tree


def doubled(depth: int) -> Filter:
    """A small object that is a tree of 2 ** depth comparisons."""
    tree: Filter = A
    for _ in range(depth):
        tree = And((tree, tree))
    return tree


@pytest.mark.parametrize(
    "tree",
    [
        Or((A,) * 101),
        And((Or(()),) * 101),
        nested(100_000),
        doubled(60),
        Compare("a" * 6000, "=", "b" * 6000),
        Compare("a", "==", "1"),  # type: ignore[arg-type]
        Compare("a", "=", 1),  # type: ignore[arg-type]
        Compare("a", "=", "\0"),
        Compare("\udc80", "=", "1"),
        And([A, B]),  # type: ignore[arg-type]
        Not("a=1"),  # type: ignore[arg-type]
        5,
    ],
    ids=lambda tree: type(tree).__name__,
)
def test_a_tree_has_the_limits_of_a_text(tree: Any) -> None:
    with pytest.raises(UsageError, match="the filter cannot be read") as caught:
        tree_of(tree)
    assert len(str(caught.value)) < 300


TOKENS = ["a=1", "b!=x y", "age>=60", "c~'(odd) or'", "and", "or", "not", "(", ")", "AND", "d='"]


@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(TOKENS), max_size=7).map(" ".join)))
@example("not a=1 or (age>=60 and b!=x)")
@example("a=1 and and")
def test_any_text_is_read_or_refused_and_brackets_change_nothing(text: str) -> None:
    try:
        tree = parse(text)
    except UsageError:
        return
    assert parse(f"({text})") == parse(f" {text} ") == tree
    assert parse(f"not ({text})") == Not(tree)


def written(tree: Filter) -> str:
    """A tree as text, each value in whichever quotes it does not hold."""
    if isinstance(tree, Compare):
        name, value = (f'"{part}"' if '"' not in part else f"'{part}'" for part in (tree.field, tree.value))
        return f"{name} {tree.op} {value}"
    if isinstance(tree, Not):
        return f"not ({written(tree.part)})"
    word = " and " if isinstance(tree, And) else " or "
    return "(" + word.join(written(part) for part in tree.parts) + ")"


@given(trees(compares()))
def test_a_written_tree_is_read_back(tree: Filter) -> None:
    text = written(tree)
    if text.count("(") + text.count("not ") <= 20:
        assert parse(text) == tree


@given(trees(compares()))
def test_fields_are_those_that_are_named(tree: Filter) -> None:
    assert fields(tree) == {name for name in fields(tree) if f'"{name}"' in written(tree)}
    assert all(name in fields(tree) for name in ("label", "age") if f'"{name}" ' in written(tree))


# What a tree means


RECORD = {"label": ["effusion", "Mass"], "age": ["61.5"], "site": ["north"], "code": ["007"]}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("label=effusion", True),
        ("label=mass", False),
        ("label~MAS", True),
        ("label!=effusion", False),
        ("label!=device", True),
        ("age>=60", True),
        ("age>61.5", False),
        ("age=61.50", True),
        ("age='61.5'", True),
        ("code=7", True),
        ("code=07", True),
        ("code~07", True),
        ("code~7.0", False),
        ("site>1", False),
        ("not site>1", True),
        ("site<=1", False),
        ("nothing=1", False),
        ("nothing!=1", True),
        ("nothing<1", False),
        ("label>1", False),
        ("label=effusion and age<60 or site=north", True),
    ],
)
def test_meaning(text: str, holds: bool) -> None:
    assert matches(parse(text), RECORD) is holds
