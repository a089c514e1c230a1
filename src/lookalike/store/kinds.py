"""Kinds of columns that hold the same, and sort alike, in SQLite and in PostgreSQL."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, Integer, String, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import TypeEngine

_BYTES: Final = "C"  # texts are sorted by their bytes, as SQLite does, and not by a language

WHOLE: Final = BigInteger().with_variant(Integer(), "sqlite")
"""A whole number of 64 bits, as every one of SQLite is; a primary key of it is given by the database."""
LONG_TEXT: Final = Text().with_variant(Text(collation=_BYTES), "postgresql")


def short_text(most: int | None = None) -> TypeEngine[str]:
    """A text of at most so many characters, which SQLite does not count."""
    return String(most).with_variant(String(most, collation=_BYTES), "postgresql")


class lower_case(GenericFunction[str]):  # noqa: N801 - named as SQL names functions
    """A text in small letters, as Python has them."""

    type = Text()
    inherit_cache = True


@compiles(lower_case)
def _by_python(element: Any, compiler: Any, **options: Any) -> str:
    """``database`` gives SQLite Python's own function."""
    return f"lower({compiler.process(element.clauses, **options)})"


@compiles(lower_case, "postgresql")
def _by_unicode(element: Any, compiler: Any, **options: Any) -> str:
    return f'lower({compiler.process(element.clauses, **options)} COLLATE "und-x-icu")'
