"""Filters as SQL: a Filter tree as a condition over the store's tables."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, and_, exists, false, func, not_, or_, select, true

from lookalike.filters import And, Compare, Filter, Not, number
from lookalike.store.schema import ATTRIBUTES, LABELS, RECORDS

_COLUMNS: Final = {"id": RECORDS.c.id, "source": RECORDS.c.source, "patient": RECORDS.c.patient}


def condition(tree: Filter) -> ColumnElement[bool]:
    """The WHERE clause, for a SELECT from ``records``."""
    if isinstance(tree, Compare):
        return _compare(tree)
    if isinstance(tree, Not):
        return not_(condition(tree.part))
    parts = [condition(part) for part in tree.parts]
    return and_(true(), *parts) if isinstance(tree, And) else or_(false(), *parts)


def _compare(tree: Compare) -> ColumnElement[bool]:
    if tree.op == "!=":
        return not_(_compare(Compare(tree.field, "=", tree.value)))
    if tree.field in _COLUMNS:
        return _of_text(tree, _COLUMNS[tree.field])
    if tree.field == "label":
        return _any_row(LABELS, LABELS.c.record, _of_text(tree, LABELS.c.label))
    return _any_row(ATTRIBUTES, ATTRIBUTES.c.record, and_(ATTRIBUTES.c.name == tree.field, _of_attribute(tree)))


def _any_row(table: Any, record: Any, where: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists(select(table.c.record).where(record == RECORDS.c.key, where))


def _of_text(tree: Compare, column: Any) -> ColumnElement[bool]:
    """Names and labels are text: equal or containing; an order over them is empty."""
    if tree.op == "=":
        return column == tree.value  # type: ignore[no-any-return]
    if tree.op == "~":
        return func.lower(column).contains(tree.value.lower(), autoescape=True)
    return false()


def _of_attribute(tree: Compare) -> ColumnElement[bool]:
    text, value, wanted = ATTRIBUTES.c.text, ATTRIBUTES.c.number, number(tree.value)
    if tree.op in ("=", "~"):
        same = _of_text(tree, text)
        return or_(same, value == wanted) if tree.op == "=" and wanted is not None else same
    if wanted is None:
        return false()
    compared = {"<": value < wanted, "<=": value <= wanted, ">": value > wanted, ">=": value >= wanted}
    return compared[tree.op]
