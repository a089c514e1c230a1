"""lookalike map"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from lookalike.cli.output import (
    gallery_option,
    json_option,
    print_json,
    print_notes,
    print_table,
    progress_bar,
    seed_option,
)
from lookalike.errors import UsageError

if TYPE_CHECKING:
    from lookalike.verbs.map.fields import MapGroups


@click.command("map")
@gallery_option
@click.option("--method", type=click.Choice(["umap", "tsne"]), default="umap", show_default=True)
@click.option("--space", default="base", show_default=True, help="base, or the name of an adapter.")
@click.option("--where", metavar="FILTER", help="Only records such as 'Modality=CR and PatientAge>=60'.")
@click.option("--color", default="label", show_default=True, metavar="FIELD", help="label, or an attribute.")
@click.option("--figure", metavar="OUT", help="map.html: a page to explore; .png, .pdf or .svg: a picture.")
@click.option("--groups", is_flag=True, help="List the groups that show, each named by what stands out in it.")
@seed_option
@json_option
def command(
    gallery: str,
    method: Literal["umap", "tsne"],
    space: str,
    where: str | None,
    color: str,
    figure: str | None,
    groups: bool,
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
      lookalike map --gallery chest --groups
    """
    from lookalike import plots
    from lookalike.gallery import open_gallery
    from lookalike.verbs.map import map_gallery
    from lookalike.verbs.map.fields import map_groups

    with open_gallery(gallery) as opened:
        if groups and where:
            raise UsageError("groups are told of the map of all records: leave --where out")
        with progress_bar("steps", f"laying records out by {method}") as told:  # t-SNE tells no steps: only a clock
            result = map_gallery(opened, method=method, space=space, seed=seed, where=where, progress=told)
        found = map_groups(opened, method=method, space=space, seed=seed) if groups else None
        if figure:
            plots.save_map(opened, result, Path(figure), color)
    if as_json:
        print_json(result if found is None else found)
        return
    made = "kept from before" if result.cached else f"made in {result.seconds:.1f} s"
    print_notes(f"{len(result.ids)} records laid out by {method}, space {space}, seed {seed}, {made}")
    if found is not None:
        print_table(_rows(found))
        print_notes(f"{found.ungrouped} records lie in no group; patients are counted, each once")
        return
    click.echo(f"wrote {figure}" if figure else "nothing drawn; give --figure map.html, or --json for the places")


def _rows(found: MapGroups) -> list[list[str]]:
    rows = [["group", "records", "patients", "name", "share in it", "elsewhere"]]
    for each in found.items:
        shares = [f"{each.traits[0].share:.0%}", f"{each.traits[0].elsewhere:.0%}"] if each.traits else ["-", "-"]
        rows.append([str(each.number), str(each.records), str(each.patients), each.name or "-", *shares])
    return rows
