"""Filters: a tree of conditions on the fields of records, with and / or / not.

As text: ``Modality=CR and (PatientAge>=60 or not label=effusion)``. A field is ``label``, ``patient``,
``source``, ``id`` or the name of an attribute. Operators: = != < <= > >= and ~ (contains, ignoring case).
Values with spaces are quoted. The store compiles the tree to SQL.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from lookalike.errors import UsageError

Operator: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">=", "~"]
TEXT_FIELDS: Final = ("id", "source", "patient", "label")
"""Fields that are not attributes: compared as text, never as numbers."""

_ORDER: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
MOST_TERMS: Final = 100
"""Comparisons that a filter may have: what it costs grows with them."""
MOST_NESTED: Final = 20
"""Levels of brackets and nots: databases limit the depth of an expression, and so does Python."""
MOST_LETTERS: Final = 10_000
"""Characters of a filter as text, and of the fields and values of a tree together."""

_MOST_LEVELS: Final = 2 * MOST_NESTED + 2  # within each bracket there may be an "or" of "and"s
_QUOTED: Final = 40  # characters of a filter that a message repeats
_OPERATORS: Final = frozenset({"=", "!=", "~", *_ORDER})
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")  # no database keeps these as text
_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<op>!=|<=|>=|=|<|>|~)|(?P<paren>[()])|"(?P<dq>[^"]*)"|'(?P<sq>[^']*)'|(?P<word>[^\s()=!<>~"']+))"""
)


@dataclass(frozen=True, slots=True)
class Compare:
    """``field op value``. != holds also where the field is missing."""

    field: str
    op: Operator
    value: str


