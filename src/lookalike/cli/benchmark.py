"""lookalike benchmark"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from lookalike.cli.output import json_option, numbers, print_json, print_notes, progress_bar, seed_option


@click.group("benchmark")
def command() -> None:
    """Compare encoders on public collections, or indexes over sizes.

    \b
    Example:
      lookalike benchmark encoders --encoders lite0,lite0-inner --data mednist=data/mednist
      lookalike benchmark index --sizes 10000,100000 --dims 384
    """


@command.command("encoders")
@click.option("--encoders", required=True, metavar="A,B,...", help="Names; `lookalike encoders list` has them.")
@click.option("--data", multiple=True, required=True, metavar="[NAME=]PATH", help="A collection (repeatable).")
@click.option("--protocol", "protocols", multiple=True, metavar="NAME", help="denner, multilabel, ...")
@click.option("--cache", default="lookalike-cache", show_default=True, help="Where finished runs are kept.")
@click.option("--k", "-k", "ks", default="1,3,5,10", show_default=True, callback=numbers, help="Depths.")
@click.option("--combined", is_flag=True, help="Score all collections together as well.")
@seed_option
@click.option("--format", "form", type=click.Choice(["text", "markdown", "csv", "latex"]), default="text")
@click.option("--out", metavar="FILE", help="Write the tables to a file instead.")
@click.option("--curves", metavar="OUT.png", help="Draw precision over k (needs lookalike[plots]).")
@json_option
def encoders_(
    encoders: str,
    data: tuple[str, ...],
    protocols: tuple[str, ...],
    cache: str,
    ks: tuple[int, ...],
    combined: bool,
    seed: int,
    form: Literal["text", "markdown", "csv", "latex"],
    out: str | None,
    curves: str | None,
    as_json: bool,
) -> None:
    """The table of the papers: rows encoders, columns precision at k, micro and macro, with intervals; then micro-F1 of
    a vote of the nearest and of a linear probe.

    A dagger marks an encoder that was trained on the collection. What was run before is not run again.

    \b
    Example:
      lookalike benchmark encoders --encoders lite0 --data nih-chestxray14=/data/nih --k 1,3,5,10
    """
    from lookalike import plots
    from lookalike.verbs.benchmark_encoders import benchmark_encoders

    names = [name.strip() for name in encoders.split(",") if name.strip()]
    with progress_bar("files") as progress:
        result = benchmark_encoders(
            names, data, cache=cache, protocols=protocols, k=ks, combined=combined, seed=seed, progress=progress
        )
    if curves:
        plots.save_benchmark_curves(result, Path(curves))
    if as_json:
        print_json(result)
        return
    text = result.tables(form)
    if out:
        Path(out).write_text(text, encoding="utf-8")
        click.echo(f"wrote {out}")
    else:
        click.echo(text)
    if form == "text" or out:
        print_notes(*result.notes)


@command.command("index")
@click.option("--sizes", default="10000", show_default=True, callback=numbers, help="How many vectors.")
@click.option("--dims", default="384", show_default=True, callback=numbers, help="Their components.")
@click.option("--kinds", default="", metavar="A,B,...", help="flat, hnsw, lsh, ...  [default: all]")
@click.option("--queries", default=300, show_default=True, help="Asked one after the other.")
@click.option("--figure", metavar="OUT.png", help="Recall against latency (needs lookalike[plots]).")
@seed_option
@json_option
def index_(
    sizes: tuple[int, ...],
    dims: tuple[int, ...],
    kinds: str,
    queries: int,
    figure: str | None,
    seed: int,
    as_json: bool,
) -> None:
    """Build time, memory, latency and recall of index kinds over sizes and dimensions.

    Count and recall are checked before a speed is printed.

    \b
    Example:
      lookalike benchmark index --sizes 10000,100000 --dims 384 --kinds flat,hnsw,lsh --figure indexes.png
    """
    from lookalike import plots
    from lookalike.verbs.benchmark_index import benchmark_index

    names = [name.strip() for name in kinds.split(",") if name.strip()]
    with progress_bar("indexes", "benchmark") as progress:
        result = benchmark_index(sizes, dims, names, queries=queries, seed=seed, progress=progress)
    if figure:
        plots.save_recall_latency(result, Path(figure))
    if as_json:
        print_json(result)
    else:
        click.echo(result.tables())
