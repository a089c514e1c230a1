"""Results that list something: as long as their list, read item by item, and a table in pandas and in a notebook."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, TypeVar, cast, overload

from lookalike.errors import MissingExtraError
from lookalike.flat import Flat, flat_columns, flat_text

if TYPE_CHECKING:
    from pandas import DataFrame

_Each = TypeVar("_Each")
_SHOWN: Final = 20  # rows in a notebook


class ListResult(Generic[_Each]):
    """A result whose field ``lists`` is what one asks it for: ``len(found)``, ``found[0]``, ``for hit in found``. One
    that lists nothing is there all the same: it is true.
    """

    __slots__ = ()
    lists: ClassVar[str] = "items"

    def __len__(self) -> int:
        return len(self._listed)

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[_Each]:
        return iter(self._listed)

    @overload
    def __getitem__(self, place: int) -> _Each: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[_Each]: ...

    def __getitem__(self, place: int | slice) -> _Each | Sequence[_Each]:
        return self._listed[place]

    @property
    def _listed(self) -> Sequence[_Each]:
        return cast("Sequence[_Each]", getattr(self, self.lists))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self)} {self.lists}>"

    def to_pandas(self) -> DataFrame:
        """What it lists as a pandas.DataFrame, a row each, with the columns of ``--output parquet``.

        Raises MissingExtraError (no pandas).
        """
        return data_frame(flat_columns(self._listed))

    def _repr_html_(self) -> str:
        more = f"<p>… and {len(self) - _SHOWN:,} more</p>" if len(self) > _SHOWN else ""
        return html_table(flat_columns(self._listed[:_SHOWN])) + more


def data_frame(columns: Flat, index: Sequence[str] | None = None) -> DataFrame:
    """Columns in pandas. Raises MissingExtraError (no pandas)."""
    try:
        from pandas import DataFrame
    except ImportError:
        raise MissingExtraError("a table in pandas", "pandas") from None
    return DataFrame(columns, index=index)


def html_table(columns: Flat) -> str:
    """Columns as the table of a page; columns in which nothing stands are left out."""
    told = {name: cells for name, cells in columns.items() if any(cell not in (None, "", []) for cell in cells)}
    rows = ([_short(cell) for cell in row] for row in zip(*told.values(), strict=True))
    return html_rows([list(told), *rows])


def html_rows(rows: Sequence[Sequence[str]], caption: str = "") -> str:
    """Rows of texts, the first of them the header, as the table of a page."""
    head, *lines = (
        "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row)
        for tag, row in zip(["th", *["td"] * (len(rows) - 1)], rows, strict=True)
    )
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    named = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    return f"<table>{named}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _short(cell: Any) -> str:
    return f"{cell:.4g}" if isinstance(cell, float) else flat_text(cell)
