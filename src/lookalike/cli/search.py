"""lookalike search"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from lookalike.cli.listing import TABLE, listing_option, print_listing
from lookalike.cli.output import filled_gallery, gallery_option, print_notes, print_table

if TYPE_CHECKING:
    from lookalike.hits import Hit, StudyMatch
    from lookalike.types import Box
    from lookalike.verbs.search import SearchResult


def box_of(_ctx: click.Context, _param: click.Parameter, value: str | None) -> Box | None:
    """An option's value as left, top, right and bottom."""
    if value is None:
        return None
    try:
        left, top, right, bottom = map(float, value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r} is no left,top,right,bottom such as 0.2,0.3,0.5,0.6") from None
    return left, top, right, bottom


def slices_of(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """An option's value as the first and the last slice."""
    if value is None:
        return None
    first, dash, last = value.partition("-")
    if not (dash and first.isdecimal() and last.isdecimal()):
        raise click.BadParameter(f"{value!r} is no first-last such as 10-20")
    return int(first), int(last)


@click.command("search")
@click.argument("query", required=False)
@gallery_option
@click.option("--id", "identity", metavar="ID", help="Ask with a record of the gallery instead of a file.")
@click.option("--study", metavar="ID|FOLDER", help="Ask with a whole study: a record's or its id, or its folder.")
@click.option("--text", metavar="TEXT", help="Ask in words, for encoders that take text; with QUERY: both.")
@click.option("--report", metavar="TEXT", help="Words to be found in the reports kept; with QUERY: both.")
@click.option(
    "--report-weight", default=1.0, show_default=True, help="Of the reports' ranking, against 1 of the other."
)
@click.option("-k", default=5, show_default=True, help="How many hits.")
@click.option("--where", metavar="FILTER", help="Only records for which this holds, e.g. 'Modality=CR and sex=F'.")
@click.option("--space", default="base", show_default=True, help="base, or the name of an adapter.")
@click.option("--same-patient", is_flag=True, help="Let the query's own patient answer.")
@click.option(
    "--like", "--positive", "positive", multiple=True, metavar="ID", help="Move the query towards this record."
)
@click.option("--unlike", "--negative", "negative", multiple=True, metavar="ID", help="Move it away; this is no hit.")
@click.option(
    "--per",
    "--group-by",
    "group_by",
    type=click.Choice(["study", "series", "patient"]),
    help="One hit of each study, series or patient, the best; others are counted.",
)
@click.option("--one-per-patient", is_flag=True, help="The same as --per patient.")
@click.option("--only-priors", is_flag=True, help="Only earlier studies of the query's own patient.")
@click.option("--before", metavar="DATE|DAYS", help="Only those before a date, or so many days before the query's.")
@click.option("--exclude-priors", is_flag=True, help="With --same-patient: without the patient's earlier studies.")
@click.option("--figure", metavar="OUT.png", help="Write the query and its hits as a picture.")
@click.option(
    "--evidence", metavar="OUT.html|.pdf", help="Write a page to keep or print: pictures, scores, what was asked."
)
@click.option(
    "--rank",
    type=click.Choice(["auto", "pool", "pool:median", "pool:max", "count", "max", "sum", "maxsim"]),
    default="auto",
    show_default=True,
    help="How volumes are ranked from their slices.",
)
@click.option("--weights", default="uniform", show_default=True, help="Of slices: uniform or gaussian:SIGMA.")
@click.option("--beside", metavar="GALLERY", help="Another gallery of the same files, whose ranking is fused in.")
@click.option(
    "--box",
    callback=box_of,
    metavar="L,T,R,B",
    help="Search a region: left,top,right,bottom in fractions of the picture. Needs a gallery with patches.",
)
@click.option("--mask", metavar="FILE", help="Search the region where this picture or volume is above 0.")
@click.option("--slice", "slice_", type=int, metavar="N", help="The slice of a volume that the region lies in.")
@click.option(
    "--slices", callback=slices_of, metavar="FIRST-LAST", help="Grow the box through a volume, along these slices."
)
@click.option("--context/--no-context", default=True, help="Judge the region with or without what lies around it.")
@listing_option
def command(
    query: str | None,
    gallery: str,
    identity: str | None,
    study: str | None,
    text: str | None,
    report: str | None,
    report_weight: float,
    k: int,
    where: str | None,
    space: str,
    same_patient: bool,
    positive: tuple[str, ...],
    negative: tuple[str, ...],
    group_by: Literal["study", "series", "patient"] | None,
    one_per_patient: bool,
    only_priors: bool,
    before: str | None,
    exclude_priors: bool,
    rank: str,
    weights: str,
    beside: str | None,
    figure: str | None,
    evidence: str | None,
    box: Box | None,
    mask: str | None,
    slice_: int | None,
    slices: tuple[int, int] | None,
    context: bool,
    output: str,
) -> None:
    """Find the records that look most like a query, best first.

    QUERY is an image file; scan.dcm#3 is frame 3 of a multi-frame file. Scores are cosines: 1 is the same
    picture. The query's own patient is left out unless asked otherwise: --same-patient lets it answer, --only-priors
    and --before ask for its earlier studies alone. With --box or --mask the hits are the pictures that hold
    something like this region, and the figure shows where.

    \b
    Example:
      lookalike search query.dcm --gallery chest -k 5 --where 'ViewPosition=PA' --figure hits.png
      lookalike search query.dcm --gallery chest -k 12 --evidence evidence.pdf
      lookalike search --report "left pleural effusion" --gallery chest
      lookalike search --study exam/ --gallery chest
      lookalike search query.dcm --gallery chest --only-priors --per study
      lookalike search query.dcm --gallery chest --beside chest-lite2
      lookalike search query.dcm --gallery chest --box 0.2,0.3,0.5,0.6 --figure where.png
      lookalike search ct.nii.gz --gallery ct --box 0.2,0.3,0.5,0.6 --slices 10-20
    """
    from lookalike import plots
    from lookalike.verbs.explain import illustrate
    from lookalike.verbs.search import search

    region = box is not None or mask is not None
    if evidence:
        plots.evidence_kind(evidence)
    group_by = "patient" if one_per_patient else group_by
    moved = positive or negative or group_by
    if region and (study or text or report or space != "base" or rank != "auto" or weights != "uniform" or moved):
        raise click.UsageError(
            "a region is searched by patches: leave --study, --text, --report, --space, --rank, --weights, --like, "
            "--unlike, --per and --one-per-patient out"
        )
    if (slice_ is not None or slices is not None or not context) and not region:
        raise click.UsageError("--slice, --slices and --no-context speak of a region; give --box or --mask too")
    query_options: dict[str, Any] = {"id": identity, "box": box, "mask": mask, "slice": slice_, "slices": slices}
    query_options["context"] = context
    options: dict[str, Any] = {
        "study": study,
        "text": text,
        "report": report,
        "report_weight": report_weight,
        "k": k,
        "where": where,
        "space": space,
        "same_patient": same_patient,
        "positive": positive,
        "negative": negative,
        "group_by": group_by,
        "only_priors": only_priors,
        "before": before,
        "exclude_priors": exclude_priors,
        "rank": rank,
        "weights": weights,
        "beside": beside,
    }
    with filled_gallery(gallery) as opened:
        result = search(opened, query, **query_options, **options)
        if figure:
            ids = [hit.id for hit in result.hits]
            shown = illustrate(opened, query, records=ids, **query_options) if region else None
            cells = plots.heat_cells(result, shown) if shown else plots.search_cells(result)
        if evidence:
            plots.save_evidence(plots.search_evidence(opened, result, {**query_options, **options}), Path(evidence))
    if figure:
        plots.save_grid([cells], Path(figure))
    if output != TABLE:
        print_listing(result, result.hits, output)
        return
    _print(result, region=region, days=only_priors or before is not None or same_patient)
    for written in filter(None, (figure, evidence)):
        click.echo(f"wrote {written}")


def _slices(hit: Hit) -> str:
    """The pair of slices that matches, and all that the place of a box through several slices goes through."""
    pair = f"{hit.match.query_slice} ~ {hit.match.slice}" if hit.match else ""
    through = hit.region.slices if hit.region else ()
    return f"{pair} of {through[0]}-{through[-1]}" if through else pair


def _study(study: StudyMatch) -> list[str]:
    """The cells of a study: its name, how many records it has, and how alike each kind of series is."""
    kinds = ", ".join(f"{kind or 'images'} {cosine:.2f}" for kind, cosine in study.kinds.items())
    return [study.study, str(study.records), kinds]


def _print(result: SearchResult, *, region: bool, days: bool) -> None:
    """Print the hits as a table, then the notes of the result. days: of the query's own patient, who may answer."""
    volumes, near = any(hit.match for hit in result.hits), any(hit.nearness is not None for hit in result.hits)
    placed = any(hit.percentile is not None for hit in result.hits)
    fused, studies = any(hit.placed for hit in result.hits), any(hit.study for hit in result.hits)
    timed, grouped = days and result.query_day is not None, any(hit.others is not None for hit in result.hits)
    head = [
        "rank",
        "score",
        *["pct"] * placed,
        *(["near"] if near else []),
        "id",
        "labels",
        *(["slices"] if volumes else []),
    ]
    head += ["day"] * timed + ["others"] * grouped + ["found by"] * fused + ["study", "records", "kinds"] * studies
    rows = [[*head, *(["box"] if region else []), "source"]]
    for h in result.hits:
        nearness = ["" if h.percentile is None else f"{h.percentile:.1f}"] * placed
        nearness += ["" if h.nearness is None else f"{h.nearness:.0f} %"] if near else []
        pair = [_slices(h)] * volumes
        place = [",".join(f"{edge:.2f}" for edge in h.region.box)] if h.region else []
        labels = ", ".join(h.labels) or "-"
        found_by = ["-" if h.day is None else str(h.day)] * timed + [str(h.others)] * grouped
        found_by += [", ".join(f"{each.ranking} {each.rank} ({each.score:.3f})" for each in h.placed)] * fused
        found_by += _study(h.study) if h.study else []
        rows.append([str(h.rank), f"{h.score:.4f}", *nearness, h.id, labels, *pair, *found_by, *place, h.source])
    print_table(rows)
    if placed:
        print_notes(
            "pct: percentile, of all pairs of this gallery's own records, of different patients, those less alike."
        )
    if near:
        print_notes("near: of the gallery's own records, how many have their nearest record farther than this hit.")
    if timed:
        print_notes(f"day: since the patient's first study here; the query is of day {result.query_day}.")
    if result.abstained:
        print_notes("Nothing similar here: the nearest record is less alike than what 99 % of the records find.")
    if result.note:
        print_notes(result.note)
    stages = ", ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in result.seconds.items())
    searched = f"{result.records} {'records' if region else 'vectors'}, space {result.space}"
    print_notes(f"{searched}, encoder {result.encoder}; {stages}")
