"""A store seen through a filter: only what belongs to the records that satisfy it is there, whoever asks and however.

The rule stands in the database's connection and not in what is asked: temporary views of the same names stand in front
of the tables, so that whatever is counted, listed, compared or learnt from is of these records and of no others. A
filter of the caller narrows what is left; none can widen it. A table that nothing is known of is empty.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Dialect, Select, Table, exists, false, select
from sqlalchemy.dialects import sqlite

from lookalike.errors import GalleryError, UsageError
from lookalike.filters import Filter, comparisons, parse
from lookalike.store.schema import (
    CHANGED_LABELS,
    COHORT_MEMBERS,
    COHORTS,
    GALLERY,
    LABEL_CHANGES,
    METADATA,
    READ_FILES,
    RECORDS,
    SPACES,
)
from lookalike.store.where import condition

CLOSED: Final = "a part of a gallery is only looked at; what changes the gallery needs the whole of it"
_WHOLE: Final = (GALLERY, SPACES)  # say nothing of a record
_OLDER: Final = (
    "a part of this gallery cannot be shown: its tables are of an earlier version; open it once where it may be "
    "written to (lookalike doctor --gallery G)"
)


def checked_part(where: str) -> Filter:
    """A filter that names a part of a gallery. Raises UsageError for one that cannot be read or that looks into texts:
    a part is told by what stands there, for every row that is read.
    """
    tree = parse(where)
    if any(compare.op == "~" for compare in comparisons(tree)):
        raise UsageError(f"what names a part of a gallery compares with = != < <= > >= and not with ~; got {where!r}")
    return tree


def show_within(connection: sqlite3.Connection, tree: Filter) -> None:
    """Put views in front of every table of SQLite. Raises GalleryError where views of an earlier version's tables are
    there.
    """
    if connection.execute("SELECT 1 FROM sqlite_temp_master").fetchone() is not None:
        raise GalleryError(_OLDER)
    for view in views_within(tree, "main", sqlite.dialect()):
        connection.execute(f"CREATE TEMP VIEW {view}")


def views_within(tree: Filter, schema: str, dialect: Dialect) -> Iterator[str]:
    """``NAME AS SELECT ...`` for every table that a part of a gallery does not show whole. schema: of the tables."""
    for table in METADATA.sorted_tables:
        if table not in _WHOLE:
            # Of the tables themselves and not of the views that stand in front of them.
            compiled = _visible_rows(table, tree).compile(
                dialect=dialect,
                compile_kwargs={"literal_binds": True},
                schema_translate_map={None: schema},
                render_schema_translate=True,
            )
            yield f'"{table.name}" AS {compiled}'


def _visible_rows(table: Table, tree: Filter) -> Select[Any]:
    """The query for the rows of a table that may be seen."""
    if table is RECORDS:
        return select(RECORDS).where(condition(tree))
    seen, rows = select(RECORDS.c.key).where(condition(tree)), table.alias("seen")
    if "record" in table.c:  # of a pair only where both may be seen
        named = [rows.c[name] for name in ("record", "other") if name in table.c]
        return select(rows).where(*(exists(seen.where(RECORDS.c.key == key)) for key in named))
    if table is LABEL_CHANGES:
        of_these = exists(seen.where(RECORDS.c.key == CHANGED_LABELS.c.record))
        return select(rows).where(rows.c.number.in_(select(CHANGED_LABELS.c.change).where(of_these)))
    if table is COHORTS:
        of_these = exists(seen.where(RECORDS.c.key == COHORT_MEMBERS.c.record))
        return select(rows).where(rows.c.number.in_(select(COHORT_MEMBERS.c.cohort).where(of_these)))
    if table is READ_FILES:
        return select(rows).where(exists(seen.where(RECORDS.c.sha256 == rows.c.sha256)))
    return select(rows).where(false())
