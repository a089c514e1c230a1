"""lookalike map"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from lookalike.cli.output import gallery_option, json_option, print_json, print_notes, progress_bar, seed_option


@click.command("map")
@gallery_option
@click.option("--method", type=click.Choice(["umap", "tsne"]), default="umap", show_default=True)
@click.option("--space", default="base", show_default=True, help="base, or the name of an adapter.")
@click.option("--where", metavar="FILTER", help="Only records such as 'Modality=CR and PatientAge>=60'.")
@click.option("--color", default="label", show_default=True, metavar="FIELD", help="label, or an attribute.")
@click.option("--figure", metavar="OUT", help="map.html: a page to explore; .png, .pdf or .svg: a picture.")
@seed_option
@json_option
def command(
    gallery: str,
    method: Literal["umap", "tsne"],
    space: str,
    where: str | None,
    color: str,
    figure: str | None,
    seed: int,
    as_json: bool,
) -> None:
    """Lay the records out in a plane: what the encoder finds alike lies together.

    The page is one file that asks no other host for anything: pointing at a record shows its picture, labels
    and attributes; neither file names nor patients are in it. Maps are kept until the vectors change.

    \b
    Example:
      lookalike map --gallery chest --figure map.html
      lookalike map --gallery chest --method tsne --color ViewPosition --figure map.png
    """
    from lookalike import plots
    from lookalike.gallery import open_gallery
    from lookalike.verbs.map import map_gallery

    with open_gallery(gallery) as opened:
        with progress_bar("records", f"laying records out by {method}"):  # one step of a library: no rate, only a clock
            result = map_gallery(opened, method=method, space=space, seed=seed, where=where)
        if figure:
            plots.save_map(opened, result, Path(figure), color)
    if as_json:
        print_json(result)
        return
    made = "kept from before" if result.cached else f"made in {result.seconds:.1f} s"
    print_notes(f"{len(result.ids)} records laid out by {method}, space {space}, seed {seed}, {made}")
    click.echo(f"wrote {figure}" if figure else "nothing drawn; give --figure map.html, or --json for the places")
