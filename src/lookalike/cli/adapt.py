"""lookalike adapt"""

from __future__ import annotations

import click

from lookalike.cli.criterion import criterion_options
from lookalike.cli.noting import note_command
from lookalike.cli.output import gallery_option, json_option, print_json, print_notes, progress_bar, seed_option
from lookalike.plugins import plugin_names


@click.command("adapt")
@gallery_option
@click.option("--name", required=True, metavar="S", help="The name of the new space.")
@click.option(
    "--kind",
    type=click.Choice(plugin_names("lookalike.adapters")),
    default="mlp",
    show_default=True,
    help="mlp and published need the extra lookalike[mlp]; auto does without, of three kinds.",
)
@criterion_options
@click.option("--replace", is_flag=True, help="Train a space of that name anew, if there is one.")
@seed_option
@json_option
def command(
    gallery: str, name: str, kind: str, field: str, labels: tuple[str, ...], seed: int, replace: bool, as_json: bool
) -> None:
    """Train an adapter on the gallery's labels: a new space, in which images of one label lie closer.

    Stored vectors are untouched and nothing is encoded again. A search that names no space stays in base. To measure
    the space honestly, use `lookalike evaluate --space S --folds 5`.

    \b
    Example:
      lookalike adapt --gallery chest --name findings
      lookalike search query.dcm --gallery chest --space findings
      lookalike adapt --gallery chest --name view --field ViewPosition --labels PA,AP
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.adapt import adapt

    with open_gallery(gallery) as opened, progress_bar("steps", "adapt") as progress:
        result = adapt(
            opened, name, kind=kind, field=field, labels=labels, seed=seed, replace=replace, progress=progress
        )
        note_command("compute", opened, what="adapt", learnt_from=result.records)
    if as_json:
        print_json(result)
        return
    print_notes(
        f"Space {result.space!r}: a {result.kind} adapter trained on {result.field} of {result.records} records of "
        f"{result.patients} patients, {len(result.classes)} classes, in {result.seconds:.1f} s."
    )
    click.echo(result.tables())
    print_notes(result.note, f"Measure it: lookalike evaluate --gallery {gallery} --space {name} --folds 5")
