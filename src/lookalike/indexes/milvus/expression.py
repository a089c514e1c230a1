"""Filters in Milvus's language, and what the engine is told of a record so that they can be asked.

Of a record go its id, its patient group, its labels and its attributes. Its source does not: paths may tell who it is.
The language has no ``~`` that ignores case. A part of a filter that cannot be said becomes the keys that the store
finds for it, as long as these are few.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from lookalike.errors import UsageError
from lookalike.filters import And, Compare, Filter, Not, comparisons, number
from lookalike.types import Keys

MOST_NAMED: Final = 16_384
"""Vectors that a question may name one by one."""

EVERYTHING: Final = "not (key in [])"
NOTHING: Final = "key in []"
_COLUMNS: Final = ("id", "patient")
_SIGNS: Final[Mapping[str, str]] = {"<": "<", "<=": "<=", ">": ">", ">=": ">="}


def said_of(labels: Iterable[str], attributes: Iterable[tuple[str, str, float | None]]) -> dict[str, Any]:
    """What the engine keeps in its JSON column. attributes: name, text, and the number that the text is."""
    rows = list(attributes)
    return {
        "label": sorted(labels),
        "text": {name: text for name, text, _ in rows},
        "number": {name: float(value) for name, _, value in rows if value is not None},
    }


def expression(tree: Filter, keys_of: Callable[[Filter], Keys]) -> str:
    """A filter in the engine's language. keys_of: the vectors that satisfy what it cannot say, by the store. Raises
    UsageError where these are too many to be named.
    """
    if isinstance(tree, Compare):
        return _compared(tree) if _can_say(tree) else _named(tree, keys_of)
    if isinstance(tree, Not):
        return f"not ({expression(tree.part, keys_of)})"
    if isinstance(tree, And) and not all(map(_can_say, comparisons(tree))):
        return _named(tree, keys_of)  # fewer than satisfy the part that cannot be said
    if isinstance(tree, And):
        return _joined([expression(part, keys_of) for part in tree.parts], "and") or EVERYTHING
    equal = [part for part in tree.parts if isinstance(part, Compare) and part.op == "=" and part.field in _COLUMNS]
    lists = [_one_of(name, [part.value for part in equal if part.field == name]) for name in _COLUMNS]
    others = [expression(part, keys_of) for part in tree.parts if part not in equal]
    return _joined([*filter(None, lists), *others], "or") or NOTHING


def _one_of(column: str, values: Sequence[str]) -> str:
    return f"{column} in [{', '.join(map(_text, values))}]" if values else ""


def _joined(parts: Sequence[str], word: str) -> str:
    """The parts in pairs of pairs: a hundred in a row are a hundred levels to the engine, which refuses them."""
    if len(parts) < 2:
        return "".join(parts)
    half = len(parts) // 2
    return f"({_joined(parts[:half], word)}) {word} ({_joined(parts[half:], word)})"


def naming(keys: Keys) -> str:
    """These vectors and no others."""
    return f"key in {keys.tolist()}"


def _named(tree: Filter, keys_of: Callable[[Filter], Keys]) -> str:
    keys = keys_of(tree)
    if len(keys) > MOST_NAMED:
        raise UsageError(
            f"the index engine does not look into texts (~) and knows no sources; the store finds {len(keys)} vectors "
            f"for that part of the filter, and at most {MOST_NAMED} can be named to the engine: ask for less by "
            "further conditions, or compare other fields, with = != < <= > >="
        )
    return naming(keys)


def _can_say(tree: Compare) -> bool:
    return tree.op != "~" and tree.field not in ("", "source")


def _compared(tree: Compare) -> str:
    if tree.op == "!=":
        return f"not ({_compared(Compare(tree.field, '=', tree.value))})"
    value = number(tree.value)
    if tree.field in _COLUMNS:
        return f"{tree.field} == {_text(tree.value)}" if tree.op == "=" else NOTHING
    if tree.field == "label":
        return f'json_contains(said["label"], {_text(tree.value)})' if tree.op == "=" else NOTHING
    as_number = "" if value is None else f'said["number"][{_text(tree.field)}] {_SIGNS.get(tree.op, "==")} {value!r}'
    if tree.op != "=":
        return as_number or NOTHING
    as_text = f'said["text"][{_text(tree.field)}] == {_text(tree.value)}'
    return f"{as_text} or {as_number}" if as_number else as_text


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
