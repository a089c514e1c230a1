"""lookalike demo"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from lookalike.cli.output import json_option, label_columns_option, print_json, seed_option

if TYPE_CHECKING:
    from lookalike.verbs.demo import DemoResult

_HITS: Final = 3


@click.command("demo")
@click.option("--data", metavar="FOLDER", help="A folder with labels.csv, or with one sub-folder a class.")
@label_columns_option
@click.option("--out", default="lookalike-demo", show_default=True, help="Where everything is written.")
@seed_option
@json_option
def command(data: str | None, label_columns: tuple[str, ...], out: str, seed: int, as_json: bool) -> None:
    """The whole job: index, ask, train an adapter, ask again, draw the figure.

    Without --data 100 synthetic chest radiographs are drawn: schematic, no patient's image.

    \b
    Example:
      lookalike demo
      lookalike demo --data my-images/
    """
    from lookalike.verbs.demo import SPACE, demo

    def say(line: str) -> None:
        if not as_json:
            click.echo(line)

    result = demo(out, data=data, label_columns=label_columns, seed=seed, say=say)
    result = replace(result, figure=str(_figure(result)))
    if as_json:
        print_json(result)
        return
    click.echo(
        f"The figure: {result.figure}\n\n"
        "Try next:\n"
        f"  lookalike serve --gallery {result.gallery}    (the page, in the browser)\n"
        f"  lookalike search QUERY.dcm --gallery {result.gallery} --space {SPACE} --figure hits.png\n"
        f"  lookalike evaluate --gallery {result.gallery} --space {SPACE} --folds 5\n"
        "  lookalike index YOUR_FOLDER --gallery mine --labels YOUR_LABELS.csv"
    )
    if result.synthetic:
        click.echo("\nThese radiographs are SYNTHETIC: the scores say nothing about real images.")


def _figure(result: DemoResult) -> Path:
    """Draw one row a class: the query and its best hits, base space left, adapted space right."""
    from lookalike import plots
    from lookalike.gallery import open_gallery
    from lookalike.verbs.demo import SPACE
    from lookalike.verbs.search import search

    rows = []
    with open_gallery(result.gallery) as gallery:
        for example in result.examples:
            base = search(gallery, example.query, k=_HITS)
            adapted = search(gallery, example.query, k=_HITS, space=SPACE)
            rows.append([*plots.search_cells(base, example.labels), *plots.search_cells(adapted, example.labels)[1:]])
    title = f"query | {_HITS} hits in the base space | {_HITS} hits in the adapted space (green: the query's label)"
    return plots.save_grid(rows, Path(result.gallery).with_name("figure.png"), title)
