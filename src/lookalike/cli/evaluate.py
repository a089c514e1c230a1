"""lookalike evaluate"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from lookalike.cli.output import gallery_option, json_option, label_columns_option, numbers, print_json, seed_option

if TYPE_CHECKING:
    from lookalike.evaluation.protocols.khun_jush import VolumeReport
    from lookalike.evaluation.report import Report


@click.command("evaluate")
@gallery_option
@click.option("--space", default="base", show_default=True, help="base, or the name of an adapter.")
@click.option("--folds", type=int, metavar="N", help="Patient-disjoint folds; an adapter is trained anew on each.")
@click.option("--queries", multiple=True, metavar="SOURCE...", help="Outside files that ask the whole gallery.")
@click.argument("more_queries", nargs=-1, metavar="")
@click.option("--query-labels", metavar="TABLE.csv", help="The labels of the queries.")
@label_columns_option
@click.option("--patient-column", default="patient_id", show_default=True, help="The table's patient column.")
@click.option(
    "--protocol",
    metavar="NAME",
    help="denner, medimageinsight, multilabel, 3d-mir; khun-jush: recall of volumes; localisation: with masks.",
)
@click.option("--slices", multiple=True, metavar="RULE", help="khun-jush: all, random:5, ... (repeatable).")
@click.option("--weights", multiple=True, metavar="W", help="khun-jush: uniform, gaussian:0.2 (repeatable).")
@click.option(
    "--rank", "ranks", multiple=True, metavar="R", help="khun-jush: pool (:median, :max), count, max, sum, maxsim."
)
@click.option("--index", "kinds", multiple=True, metavar="KIND", help="khun-jush: flat, hnsw, lsh (repeatable).")
@click.option("--level", "levels", multiple=True, metavar="FIELD", help="khun-jush: modality, body_region, organ.")
@click.option("--sweep", type=click.Choice(["sigma", "slices"]), help="khun-jush: over weights or slice counts.")
@click.option("--figure", metavar="OUT.png", help="khun-jush: draw the sweep (needs lookalike[plots]).")
@click.option("--where", metavar="FILTER", help="khun-jush: only these volumes.")
@click.option("--k", "-k", "ks", callback=numbers, help="Depths.  [default: 1,3,5,10, or the protocol's]")
@seed_option
@click.option(
    "--format", "form", type=click.Choice(["text", "markdown", "csv", "latex"]), default="text", show_default=True
)
@click.option("--out", metavar="FILE", help="Write the tables to a file instead.")
@click.option("--curves", metavar="OUT.png", help="Draw precision over k (needs lookalike[plots]).")
@click.option("--bars", metavar="OUT.png", help="Draw each class, an adapter beside the base.")
@json_option
def command(
    gallery: str,
    space: str,
    folds: int | None,
    queries: tuple[str, ...],
    more_queries: tuple[str, ...],
    query_labels: str | None,
    label_columns: tuple[str, ...],
    patient_column: str,
    protocol: str | None,
    slices: tuple[str, ...],
    weights: tuple[str, ...],
    ranks: tuple[str, ...],
    kinds: tuple[str, ...],
    levels: tuple[str, ...],
    sweep: Literal["sigma", "slices"] | None,
    figure: str | None,
    where: str | None,
    ks: tuple[int, ...],
    seed: int,
    form: Literal["text", "markdown", "csv", "latex"],
    out: str | None,
    curves: str | None,
    bars: str | None,
    as_json: bool,
) -> None:
    """Measure precision at k: per class, micro and macro, with 95 % intervals by patient and chance.

    Without --folds and --queries every labelled record asks all others but its own patient's.

    \b
    Example:
      lookalike evaluate --gallery chest
      lookalike evaluate --gallery chest --space findings --folds 5 --seed 0 --bars classes.png
      lookalike evaluate --gallery ct --protocol khun-jush --slices all --slices random:5
      lookalike evaluate --gallery ct --protocol khun-jush --sweep sigma --figure sigma.png
      lookalike evaluate --gallery chest --queries new/ --query-labels new/labels.csv
    """
    from lookalike.evaluation.protocols.khun_jush import LEVELS, RANKS, SWEEPS, VolumeReport, evaluate_volumes
    from lookalike.evaluation.protocols.localisation import LocalisationReport, evaluate_localisation
    from lookalike.evaluation.protocols.published import evaluate_protocol
    from lookalike.evaluation.report import Report
    from lookalike.gallery import open_gallery
    from lookalike.verbs.evaluate import DEFAULT_KS, evaluate

    if more_queries and not queries:
        raise click.UsageError(f"unexpected argument {more_queries[0]!r}; outside files are given by --queries")
    _check_figures(protocol, curves or bars, sweep, figure)
    with open_gallery(gallery) as opened:
        report: Report | VolumeReport | LocalisationReport
        if protocol == "khun-jush":
            report = evaluate_volumes(
                opened,
                levels=levels or LEVELS,
                slices=slices or (SWEEPS["slices"] if sweep == "slices" else ("all",)),
                weights=weights or (SWEEPS["sigma"] if sweep == "sigma" else ("uniform",)),
                ranks=ranks or RANKS,
                index=kinds or ("flat",),
                where=where,
                k=ks or DEFAULT_KS,
                space=space,
                seed=seed,
            )
        elif protocol:
            report = (
                evaluate_localisation(opened, k=max(ks, default=5), where=where, space=space)
                if protocol == "localisation"
                else evaluate_protocol(opened, protocol, space=space, k=ks, folds=folds, seed=seed)
            )
        else:
            report = evaluate(
                opened,
                space=space,
                folds=folds,
                queries=(*queries, *more_queries),
                query_labels=query_labels,
                label_columns=label_columns,
                patient_column=patient_column,
                k=ks or DEFAULT_KS,
                seed=seed,
            )
    if isinstance(report, Report):
        _draw(report, curves, bars)
    if isinstance(report, VolumeReport):
        _draw_sweep(report, sweep, figure)
    if as_json:
        print_json(report)
        return
    text = report.tables(form)
    if out:
        Path(out).write_text(text, encoding="utf-8")
        click.echo(f"wrote {out}")
    else:
        click.echo(text)
    if form == "text" or out:
        click.echo("\n".join(report.notes))
        for drawn in filter(None, (curves, bars, figure)):
            click.echo(f"wrote {drawn}")


def _check_figures(protocol: str | None, precision: str | None, sweep: str | None, figure: str | None) -> None:
    if protocol in ("khun-jush", "localisation") and precision:
        raise click.UsageError(f"--curves and --bars draw precision at k, which {protocol} does not measure")
    if (sweep and protocol != "khun-jush") or (figure and not sweep):
        raise click.UsageError("--figure goes with --sweep, and both with --protocol khun-jush")


def _draw_sweep(report: VolumeReport, sweep: Literal["sigma", "slices"] | None, figure: str | None) -> None:
    from lookalike import plots

    if sweep and figure:
        plots.save_sweep(report, Path(figure), sweep)


def _draw(report: Report, curves: str | None, bars: str | None) -> None:
    from lookalike import plots

    if curves:
        plots.save_curves({report.space: report}, Path(curves))
    if bars:
        plots.save_bars(report, Path(bars))
