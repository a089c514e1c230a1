"""``python -m benchmarks [NAME...] [--data FOLDER]``: all of them, or those named."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
import time
from pathlib import Path

import click

from lookalike.errors import LookalikeError

NAMES = (
    "startup",
    "adapter",
    "by_id",
    "pace",
    "ingest",
    "index_kinds",
    "maxsim",
    "volumes",
    "regions",
    "planted",
    "duplicates",
    "confounds",
    "frames",
    "shift",
    "slices",
    "filters",
    "server_load",
    "hostile_load",
    "soak",
    "tuning",
)
LONG = ("soak", "tuning")  # measured only when named


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(NAMES))
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of chest-xray-dicom5, mednist, volumes ...  [default: $LOOKALIKE_TEST_DATA, or ../shared/data]",
)
@click.option("--seconds", type=click.IntRange(10), help="Length of the soak.  [default: 600]")
def main(names: tuple[str, ...], data: Path | None, seconds: int | None) -> None:
    """Measure lookalike against its references; every ratio is of one run."""
    with tempfile.TemporaryDirectory() as configuration:  # keys and galleries of a benchmark are not this user's
        os.environ["LOOKALIKE_CONFIG"] = configuration
        missed = sum(_measured(name, data, seconds) for name in names or [name for name in NAMES if name not in LONG])
    sys.exit(1 if missed else 0)


def _measured(name: str, data: Path | None, seconds: int | None) -> int:
    """Print a benchmark's figures; returns how many missed their target."""
    length = {"seconds": seconds} if name == "soak" and seconds else {}
    started = time.monotonic()
    try:
        figures = importlib.import_module(f"benchmarks.{name}").run(data, **length)
    except LookalikeError as error:
        click.echo(f"{name}: not measured: {error}")
        return 0
    for figure in figures:
        click.echo("\n".join(figure.lines()))
    click.echo(f"    ({name} took {time.monotonic() - started:.0f} s)\n")
    return sum(not figure.met for figure in figures)


if __name__ == "__main__":
    main()
