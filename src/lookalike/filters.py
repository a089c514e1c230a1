"""Filters: a tree of conditions on the fields of records, with and / or / not.

As text: ``Modality=CR and (PatientAge>=60 or not label=effusion)``. A field is ``label``, ``patient``,
``source``, ``id`` or the name of an attribute. Operators: = != < <= > >= and ~ (contains, ignoring case).
Values with spaces are quoted. The store compiles the tree to SQL.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
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
_MAX_TOKENS: Final = 2000  # databases limit the depth of an expression, and so does Python
_MAX_NESTED: Final = 20
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


def fields(tree: Filter) -> set[str]:
    """The names of the fields that a tree uses."""
    if isinstance(tree, Compare):
        return {tree.field}
    return set().union(*map(fields, [tree.part] if isinstance(tree, Not) else tree.parts))


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
    """Text -> tree. Raises UsageError, with the form expected, if it cannot be read."""
    tokens = _tokens(text)
    nested = sum(_is([token], "(") or _is([token], "not") for token in tokens)
    if len(tokens) > _MAX_TOKENS or nested > _MAX_NESTED:
        raise _unreadable(f"it has more than {_MAX_TOKENS} words, or {_MAX_NESTED} brackets and nots")
    tree = _parse_or(tokens)
    if tokens:
        raise _unreadable(f"{tokens[0][1]!r} is not expected there")
    return tree


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
    return bool(tokens) and tokens[0][0] in ("word", "paren") and tokens[0][1].lower() == word


def _parse_or(tokens: list[tuple[str, str]]) -> Filter:
    parts = [_parse_and(tokens)]
    while _is(tokens, "or"):
        tokens.pop(0)
        parts.append(_parse_and(tokens))
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


def _parse_and(tokens: list[tuple[str, str]]) -> Filter:
    parts = [_parse_not(tokens)]
    while _is(tokens, "and"):
        tokens.pop(0)
        parts.append(_parse_not(tokens))
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def _parse_not(tokens: list[tuple[str, str]]) -> Filter:
    if _is(tokens, "not"):
        tokens.pop(0)
        return Not(_parse_not(tokens))
    if _is(tokens, "("):
        tokens.pop(0)
        tree = _parse_or(tokens)
        if not _is(tokens, ")"):
            raise _unreadable("a bracket is not closed")
        tokens.pop(0)
        return tree
    return _parse_compare(tokens)


def _parse_compare(tokens: list[tuple[str, str]]) -> Compare:
    kinds = [kind for kind, _ in tokens[:3]]
    if len(kinds) < 3 or kinds[0] not in ("word", "value") or kinds[1] != "op" or kinds[2] not in ("word", "value"):
        raise _unreadable("a comparison is 'field operator value'")
    (_, name), (_, op), (_, value) = (tokens.pop(0) for _ in range(3))
    if op in _ORDER and number(value) is None:
        raise _unreadable(f"{op} compares numbers, got {value!r}")
    return Compare(name, op, value)  # type: ignore[arg-type]