@dataclass(frozen=True, slots=True)
class And:
    """Every part holds."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part holds."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Filter


Filter: TypeAlias = Compare | And | Or | Not


def tree_of(where: str | Filter | None) -> Filter | None:
    """What a caller gave as a filter: text is parsed, a tree checked. Raises UsageError."""
    if where is None:
        return None
    return parse(where) if isinstance(where, str) else checked(where)


def checked(tree: object) -> Filter:
    """A tree if it is one that may be asked, wherever it came from: of comparisons, And, Or and Not, no larger than a
    text may say. Raises UsageError.
    """
    left: list[tuple[Any, int]] = [(tree, 0)]
    terms = letters = 0
    while left:
        node, depth = left.pop()
        _at_most("levels", depth, _MOST_LEVELS)
        parts = _parts_of(node)
        terms += not parts  # an empty And or Or counts as well
        letters += sum(len(text) for text in (node.field, node.value)) if isinstance(node, Compare) else 0
        _at_most("comparisons", terms + len(left), MOST_TERMS)
        _at_most("characters", letters, MOST_LETTERS)
        left += [(part, depth + (not isinstance(part, Compare))) for part in parts]
    return tree  # type: ignore[return-value]


def _parts_of(node: object) -> tuple[object, ...]:
    if isinstance(node, Compare):
        texts = (node.field, node.op, node.value)
        if node.op not in _OPERATORS or not all(isinstance(text, str) for text in texts):
            raise _unreadable(f"a comparison is of texts, with one of {' '.join(sorted(_OPERATORS))}")
        if any(map(_UNSTORABLE.search, texts)):
            raise _unreadable("it holds a character that no text has")
        return ()
    if isinstance(node, Not):
        return (node.part,)
    if isinstance(node, And | Or) and isinstance(node.parts, tuple):
        return node.parts
    raise _unreadable(f"it holds a {type(node).__name__}")


def _at_most(what: str, got: int, most: int) -> None:
    if got > most:
        raise _unreadable(f"it has {got} {what}, at most {most} are allowed")


def fields(tree: Filter) -> set[str]:
    """The names of the fields that a tree uses."""
    return {compare.field for compare in comparisons(tree)}


def comparisons(tree: Filter) -> Iterator[Compare]:
    """The comparisons of a tree, from left to right."""
    if isinstance(tree, Compare):
        yield tree
    else:
        for part in (tree.part,) if isinstance(tree, Not) else tree.parts:
            yield from comparisons(part)


def number(value: object) -> float | None:
    """The value as a finite number, or None if it is not one."""
    try:
        parsed = float(str(value))
    except ValueError:
        return None
    return parsed if abs(parsed) < float("inf") else None


def matches(tree: Filter, fields: Mapping[str, Sequence[str]]) -> bool:
    """Whether a record with these field values satisfies the tree: the reference that the SQL must agree with."""
    if isinstance(tree, And):
        return all(matches(part, fields) for part in tree.parts)
    if isinstance(tree, Or):
        return any(matches(part, fields) for part in tree.parts)
    if isinstance(tree, Not):
        return not matches(tree.part, fields)
    if tree.op == "!=":
        return not matches(Compare(tree.field, "=", tree.value), fields)
    as_text = tree.field in TEXT_FIELDS
    return any(_holds(tree.op, value, tree.value, as_text) for value in fields.get(tree.field, ()))


def _holds(op: str, found: str, wanted: str, as_text: bool) -> bool:
    left, right = (None, None) if as_text else (number(found), number(wanted))
    if op == "~":
        return wanted.lower() in found.lower()
    if op == "=":
        return found == wanted or (left is not None and left == right)
    return left is not None and right is not None and _ORDER[op](left, right)


def parse(text: str) -> Filter:
    """Text -> tree. Raises UsageError, with the form expected, if it cannot be read or is longer, deeper or of more
    comparisons than may be asked.
    """
    _at_most("characters", len(text), MOST_LETTERS)
    tokens = _tokens(text)
    _at_most("comparisons", sum(kind == "op" for kind, _ in tokens), MOST_TERMS)
    tokens.reverse()  # the next one is the last
    tree = _parse_or(tokens, 0)
    if tokens:
        raise _unreadable(f"{tokens[-1][1][:_QUOTED]!r} is not expected there")
    return checked(tree)


def _unreadable(why: str) -> UsageError:
    return UsageError(f"the filter cannot be read: {why}; write for example 'Modality=CR and PatientAge>=60'")


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    text = text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _unreadable(f"{text[at : at + 10]!r} is not expected there")
        kind = str(match.lastgroup)
        found.append(("value" if kind in ("dq", "sq") else kind, match[kind]))
        at = match.end()
    return found


def _is(tokens: list[tuple[str, str]], word: str) -> bool:
    return bool(tokens) and tokens[-1][0] in ("word", "paren") and tokens[-1][1].lower() == word


def _parse_or(tokens: list[tuple[str, str]], depth: int) -> Filter:
    parts = [_parse_and(tokens, depth)]
    while _is(tokens, "or"):
        tokens.pop()
        parts.append(_parse_and(tokens, depth))
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


def _parse_and(tokens: list[tuple[str, str]], depth: int) -> Filter:
    parts = [_parse_not(tokens, depth)]
    while _is(tokens, "and"):
        tokens.pop()
        parts.append(_parse_not(tokens, depth))
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def _parse_not(tokens: list[tuple[str, str]], depth: int) -> Filter:
    _at_most("levels of brackets and nots", depth, MOST_NESTED)
    if _is(tokens, "not"):
        tokens.pop()
        return Not(_parse_not(tokens, depth + 1))
    if _is(tokens, "("):
        tokens.pop()
        tree = _parse_or(tokens, depth + 1)
        if not _is(tokens, ")"):
            raise _unreadable("a bracket is not closed")
        tokens.pop()
        return tree
    return _parse_compare(tokens)


def _parse_compare(tokens: list[tuple[str, str]]) -> Compare:
    kinds = [kind for kind, _ in tokens[:-4:-1]]
    if len(kinds) < 3 or kinds[0] not in ("word", "value") or kinds[1] != "op" or kinds[2] not in ("word", "value"):
        raise _unreadable("a comparison is 'field operator value'")
    (_, name), (_, op), (_, value) = (tokens.pop() for _ in range(3))
    if op in _ORDER and number(value) is None:
        raise _unreadable(f"{op} compares numbers, got {value[:_QUOTED]!r}")
    return Compare(name, op, value)  # type: ignore[arg-type]
