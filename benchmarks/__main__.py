"""``python -m benchmarks [NAME...] [--data FOLDER]``: all of them, or those named."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from lookalike.errors import LookalikeError

NAMES = (
    "startup",
    "adapter",
    "by_id",
    "pace",
    "ingest",
    "stages",
    "reduced",
    "runtimes",
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
    "fusion",
    "few_patients",
    "inputs",
    "filters",
    "filtered",
    "grows",
    "map_page",
    "parts",
    "processes",
    "server_load",
    "hostile_load",
    "graceful_stop",
    "soak",
    "burned_in",
    "metadata",
    "outliers",
    "drift",
    "quality",
    "receive",
    "fetching",
    "sizing",
    "scale",
    "engine",
    "cluster",
    "heads",
    "tuning",
    "labelnext",
    "page",
)
LONG = (  # measured only when named
    "soak",
    "heads",
    "tuning",
    "engine",
    "cluster",
    "grows",
    "map_page",
    "processes",
    "labelnext",
    "outliers",
    "drift",
    "quality",
    "runtimes",
)


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(NAMES))
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of chest-xray-dicom5, mednist, volumes ...  [default: $LOOKALIKE_TEST_DATA, or ../shared/data]",
)
@click.option("--seconds", type=click.IntRange(10), help="Length of the soak.  [default: 600]")
@click.option("--seeds", type=click.IntRange(1), help="Of heads and labelnext.  [default: 10]")
@click.option("--encoder", "encoders", multiple=True, help="Of heads (repeat).  [default: lite0]")
@click.option(
    "--collection",
    "collections",
    multiple=True,
    help="Of tuning, slices, labelnext and quality (repeat).  [default: all]",
)
@click.option("--kind", "kinds", multiple=True, help="Of heads (repeat), the judged one last.  [default: all]")
def main(
    names: tuple[str, ...],
    data: Path | None,
    seconds: int | None,
    seeds: int | None,
    encoders: tuple[str, ...],
    collections: tuple[str, ...],
    kinds: tuple[str, ...],
) -> None:
    """Measure lookalike against its references; every ratio is of one run."""
    with tempfile.TemporaryDirectory() as configuration:  # keys and galleries of a benchmark are not this user's
        os.environ["LOOKALIKE_CONFIG"] = configuration
        options: dict[str, dict[str, Any]] = {
            "soak": {"seconds": seconds},
            "heads": {"seeds": seeds, "encoders": encoders, "kinds": kinds},
            "slices": {"collections": collections},
            "quality": {"collections": collections},
            "tuning": {"collections": collections},
            "labelnext": {"seeds": seeds, "collections": collections},
        }
        wanted = names or [name for name in NAMES if name not in LONG]
        missed = sum(_measured(name, data, options.get(name, {})) for name in wanted)
    sys.exit(1 if missed else 0)


def _measured(name: str, data: Path | None, options: dict[str, Any]) -> int:
    """Print a benchmark's figures; returns how many missed their target."""
    given = {option: value for option, value in options.items() if value}
    started = time.monotonic()
    missed = 0
    try:
        for figure in importlib.import_module(f"benchmarks.{name}").run(data, **given):
            click.echo("\n".join(figure.lines()))
            missed += not figure.met
    except LookalikeError as error:
        click.echo(f"{name}: not measured: {error}")
        return missed
    click.echo(f"    ({name} took {time.monotonic() - started:.0f} s)\n")
    return missed


if __name__ == "__main__":
    main()
