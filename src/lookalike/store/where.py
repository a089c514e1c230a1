"""Filters as SQL: a Filter tree as a condition over the store's tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeGuard

from sqlalchemy import ColumnElement, Select, and_, exists, false, not_, or_, select, true

from lookalike.filters import Compare, Filter, Not, Or, number
from lookalike.store.kinds import lower_case
from lookalike.store.schema import ATTRIBUTES, LABELS, RECORDS

_COLUMNS: Final = {"id": RECORDS.c.id, "source": RECORDS.c.source, "patient": RECORDS.c.patient}


def condition(tree: Filter) -> ColumnElement[bool]:
    """The WHERE clause, for a SELECT from ``records``. Comparisons of one field are asked of its rows together."""
    if isinstance(tree, Compare):
        return not_(_any_of([_opposite(tree)])) if tree.op == "!=" else _of_field(tree.field, [tree], or_)
    if isinstance(tree, Not):
        return not_(condition(tree.part))
    return _any_of(tree.parts) if isinstance(tree, Or) else _all_of(tree.parts)


def _opposite(tree: Compare) -> Compare:
    return Compare(tree.field, "=", tree.value)


def _any_of(parts: Iterable[Filter]) -> ColumnElement[bool]:
    fields, others = _by_field(parts)
    grouped = [_of_field(field, compares, or_) for field, compares in fields.items()]
    return or_(false(), *grouped, *map(condition, others))


def _all_of(parts: Iterable[Filter]) -> ColumnElement[bool]:
    """None of what must not hold, and the rest: a record has one row of each field, but may have several labels."""
    fields, others = _by_field(parts)
    several = fields.pop("label", [])
    grouped = [_of_field(field, compares, and_) for field, compares in fields.items()]
    each = [_of_field("label", [compare], or_) for compare in several]
    barred = [_opposite(part) if isinstance(part, Compare) else part.part for part in others if _bars(part)]
    rest = [condition(part) for part in others if not _bars(part)]
    # A label is borne by few, and its index alone tells by whom: it is asked for first.
    return and_(true(), *each, *grouped, *([not_(_any_of(barred))] if barred else []), *rest)


def _bars(part: Filter) -> TypeGuard[Compare | Not]:
    return isinstance(part, Compare | Not)


def _by_field(parts: Iterable[Filter]) -> tuple[dict[str, list[Compare]], list[Filter]]:
    """The comparisons that a row of their field may satisfy, by field; and the other parts."""
    fields: dict[str, list[Compare]] = {}
    others: list[Filter] = []
    for part in parts:
        if isinstance(part, Compare) and part.op != "!=":
            fields.setdefault(part.field, []).append(part)
        else:
            others.append(part)
    return fields, others


def _of_field(field: str, compares: Sequence[Compare], joined: Any) -> ColumnElement[bool]:
    """Whether some row of a field satisfies one (``or_``) or all (``and_``) of the comparisons."""
    if field in _COLUMNS:
        return _of_row(compares, joined, _COLUMNS[field], select(_COLUMNS[field]))
    if field == "label":
        return _any_row(LABELS, _of_row(compares, joined, LABELS.c.label, select(LABELS.c.label)))
    named, text = ATTRIBUTES.c.name == field, ATTRIBUTES.c.text
    return _any_row(ATTRIBUTES, and_(named, _of_row(compares, joined, text, select(text).where(named))))


def _any_row(table: Any, where: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists(select(table.c.record).where(table.c.record == RECORDS.c.key, where))


def _of_row(
    compares: Sequence[Compare], joined: Any, column: ColumnElement[str], values: Select[tuple[str]]
) -> ColumnElement[bool]:
    """The comparisons of one row. values: every value of the column."""
    parts = [_compared(compare, column) for compare in compares if compare.op != "~"]
    if wanted := [compare.value.lower() for compare in compares if compare.op == "~"]:
        parts.append(column.in_(_containing(values, wanted, joined)))
    return joined(*parts)  # type: ignore[no-any-return]


def _containing(values: Select[tuple[str]], wanted: Iterable[str], joined: Any) -> Select[tuple[str]]:
    """Those of some values that contain one or all of some texts. Each different value is put into lower case once: the
    offset keeps databases from doing so for each text.
    """
    each = values.distinct().subquery()
    text = each.c[0].label("text")
    lower = select(text, lower_case(text).label("lower")).offset(0).subquery()
    return select(lower.c.text).where(joined(*(lower.c.lower.contains(one, autoescape=True) for one in wanted)))


def _compared(compare: Compare, column: ColumnElement[str]) -> ColumnElement[bool]:
    """Names and labels are text: an order over them is empty."""
    wanted, value = number(compare.value), ATTRIBUTES.c.number
    if compare.op == "=":
        same = column == compare.value
        return or_(same, value == wanted) if column is ATTRIBUTES.c.text and wanted is not None else same
    if column is not ATTRIBUTES.c.text or wanted is None:
        return false()
    compared = {"<": value < wanted, "<=": value <= wanted, ">": value > wanted, ">=": value >= wanted}
    return compared[compare.op]
