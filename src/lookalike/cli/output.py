"""Output and options that commands share: JSON, tables, the progress bar."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from lookalike.text import one_line

if TYPE_CHECKING:
    from lookalike.verbs.index import Progress

gallery_option = click.option("--gallery", "-g", required=True, metavar="G", help="The gallery folder.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
seed_option = click.option("--seed", default=0, show_default=True, help="Seed of every random choice.")
label_columns_option = click.option(
    "--label-column",
    "label_columns",
    multiple=True,
    metavar="NAME",
    help="The label column of the table, or several 0/1 columns (repeat the option).",
)


def print_json(result: Any) -> None:
    """Print a result's fields, as dataclasses.asdict gives them in Python."""
    fields = [asdict(each) for each in result] if isinstance(result, tuple) else asdict(result)
    click.echo(json.dumps(fields, indent=2))


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows in aligned columns, each on one line; the first row is the header."""
    rows = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@contextmanager
def progress_bar(unit: str) -> Iterator[Progress]:
    """Show a bar with rate and time left on standard error, if that is a terminal."""
    from tqdm import tqdm

    with tqdm(unit=f" {unit}", disable=None, dynamic_ncols=True) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield progress


def numbers(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[int, ...]:
    """A comma-separated list of whole numbers."""
    if value is None:
        return ()
    try:
        return tuple(int(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r} is no list of whole numbers such as 1,3,5,10") from None
