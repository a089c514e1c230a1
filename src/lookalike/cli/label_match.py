"""What a label table and the images met, in lines that fit the terminal."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from lookalike.cli.output import counted, print_notes
from lookalike.columns import terminal_width
from lookalike.text import one_line

if TYPE_CHECKING:
    from lookalike.sources.item_labels import LabelMatch, NamedSource
    from lookalike.verbs.index import IndexResult

_INDENT: Final = "  "


def print_labels(result: IndexResult) -> None:
    """Print how many rows and images met, some that did not, and what is to be known of the tables."""
    if result.labels is not None:
        _print_match(result.labels)
    if result.moved:
        print_notes(f"{counted(result.moved, 'file')} had moved: the records name the new place.")
    if result.labels_kept:
        print_notes(
            f"The labels of {counted(result.labels_kept, 'record')} were set by a person and stay, the table says "
            "others: --overwrite-labels takes the table's, lookalike records log shows who set them."
        )
    for table in result.unread_tables[:1]:
        path = Path(table.source)
        print_notes(f"{one_line(path.name)} lies beside the images: --labels {one_line(_near(path))} reads it.")
    for note in result.notes:
        print_notes(one_line(note))


def _print_match(match: LabelMatch) -> None:
    print_notes(
        f"{counted(match.rows_met, 'row')} of {match.rows} met an image, "
        f"{counted(match.images_met, 'image')} of {match.images} met a row."
    )
    if match.by_end:
        print_notes(f"{counted(match.by_end, 'row')} met by the end of the path alone, the folders before it differ.")
    _print_left("rows that met no image", match.rows_left, match.rows - match.rows_met)
    _print_left("images that met no row", match.images_left, match.images - match.images_met)


def _print_left(what: str, some: Sequence[NamedSource], count: int) -> None:
    more = "" if count <= len(some) else f", the first {len(some)} of {count}"
    if count:
        click.echo(f"{_INDENT}{what}{more}:")
    for each in some:
        click.echo(f"{_INDENT * 2}{_end(one_line(each.source), terminal_width() - 2 * len(_INDENT))}")


def _end(text: str, width: int) -> str:
    """The end of a path that is too long, which tells more than its start."""
    return text if len(text) <= width else "..." + text[3 - width :]


def _near(path: Path) -> str:
    """From the folder where the command runs, if that is shorter."""
    return min((os.path.relpath(path), str(path)), key=len)
