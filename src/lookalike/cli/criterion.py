"""The options that say what is to be learnt: ``--field`` and ``--labels``."""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _names(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[str, ...]:
    """Names with commas between them; one that holds a comma stands in quotes."""
    return tuple(
        name.strip() for row in csv.reader([value or ""], skipinitialspace=True) for name in row if name.strip()
    )


def criterion_options(command: _Command) -> _Command:
    """Give a command the options of a criterion (``chosen_criterion``)."""
    command = click.option(
        "--labels", metavar="A,B,...", callback=_names, help="The values to tell apart.  [default: all]"
    )(command)
    return click.option(
        "--field",
        default="label",
        show_default=True,
        metavar="F",
        help="What makes two images alike: an attribute's name.",
    )(command)
