"""lookalike evaluate"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import click

from lookalike.cli.output import gallery_option, json_option, print_json, print_notes, progress_bar
from lookalike.cli.protocols import ProtocolCommand, given_options
from lookalike.evaluation.protocols.protocol import PRECISION, PROTOCOL_GROUP
from lookalike.plugins import plugin_names

if TYPE_CHECKING:
    from lookalike.evaluation.protocols.protocol import EvaluationReport


@click.command("evaluate", cls=ProtocolCommand)
@gallery_option
@click.option(
    "--protocol",
    metavar="NAME",
    default=PRECISION,
    show_default=True,
    help=f"{', '.join(plugin_names(PROTOCOL_GROUP))}. With --help: its own options.",
)
@click.argument("more_queries", nargs=-1, metavar="")
@click.option(
    "--format", "form", type=click.Choice(["text", "markdown", "csv", "latex"]), default="text", show_default=True
)
@click.option("--out", metavar="FILE", help="Write the tables to a file instead.")
@click.option("--curves", metavar="OUT.png", help="Draw precision over k (needs lookalike[plots]).")
@click.option("--bars", metavar="OUT.png", help="Draw each class, an adapter beside the base.")
@click.option("--figure", metavar="OUT.png", help="Draw what --sweep or --sizes compares.")
@click.option(
    "--cell", nargs=2, metavar="LABEL ANSWER", help="List the queries that bear one label and were taken for another."
)
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    gallery: str,
    protocol: str,
    more_queries: tuple[str, ...],
    form: Literal["text", "markdown", "csv", "latex"],
    out: str | None,
    curves: str | None,
    bars: str | None,
    figure: str | None,
    cell: tuple[str, str] | None,
    as_json: bool,
    **values: Any,
) -> None:
    """Score a gallery by a protocol; without one precision at k: per class, micro and macro, with 95 % intervals.

    Every record asks all others but its own patient's, unless the protocol's options say otherwise.

    \b
    Example:
      lookalike evaluate --gallery chest
      lookalike evaluate --gallery chest --space findings --folds 5 --seed 0 --bars classes.png
      lookalike evaluate --gallery ct --protocol khun-jush --slices all --slices random:5
      lookalike evaluate --gallery ct --protocol khun-jush --sweep sigma --figure sigma.png
      lookalike evaluate --gallery chest --queries new/ --query-labels new/labels.csv
      lookalike evaluate --gallery chest --by sex,age:10,site --levels modality,label
      lookalike evaluate --gallery chest --space findings --folds 5 --against base
      lookalike evaluate --gallery chest --sizes 50,100,200 --figure sizes.png
      lookalike evaluate --gallery chest --queries-from other-hospital
      lookalike evaluate --gallery chest --cell edema pneumonia
      lookalike evaluate --protocol localisation --help
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.evaluate import evaluate

    options = given_options(ctx, values)
    if more_queries and "queries" not in options:
        raise click.UsageError(f"unexpected argument {more_queries[0]!r}; outside files are given by --queries")
    if more_queries:
        options["queries"] = (*options["queries"], *more_queries)
    sweep = options.get("sweep")
    if figure and not (sweep or options.get("sizes")):
        raise click.UsageError("--figure goes with --sweep of --protocol khun-jush, or with --sizes")
    if cell and as_json:
        raise click.UsageError("--cell prints a table; --json has the queries of every cell (confusion.queries)")
    if (curves or bars) and protocol in ("khun-jush", "localisation", "classifiers", "c-mir", "regions", "radir"):
        raise click.UsageError(f"--curves and --bars draw precision at k, which {protocol} does not measure")
    with open_gallery(gallery) as opened, progress_bar("parts", "evaluate") as progress:
        report = evaluate(opened, protocol=protocol, progress=progress, **options)
    drawn = _draw(report, curves, bars, figure, sweep)
    if as_json:
        print_json(report)
        return
    text = "\n".join(_cells(report, cell, form)) if cell else report.tables(form)
    if out:
        Path(out).write_text(text, encoding="utf-8")
        click.echo(f"wrote {out}")
    else:
        click.echo(text)
    if form == "text" or out:
        print_notes(*report.notes)
        for each in drawn:
            click.echo(f"wrote {each}")


def _cells(
    report: EvaluationReport, cell: tuple[str, str], form: Literal["text", "markdown", "csv", "latex"]
) -> Iterator[str]:
    """A table of a cell's queries for each confusion that a report has. Raises UsageError where there is none."""
    from lookalike.evaluation.classifier_report import ClassifierReport
    from lookalike.evaluation.confusion import cell_table
    from lookalike.evaluation.report import Report
    from lookalike.evaluation.tables import render

    found = {"the nearest record": report.confusion} if isinstance(report, Report) else {}
    if isinstance(report, ClassifierReport):
        found = {method: report.confusion(method) for method in report.methods}
    there = {name: each for name, each in found.items() if each is not None}
    if not there:
        raise click.UsageError("this report has no confusion: records bear several labels, or its protocol gives none")
    for name, confusion in there.items():
        queries = confusion.cell(*cell)
        yield render(f"{cell[0]} taken for {cell[1]} by {name}: {len(queries)} listed", cell_table(queries), form)


def _draw(
    report: EvaluationReport, curves: str | None, bars: str | None, figure: str | None, sweep: str | None
) -> list[str]:
    """Draw the requested figures; returns which were drawn. Raises UsageError if the report has no precision at k."""
    from lookalike import plots
    from lookalike.evaluation.protocols.khun_jush import VolumeReport
    from lookalike.evaluation.report import Report

    if isinstance(report, Report):
        if curves:
            plots.save_curves({report.space: report}, Path(curves))
        if bars:
            plots.save_bars(report, Path(bars))
        if figure:
            plots.save_sizes(report, Path(figure))
    if isinstance(report, VolumeReport) and figure:
        plots.save_sweep(report, Path(figure), cast(Any, sweep))
    return [each for each in (curves, bars, figure) if each]
