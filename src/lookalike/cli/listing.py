"""The options of commands that list something: a table to read, or CSV, JSON and Parquet for other programs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import click

from lookalike.cli.output import print_json

TABLE: Final = "table"
_FORMATS: Final = (TABLE, "csv", "json", "parquet")
Command = TypeVar("Command", bound=Callable[..., Any])


def listing_option(command: Command) -> Command:
    """``--output table|csv|json|parquet``, and ``--json`` for short."""
    short = click.option("--json", "output", flag_value="json", help="The same as --output json.")
    return click.option(
        "--output",
        "-o",
        "output",
        type=click.Choice(_FORMATS),
        default=TABLE,
        show_default=True,
        help="csv and parquet hold what is listed, json the whole result.",
    )(short(command))


def print_listing(result: Any, items: Sequence[Any], output: str) -> None:
    """Print a result in another form than a table. items: what it lists.

    Raises click.UsageError (bytes for a terminal), MissingExtraError (no pyarrow for Parquet).
    """
    from lookalike.flat import csv_text, flat_columns, parquet_bytes

    if output == "json":
        print_json(result)
    elif output == "csv":
        click.echo(csv_text(flat_columns(items)), nl=False)
    elif sys.stdout.isatty():
        raise click.UsageError("Parquet is nothing to read in a terminal; send it into a file: ... > listed.parquet")
    else:
        click.echo(parquet_bytes(flat_columns(items)), nl=False)
