"""lookalike records export: a cohort as files, or its vectors"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from lookalike.cli.noting import note_command
from lookalike.cli.output import counted, gallery_option, json_option, print_json, print_notes, progress_bar

_Command = TypeVar("_Command", bound=Callable[..., Any])


def identity_options(command: _Command) -> _Command:
    """What of pictures, dates and attributes leaves a gallery."""
    for option in reversed(_IDENTITY):
        command = option(command)
    return command


_IDENTITY: Final = (
    click.option(
        "--burned-in",
        type=click.Choice(["keep", "mask", "refuse"]),
        default="mask",
        show_default=True,
        help="Text in pixels: it stays, is masked, or the file is left out.",
    ),
    click.option(
        "--dates",
        type=click.Choice(["removed", "shifted"]),
        default="removed",
        show_default=True,
        help="shifted: moved back by days that are each patient's own.",
    ),
    click.option("--characteristics", is_flag=True, help="Age, sex, size and weight stay."),
    click.option(
        "--column", "columns", multiple=True, metavar="NAME", help="An attribute for the table, as it stands."
    ),
    click.option("--defaced", is_flag=True, help="I say that volumes of heads were defaced: export them too."),
)


@click.command("export")
@gallery_option
@click.option("--out", metavar="FOLDER", help="A new folder for the files and their table.")
@click.option("--to", metavar="FILE", help="Or only the vectors: a new .parquet, .h5, .npz or .csv.")
@click.option("--space", help="With --to: base, or the name of an adapter.  [default: base]")
@click.option("--where", metavar="FILTER", help="Which records.  [default: all]")
@identity_options
@json_option
def export_command(
    gallery: str, out: str | None, to: str | None, space: str | None, as_json: bool, **options: Any
) -> None:
    """Write a cohort that tells nobody who it is: files made anew, and a table of labels (PS3.15 E); or its vectors.

    \b
    Example:
      lookalike records export --gallery chest --where label=effusion --out cohort
      lookalike records export --gallery chest --dates shifted --characteristics --out cohort
      lookalike records export --gallery chest --where label=effusion --to effusions.parquet
    """
    if to is not None and out is None:
        _export_vectors(gallery, to, space or "base", as_json, **options)
        return
    if out is None or to is not None:
        raise click.UsageError("say where to: --out FOLDER for files, or --to FILE for vectors")
    if space is not None:
        raise click.UsageError("--space speaks of vectors; give --to instead of --out")
    from lookalike.gallery import open_gallery
    from lookalike.verbs.export import export_records

    with open_gallery(gallery) as opened, progress_bar("files", "export") as progress:
        result = export_records(opened, out, **options, progress=progress)
        note_command("export", opened, what="cohort", files=result.files)
    if as_json:
        print_json(result)
        return
    print_notes(
        f"{counted(result.records, 'record')} of {counted(result.patients, 'patient')} in {result.files} files: "
        f"{result.folder}. {len(result.left_out)} left out: left-out.csv says why.",
        *result.notes,
    )


def _export_vectors(
    gallery: str, to: str, space: str, as_json: bool, *, burned_in: str, dates: str, defaced: bool, **options: Any
) -> None:
    if defaced or burned_in != "mask" or dates != "removed":
        raise click.UsageError("vectors hold no pixels and no dates: leave --burned-in, --dates and --defaced out")
    from lookalike.gallery import open_gallery
    from lookalike.verbs.export_vectors import export_vectors

    with open_gallery(gallery) as opened, progress_bar("blocks", "export") as progress:
        result = export_vectors(opened, to, space=space, **options, progress=progress)
        note_command("export", opened, what="vectors", vectors=result.vectors)
    if as_json:
        print_json(result)
        return
    told = f"{counted(result.vectors, 'vector')} of {result.dim} numbers: {counted(result.records, 'record')} of "
    print_notes(f"{told}{counted(result.patients, 'patient')}: {result.file}", *result.notes)
