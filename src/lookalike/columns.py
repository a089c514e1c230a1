"""Text that fits a terminal: tables in aligned columns, and paragraphs."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

_GAP: Final = "  "
_CUT: Final = "..."
_LONGEST: Final = 24  # characters of a word that is kept whole where a column has to give way
_READABLE: Final = 18  # characters to which a column of texts is narrowed, while others are wider
_FIGURE: Final = re.compile(r"[^A-Za-z]*")


def terminal_width() -> int:
    """The columns of the terminal: $COLUMNS if it is set, 80 where there is no terminal."""
    return shutil.get_terminal_size().columns


def shortened(text: str, width: int) -> str:
    """A text of at most ``width`` characters: of a longer one the middle is left out, more of its end is kept."""
    if len(text) <= width:
        return text
    head = max(width - len(_CUT), 0) // 3
    tail = max(width - len(_CUT) - head, 1)
    return f"{text[:head]}{_CUT}{text[-tail:]}"


def paragraphs(lines: Iterable[str], width: int | None = None) -> str:
    """Each line wrapped at words; a word that is longer than a line (a path to copy) stays whole."""
    wide = width or terminal_width()
    return "\n".join(_wrapped(each, wide) if len(each) > wide else each for line in lines for each in line.split("\n"))


def _wrapped(line: str, width: int) -> str:
    indent = line[: len(line) - len(line.lstrip())]
    return textwrap.fill(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def aligned(rows: Sequence[Sequence[str]], width: int | None = None, *, ruled: bool = False) -> str:
    """A table of at most ``width`` characters (the terminal's), the first row its header; ``ruled``: with a line below.

    Columns of texts are wrapped at words, and words such as paths shortened in the middle, before columns that do
    not fit side by side go on in a further table, under the first column again. Figures are never cut.
    """
    wide = width or terminal_width()
    columns = [_column([row[i] for row in rows]) for i in range(len(rows[0]))]
    return "\n\n".join("\n".join(_lines(group, wide, ruled)) for group in _groups(columns, wide))


class _Column(NamedTuple):
    """The cells of a column, the header first. natural: its widest cell; least: the width that it can be brought to."""

    cells: Sequence[str]
    natural: int
    least: int


def _column(cells: Sequence[str]) -> _Column:
    head, *body = cells
    natural = max(map(len, cells))
    if all(_FIGURE.fullmatch(cell) for cell in body):
        least = max(map(len, body), default=0)
    else:
        least = max(min(natural, _READABLE), *map(_least, body))
    return _Column(cells, natural, max(_least(head), least))


def _least(cell: str) -> int:
    return max((min(len(word), _LONGEST) for word in cell.split()), default=0)


def _groups(columns: Sequence[_Column], width: int) -> Iterator[list[_Column]]:
    """The columns that stand side by side; the first stands in every group."""
    first, *others = columns
    group, used = [first], first.least
    for column in others:
        if len(group) > 1 and used + len(_GAP) + column.least > width:
            yield group
            group, used = [first], first.least
        group.append(column)
        used += len(_GAP) + column.least
    yield group


def _lines(columns: Sequence[_Column], width: int, ruled: bool) -> Iterator[str]:
    """The lines of one table: a cell that is wrapped takes several."""
    widths = _widths(columns, width - len(_GAP) * (len(columns) - 1))
    for i in range(len(columns[0].cells)):
        cells = [_cell_lines(column.cells[i], wide) for column, wide in zip(columns, widths, strict=True)]
        for j in range(max(map(len, cells))):
            parts = [lines[j] if j < len(lines) else "" for lines in cells]
            yield _GAP.join(part.ljust(wide) for part, wide in zip(parts, widths, strict=True)).rstrip()
        if ruled and i == 0:
            yield "-" * (sum(widths) + len(_GAP) * (len(widths) - 1))


def _widths(columns: Sequence[_Column], room: int) -> list[int]:
    """Natural widths, the widest narrowed until all fit the room or can give no more."""
    widths = [column.natural for column in columns]
    while sum(widths) > room:
        slack = [wide if wide > column.least else 0 for column, wide in zip(columns, widths, strict=True)]
        if not any(slack):
            break
        widths[slack.index(max(slack))] -= 1
    return widths


def _cell_lines(cell: str, width: int) -> list[str]:
    if len(cell) <= width:
        return [cell]
    words = " ".join(shortened(word, width) for word in cell.split())
    return textwrap.wrap(words, width, break_long_words=False, break_on_hyphens=False)
