"""lookalike tune"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal

import click

from lookalike.cli.criterion import criterion_options
from lookalike.cli.noting import note_command
from lookalike.cli.output import (
    gallery_option,
    json_option,
    print_json,
    print_notes,
    print_table,
    progress_bar,
    seed_option,
)

if TYPE_CHECKING:
    from lookalike.verbs.tune import TuneResult


@click.command("tune")
@gallery_option
@click.option("--name", required=True, metavar="N", help="The name of the new encoder.")
@click.option(
    "--method",
    type=click.Choice(["labels", "views"]),
    default="labels",
    show_default=True,
    help="Learn from labels, or from two views of each picture without any; it is judged by labels.",
)
@criterion_options
@click.option("--to", "to", metavar="DIR", help="The folder of models; without it LOOKALIKE_MODELS.")
@click.option(
    "--mirror",
    type=click.Choice(["auto", "on", "off"]),
    default="auto",
    show_default=True,
    help="Learn from mirrored pictures too; auto: unless a label speaks of a side.",
)
@click.option("--epochs", type=click.IntRange(1), help="How often the pictures are gone through; by their number.")
@seed_option
@json_option
def command(
    gallery: str,
    name: str,
    method: Literal["labels", "views"],
    field: str,
    labels: tuple[str, ...],
    to: str | None,
    mirror: Literal["auto", "on", "off"],
    epochs: int | None,
    seed: int,
    as_json: bool,
) -> None:
    """Tune the encoder's own network to the gallery; kept if it is better on records that it did not learn from.

    A quarter of the labelled records, whole patients, is left untouched and judges. If the interval of the gain lies
    above 0 and its p is at most .05, the result is an encoder in the folder of models, found by its name; otherwise it
    is thrown away and the exit code is 1. The gallery stays as it is. Needs the extra lookalike[mlp].

    \b
    Example:
      lookalike tune --gallery chest --name chest-tuned --to models
      LOOKALIKE_MODELS=models lookalike index scans/ --gallery chest2 --encoder chest-tuned
      lookalike tune --gallery chest --name views --to models --field ViewPosition --labels PA,AP
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.tune import tune

    with open_gallery(gallery) as opened, progress_bar("steps", "tune") as progress:
        result = tune(
            opened,
            name,
            method=method,
            field=field,
            labels=labels,
            to=to,
            mirror=mirror,
            epochs=epochs,
            seed=seed,
            progress=progress,
        )
        note_command("compute", opened, what="tune", accepted=int(result.accepted))
    if as_json:
        print_json(result)
    else:
        _show(result)
    if not result.accepted:
        sys.exit(1)


def _show(result: TuneResult) -> None:
    print_table(result.judgement.table())
    print_notes(*result.sentences())
