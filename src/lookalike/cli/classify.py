"""lookalike classify"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lookalike.cli.listing import TABLE, listing_option, print_listing
from lookalike.cli.output import gallery_option, print_json, print_notes, print_table, progress_bar, seed_option
from lookalike.cli.search import box_of, slices_of
from lookalike.plugins import plugin_names

if TYPE_CHECKING:
    from lookalike.evaluation.label_sets import LabelSet
    from lookalike.gallery import Gallery
    from lookalike.types import Box
    from lookalike.verbs.classify import ClassifyEachResult, ClassifyResult


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
@click.option(
    "--slices", callback=slices_of, metavar="FIRST-LAST", help="Grow the box through a volume, along these slices."
)
@click.option("--label", "labels", multiple=True, help="zero-shot: a label to choose from (repeatable).")
@click.option("--modality", default="", help="zero-shot: of the prompt, e.g. 'x-ray'.")
@click.option("--body-part", default="", help="zero-shot: of the prompt, e.g. 'chest'.")
@click.option("--view", default="", help="zero-shot: of the prompt, e.g. 'anteroposterior'.")
@click.option("--prompts", metavar="FILE", help="zero-shot: prompts of each label, JSON or a CSV of label and prompt.")
@click.option("--set", "set_", type=float, metavar="COVERAGE", help="The labels that are not ruled out, e.g. .9.")
@click.option("--each", multiple=True, metavar="SOURCE", help="Every picture and volume of a folder (repeatable).")
@click.option("--folds", type=int, metavar="N", help="Without QUERY: score methods on N patient-disjoint folds.")
@click.option("--confusion", metavar="OUT.png", help="With --folds: draw who is taken for whom.")
@seed_option
@listing_option
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
    slices: tuple[int, int] | None,
    labels: tuple[str, ...],
    modality: str,
    body_part: str,
    view: str,
    prompts: str | None,
    set_: float | None,
    each: tuple[str, ...],
    folds: int | None,
    confusion: str | None,
    seed: int,
    output: str,
) -> None:
    """Which labels a picture bears, with calibrated probabilities and the neighbours that say so.

    It abstains when nothing similar is in the gallery. With --each the pictures of a folder are classified, and
    compared with the gallery as a whole. With --folds and without QUERY the methods named (comma-separated) are scored
    instead.

    \b
    Example:
      lookalike classify query.png --gallery brain --method knn --set .9
      lookalike classify --each new/ --gallery brain --set .9
      lookalike classify --gallery brain --folds 5 --method knn,centroid,linear,svm --confusion confusion.png
    """
    if folds is not None and (query or identity or where or box or each or prompts):
        raise click.UsageError(
            "--folds scores methods on all of the gallery's records; leave QUERY, --each, --id, --where, --box "
            "and --prompts out"
        )
    if confusion and folds is None:
        raise click.UsageError("--confusion draws what --folds found; give --folds 5 too")
    if folds is not None and output in ("csv", "parquet"):
        raise click.UsageError("--folds prints a report: leave --output out, or say --json")
    if each and (query or identity or box or labels or modality or body_part or view or prompts):
        raise click.UsageError("--each classifies whole pictures; leave QUERY, --id, --box and zero-shot's words out")
    from lookalike.gallery import open_gallery

    with open_gallery(gallery) as opened, progress_bar("parts", "classify") as progress:
        how: dict[str, Any] = {"space": space, "k": k, "seed": seed, "set": set_, "progress": progress}
        if folds is not None:
            _score(opened, method.split(","), folds, confusion, as_json=output == "json", **how)
            return
        result = (
            _each(opened, each, method=method, where=where, **how)
            if each
            else _one(
                opened,
                query,
                id=identity,
                method=method,
                where=where,
                box=box,
                slice=slice_,
                slices=slices,
                labels=labels,
                modality=modality,
                body_part=body_part,
                view=view,
                prompts=prompts,
                **how,
            )
        )
    if output != TABLE:
        print_listing(result, result.results if each else result.labels, output)
    elif each:
        _print_each(result)
    else:
        _print_one(result)


def _one(gallery: Gallery, query: str | None, **how: Any) -> Any:
    from lookalike.verbs.classify import classify

    return classify(gallery, query, **how)


def _each(gallery: Gallery, sources: tuple[str, ...], **how: Any) -> Any:
    from lookalike.verbs.classify import classify_each

    return classify_each(gallery, sources, **how)


def _score(
    gallery: Gallery, methods: list[str], folds: int, confusion: str | None, *, as_json: bool, **how: Any
) -> None:
    """Score methods on folds of the gallery, and print it."""
    from lookalike import plots
    from lookalike.evaluation.classifier_report import ClassifierReport
    from lookalike.verbs.evaluate import evaluate

    space, k = how.pop("space"), how.pop("k")
    options = {"methods": methods, "folds": folds, "neighbours": k, **({"space": space} if space else {}), **how}
    report = evaluate(gallery, protocol="classifiers", **options)
    if confusion and isinstance(report, ClassifierReport):
        plots.save_confusion(report, Path(confusion))
    if as_json:
        print_json(report)
    else:
        click.echo(str(report))


def _print_one(result: ClassifyResult) -> None:
    if result.abstained:
        print_notes(f"Abstained: {result.reason}")
    voted = result.votes is not None
    rows = [["label", "probability", *(["vote", "95 %"] if voted else [])]]
    for e in result.labels:
        vote = [f"{e.share:.2f}", f"{e.low:.2f} to {e.high:.2f}"] if voted else []
        rows.append([e.label, f"{e.probability:.3f}", *vote])
    print_table(rows)
    if result.set is not None:
        print_notes(_set_in_words(result.set))
    click.echo()
    evidence = [[f"{e.score:.4f}", ", ".join(e.labels) or "-", e.source or e.prompt] for e in result.evidence]
    print_table([["cosine", "labels", "evidence"], *evidence])
    print_notes(*result.notes)


def _set_in_words(found: LabelSet) -> str:
    low, high = found.interval
    return (
        f"Set for {100 * found.coverage:g} %: {', '.join(found.labels)}{' (widened)' if found.widened else ''}. "
        f"Seen out of fold: {found.seen:.3f} [{low:.2f}, {high:.2f}] with {found.size:.1f} labels on average; "
        f"{found.records} records of {found.patients} patients"
        + (", each label by its own records." if found.by_label else ", all labels together.")
    )


def _print_each(result: ClassifyEachResult) -> None:
    sets = any(one.set is not None for one in result.results)
    rows = [["query", "label", "probability", *(["set"] if sets else [])]]
    for one in result.results:
        best = one.labels[0] if one.labels and not one.abstained else None
        labels = [best.label, f"{best.probability:.3f}"] if best else ["abstained", "-"]
        rows.append([one.query, *labels, *([", ".join(one.set.labels) if one.set else "-"] if sets else [])])
    print_table(rows)
    first = next((one.set for one in result.results if one.set is not None), None)
    refused = [f"{count} with {reason}" for reason, count in result.refused.items()]
    print_notes(
        *([_sets_in_words(first)] if first else []),
        *([f"Left out: {', '.join(refused)}."] if refused else []),
        *result.notes,
    )


def _sets_in_words(found: LabelSet) -> str:
    return _set_in_words(replace(found, labels=("each query's own",)))
