"""lookalike search"""

from __future__ import annotations

from pathlib import Path

import click

from lookalike.cli.output import gallery_option, json_option, print_json, print_table


@click.command("search")
@click.argument("query", required=False)
@gallery_option
@click.option("--id", "identity", metavar="ID", help="Ask with a record of the gallery instead of a file.")
@click.option("--text", metavar="TEXT", help="Ask in words, for encoders that take text; with QUERY: both.")
@click.option("-k", default=5, show_default=True, help="How many hits.")
@click.option("--where", metavar="FILTER", help="Only records for which this holds, e.g. 'Modality=CR and sex=F'.")
@click.option("--space", default="base", show_default=True, help="base, or the name of an adapter.")
@click.option("--same-patient", is_flag=True, help="Let the query's own patient answer.")
@click.option("--figure", metavar="OUT.png", help="Write the query and its hits as a picture.")
@click.option(
    "--rank",
    type=click.Choice(["auto", "pool", "count", "max", "sum", "maxsim"]),
    default="auto",
    show_default=True,
    help="How volumes are ranked from their slices.",
)
@click.option("--weights", default="uniform", show_default=True, help="Of slices: uniform or gaussian:SIGMA.")
@json_option
def command(
    query: str | None, gallery: str, identity: str | None, text: str | None, k: int, where: str | None,
    space: str, same_patient: bool, rank: str, weights: str, figure: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Find the records that look most like a query, best first.

    QUERY is an image file; scan.dcm#3 is frame 3 of a multi-frame file. Scores are cosines: 1 is the same
    picture. The query's own patient is left out unless asked otherwise.

    \b
    Example:
      lookalike search query.dcm --gallery chest -k 5 --where 'ViewPosition=PA' --figure hits.png
    """
    from lookalike import plots
    from lookalike.gallery import open_gallery
    from lookalike.verbs.search import search

    with open_gallery(gallery) as opened:
        result = search(
            opened,
            query,
            id=identity,
            text=text,
            k=k,
            where=where,
            space=space,
            same_patient=same_patient,
            rank=rank,
            weights=weights,
        )
    if figure:
        plots.save_grid([plots.search_cells(result)], Path(figure))
    if as_json:
        print_json(result)
        return
    volumes = any(hit.match for hit in result.hits)
    rows = [["rank", "score", "id", "labels", *(["slices"] if volumes else []), "source"]]
    for h in result.hits:
        pair = [f"{h.match.query_slice} ~ {h.match.slice}"] if h.match else [""] * volumes
        rows.append([str(h.rank), f"{h.score:.4f}", h.id, ", ".join(h.labels) or "-", *pair, h.source])
    print_table(rows)
    if result.note:
        click.echo(result.note)
    stages = ", ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in result.seconds.items())
    click.echo(f"{result.records} vectors, space {result.space}, encoder {result.encoder}; {stages}")
    if figure:
        click.echo(f"wrote {figure}")
