"""lookalike records next: which records to label next, and where labels are doubtful"""

from __future__ import annotations

from typing import Any

import click

from lookalike.cli.listing import TABLE, listing_option, print_listing
from lookalike.cli.output import counted, gallery_option, print_notes, print_table


@click.command("next")
@gallery_option
@click.option("--budget", default=20, show_default=True, help="How many records at most.")
@click.option(
    "--by",
    type=click.Choice(["next", "uncertainty", "outlier", "disagreement"]),
    default="next",
    show_default=True,
    help="next: what to label next; disagreement: labelled records whose neighbours say otherwise.",
)
@click.option("--where", metavar="FILTER", help="Only records for which this holds.")
@click.option("--space", default="base", show_default=True, help="base, or the name of an adapter.")
@click.option("--seed", default=0, show_default=True, help="Of the clusters that records are chosen from.")
@listing_option
def next_command(gallery: str, output: str, **options: Any) -> None:
    """Which records without a label to label next: uncertain and typical ones, from all over the gallery.

    \b
    Example:
      lookalike records next --budget 20 --gallery chest
      lookalike records next --by disagreement --gallery chest --output csv > doubtful.csv
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.curation.label_next import label_next

    with open_gallery(gallery) as opened:
        result = label_next(opened, **options)
    if output != TABLE:
        print_listing(result, result.items, output)
        return
    rows = [["id", "score", "labels", "neighbours say", "source"]]
    for each in result.items:
        score = "-" if each.score is None else f"{each.score:.3f}"
        rows.append([each.id, score, ", ".join(each.labels) or "-", each.says or "-", each.source])
    print_table(rows)
    print_notes(f"{counted(result.labelled, 'record')} with a label, {result.unlabelled} without one.", *result.notes)
