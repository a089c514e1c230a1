"""lookalike classify"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

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
from lookalike.cli.search import box_of
from lookalike.plugins import plugin_names

if TYPE_CHECKING:
    from lookalike.types import Box


@click.command("classify")
@click.argument("query", required=False)
@gallery_option
@click.option("--id", "identity", metavar="ID", help="A record of the gallery instead of a file.")
@click.option(
    "--method",
    default="knn",
    show_default=True,
    help=f"{', '.join(plugin_names('lookalike.classifiers'))}; adapter, zero-shot.",
)
@click.option("-k", type=int, help="Neighbours that vote (knn).")
@click.option("--space", metavar="S", help="Where neighbours are looked for; of an adapter its name.")
@click.option("--where", metavar="FILTER", help="Only records for which this holds vote, e.g. 'Modality=CR'.")
@click.option(
    "--box", callback=box_of, metavar="L,T,R,B", help="Let the records vote that hold something like this region."
)
@click.option("--slice", "slice_", type=int, metavar="N", help="The slice of a volume that the region lies in.")
@click.option("--label", "labels", multiple=True, help="zero-shot: a label to choose from (repeatable).")
@click.option("--modality", default="", help="zero-shot: of the prompt, e.g. 'x-ray'.")
@click.option("--body-part", default="", help="zero-shot: of the prompt, e.g. 'chest'.")
@click.option("--view", default="", help="zero-shot: of the prompt, e.g. 'anteroposterior'.")
@click.option("--folds", type=int, metavar="N", help="Without QUERY: score methods on N patient-disjoint folds.")
@click.option("--confusion", metavar="OUT.png", help="With --folds: draw who is taken for whom.")
@seed_option
@json_option
def command(
    query: str | None,
    gallery: str,
    identity: str | None,
    method: str,
    k: int | None,
    space: str | None,
    where: str | None,
    box: Box | None,
    slice_: int | None,
    labels: tuple[str, ...],
    modality: str,
    body_part: str,
    view: str,
    folds: int | None,
    confusion: str | None,
    seed: int,
    as_json: bool,
) -> None:
    """Which labels a picture bears, with calibrated probabilities and the neighbours that say so.

    It abstains when nothing similar is in the gallery. With --folds and without QUERY the methods named
    (comma-separated) are scored instead.

    \b
    Example:
      lookalike classify query.png --gallery brain --method knn
      lookalike classify --gallery brain --folds 5 --method knn,centroid,linear,svm --confusion confusion.png
    """
    from lookalike import plots
    from lookalike.evaluation.protocols.classifiers import ClassifierReport
    from lookalike.gallery import open_gallery
    from lookalike.verbs.classify import classify
    from lookalike.verbs.evaluate import evaluate

    if folds is not None and (query or identity or where or box):
        raise click.UsageError(
            "--folds scores methods on all of the gallery's records; leave QUERY, --id, --where, --box out"
        )
    if confusion and folds is None:
        raise click.UsageError("--confusion draws what --folds found; give --folds 5 too")
    with open_gallery(gallery) as opened, progress_bar("parts", "classify") as progress:
        if folds is not None:
            report = evaluate(
                opened,
                protocol="classifiers",
                methods=method.split(","),
                folds=folds,
                seed=seed,
                neighbours=k,
                progress=progress,
                **({"space": space} if space else {}),
            )
            if confusion and isinstance(report, ClassifierReport):
                plots.save_confusion(report, Path(confusion))
            if as_json:
                print_json(report)
            else:
                click.echo(str(report))
            return
        result = classify(
            opened,
            query,
            id=identity,
            method=method,
            k=k,
            space=space,
            where=where,
            box=box,
            slice=slice_,
            labels=labels,
            modality=modality,
            body_part=body_part,
            view=view,
            seed=seed,
            progress=progress,
        )
    if as_json:
        print_json(result)
        return
    if result.abstained:
        print_notes(f"Abstained: {result.reason}")
    voted = result.votes is not None
    rows = [["label", "probability", *(["vote", "95 %"] if voted else [])]]
    for e in result.labels:
        vote = [f"{e.share:.2f}", f"{e.low:.2f} to {e.high:.2f}"] if voted else []
        rows.append([e.label, f"{e.probability:.3f}", *vote])
    print_table(rows)
    click.echo()
    evidence = [[f"{e.score:.4f}", ", ".join(e.labels) or "-", e.source or e.prompt] for e in result.evidence]
    print_table([["cosine", "labels", "evidence"], *evidence])
    print_notes(*result.notes)
