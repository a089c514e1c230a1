"""``python -m benchmarks [NAME...] [--data FOLDER]``: all of them, or those named."""

from __future__ import annotations

import importlib
import sys
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
    "filters",
    "server_load",
    "hostile_load",
    "soak",
)
LONG = ("soak",)  # measured only when named


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(NAMES))
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of chest-xray-dicom5, mednist and volumes.  [default: $LOOKALIKE_TEST_DATA, or ../shared/data]",
)
@click.option("--seconds", type=click.IntRange(10), help="Length of the soak.  [default: 600]")
def main(names: tuple[str, ...], data: Path | None, seconds: int | None) -> None:
    """Measure lookalike against its references; every ratio is of one run."""
    missed = 0
    for name in names or [name for name in NAMES if name not in LONG]:
        length = {"seconds": seconds} if name in LONG and seconds else {}
        started = time.monotonic()
        try:
            figures = importlib.import_module(f"benchmarks.{name}").run(data, **length)
        except LookalikeError as error:
            click.echo(f"{name}: not measured: {error}")
            continue
        for figure in figures:
            click.echo("\n".join(figure.lines()))
            missed += not figure.met
        click.echo(f"    ({name} took {time.monotonic() - started:.0f} s)\n")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
