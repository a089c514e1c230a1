"""lookalike cohort export: a cohort for the programs that train on it"""

from __future__ import annotations

from typing import Any

import click

from lookalike.cli.noting import note_command
from lookalike.cli.output import counted, gallery_option, json_option, print_json, print_notes, progress_bar
from lookalike.cli.records_export import identity_options


@click.command("export")
@click.argument("name")
@gallery_option
@click.option("--out", required=True, metavar="FOLDER", help="A new folder; of csv and parquet a new file.")
@click.option(
    "--format",
    type=click.Choice(["folder", "csv", "parquet", "kos", "fiftyone", "coco", "monai"]),
    default="folder",
    show_default=True,
    help="folder: files and a table; kos: DICOM key objects.",
)
@identity_options
@json_option
def export_cohort_command(name: str, gallery: str, out: str, as_json: bool, **options: Any) -> None:
    """Write a cohort, as it was saved and split, without identity (as lookalike records export does).

    \b
    Example:
      lookalike cohort export effusions --out effusions --gallery chest
      lookalike cohort export effusions --format coco --out effusions-coco --gallery chest
      lookalike cohort export effusions --format parquet --out effusions.parquet --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.cohorts.export import export_cohort

    with open_gallery(gallery) as opened, progress_bar("files", "export") as progress:
        result = export_cohort(opened, name, out, **options, progress=progress)
        note_command("export", opened, what="cohort", files=result.files)
    if as_json:
        print_json(result)
        return
    parts = ", ".join(f"{part} {count}" for part, count in result.parts.items())
    split = f" ({parts})" if parts else ""
    left = f" {len(result.left_out)} left out: left-out.csv says why." if result.left_out else ""
    print_notes(
        f"{counted(result.records, 'record')}{split} of {counted(result.patients, 'patient')} in "
        f"{counted(result.files, 'file')}: {result.out}.{left}",
        *result.notes,
    )
