"""lookalike audit"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from lookalike.cli.listing import TABLE, listing_option, print_listing
from lookalike.cli.output import gallery_option, json_option, print_json, progress_bar, seed_option

_FIRST = "confounds"
_decided_option = click.option("--decided", is_flag=True, help="List also what was decided already.")


class _Audits(click.Group):
    """Without a word it is the audit for confounds, as it was when there was no other."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        asks_for_help = args[:1] in (["--help"], ["-h"], [])
        named = args and not args[0].startswith("-")
        return super().parse_args(ctx, args if asks_for_help or named else [_FIRST, *args])


@click.group("audit", cls=_Audits)
def command() -> None:
    """What a score could be misled by: confounds, copies, bad pictures, wrong records, outliers.

    Options without a word are those of confounds.

    \b
    Example:
      lookalike audit confounds --gallery chest --against site
      lookalike audit duplicates --gallery chest
      lookalike audit outliers --gallery chest --reference label=normal
      lookalike audit metadata --gallery chest --table repair.csv
      lookalike audit quality --gallery chest
    """


@command.command(_FIRST)
@gallery_option
@click.option("--label", "label_field", default="label", show_default=True, help="What is to be told apart.")
@click.option("--against", metavar="FIELD", help="One field: site, scanner, view, sex; all recorded without.")
@click.option("--space", default="base", show_default=True, help="base, or the name of an adapter.")
@seed_option
@json_option
def _confounds(gallery: str, label_field: str, against: str | None, space: str, seed: int, as_json: bool) -> None:
    """Do the vectors follow the finding, or where and how the picture was taken?

    \b
    Example:
      lookalike audit confounds --gallery chest
      lookalike audit confounds --gallery chest --against site
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.audit import audit

    with open_gallery(gallery) as opened, progress_bar("fields", "audit") as progress:
        result = audit(opened, label_field, against, space=space, seed=seed, progress=progress)
    if as_json:
        print_json(result)
    else:
        click.echo(str(result))


@command.command("duplicates")
@gallery_option
@_decided_option
@listing_option
def _duplicates(gallery: str, decided: bool, output: str) -> None:
    """Which records are copies of one another: re-encoded, framed, cropped, mirrored or rotated?

    \b
    Example:
      lookalike audit duplicates --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.audit import audit_duplicates

    with open_gallery(gallery) as opened, progress_bar("steps", "audit") as progress:
        result = audit_duplicates(opened, decided=decided, progress=progress)
    if output != TABLE:
        print_listing(result, result.pairs, output)
    else:
        click.echo(str(result))


@command.command("outliers")
@gallery_option
@click.option("--reference", metavar="FILTER", help="The records to be like, such as label=normal.")
@click.option("--reference-cohort", metavar="NAME", help="They are of this cohort.")
@click.option("--reference-gallery", metavar="FOLDER", help="They are of this gallery.  [default: of the same]")
@click.option("--where", metavar="FILTER", help="Compare these with it.  [default: all others]")
@click.option("--space", default="base", show_default=True, help="base, or the name of an adapter.")
@click.option("--neighbours", metavar="K", default=5, show_default=True, help="Whose mean distance counts.")
@click.option("--limit", metavar="N", default=20, show_default=True, help="How many are listed.")
@click.option("--outlier", metavar="FILTER", help="Those known to be outliers: how well are they told?")
@click.option(
    "--per",
    type=click.Choice(["record", "study"]),
    default="record",
    show_default=True,
    help="A study's distance is the mean of its records'.",
)
@seed_option
@_decided_option
@listing_option
def _outliers(
    gallery: str,
    reference: str | None,
    reference_cohort: str | None,
    reference_gallery: str | None,
    where: str | None,
    space: str,
    neighbours: int,
    limit: int,
    outlier: str | None,
    per: Literal["record", "study"],
    seed: int,
    decided: bool,
    output: str,
) -> None:
    """Which records, or studies, lie far from a reference set?

    \b
    Example:
      lookalike audit outliers --gallery chest --reference label=normal
      lookalike audit outliers --gallery chest --reference-gallery north --per study
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.audit import audit_outliers

    with open_gallery(gallery) as opened:
        result = audit_outliers(
            opened,
            reference,
            reference_cohort=reference_cohort,
            reference_gallery=reference_gallery,
            where=where,
            space=space,
            neighbours=neighbours,
            limit=limit,
            outlier=outlier,
            per=per,
            decided=decided,
            seed=seed,
        )
    if output != TABLE:
        print_listing(result, result.outliers, output)
    else:
        click.echo(str(result))


@command.command("drift")
@gallery_option
@click.option("--before", metavar="FILTER", required=True, help="The first part, such as site=north.")
@click.option("--after", metavar="FILTER", required=True, help="The part that is compared with it.")
@seed_option
@listing_option
def _drift(gallery: str, before: str, after: str, seed: int, output: str) -> None:
    """Do pictures, labels and recorded values differ between two sites, or two times?

    \b
    Example:
      lookalike audit drift --gallery chest --before site=north --after site=south
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.audit import audit_drift

    with open_gallery(gallery) as opened:
        result = audit_drift(opened, before, after, seed=seed)
    if output != TABLE:
        print_listing(result, result.shares, output)
    else:
        click.echo(str(result))


@command.command("metadata")
@gallery_option
@click.option("--field", "fields", multiple=True, metavar="NAME", help="A field, or A+B (repeat).  [default: all]")
@click.option("--where", metavar="FILTER", help="Among these records.  [default: all]")
@click.option("--space", default="base", show_default=True, help="base, or the name of an adapter.")
@click.option("--neighbours", metavar="K", default=15, show_default=True, help="How many vote.")
@seed_option
@click.option("--table", metavar="FILE.csv", help="Write every value that is listed, with its evidence.")
@_decided_option
@listing_option
def _metadata(
    gallery: str,
    fields: tuple[str, ...],
    where: str | None,
    space: str,
    neighbours: int,
    seed: int,
    table: str | None,
    decided: bool,
    output: str,
) -> None:
    """Of which records do the neighbours say other than what is recorded: body part, view, side, sequence?

    A list to look at: nothing is changed.

    \b
    Example:
      lookalike audit metadata --gallery chest --field ViewPosition --table repair.csv
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.audit import audit_metadata

    with open_gallery(gallery) as opened, progress_bar("fields", "audit") as progress:
        result = audit_metadata(
            opened,
            fields,
            where=where,
            space=space,
            neighbours=neighbours,
            decided=decided,
            seed=seed,
            progress=progress,
        )
    if table is not None:
        Path(table).write_text(result.table(), encoding="utf-8")
    if output != TABLE:
        print_listing(result, (*result.suspects, *result.proposed), output)
    else:
        click.echo(str(result))
        if table is not None:
            click.echo(f"wrote {table}")


@command.command("quality")
@gallery_option
@click.option("--fault", "faults", multiple=True, metavar="NAME", help="Look for this one (repeat).  [default: all]")
@click.option("--where", metavar="FILTER", help="Among these records.  [default: all]")
@click.option("--part", metavar="FIELD", help="Names the part of the body.  [default: BodyPartExamined, else label]")
@seed_option
@_decided_option
@listing_option
def _quality(
    gallery: str, faults: tuple[str, ...], where: str | None, part: str | None, seed: int, decided: bool, output: str
) -> None:
    """Which pictures are blank, clipped, inverted, upside-down, turned, mirrored, of the wrong-body-part, or show text?

    Text (burned-in-text) takes the files and most of the time. A list to look at: nothing is changed.

    \b
    Example:
      lookalike audit quality --gallery chest --fault upside-down --fault inverted
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.audit import audit_quality

    with open_gallery(gallery) as opened, progress_bar("steps", "audit") as progress:
        result = audit_quality(opened, faults, where=where, part=part, decided=decided, seed=seed, progress=progress)
    if output != TABLE:
        print_listing(result, result.findings, output)
    else:
        click.echo(str(result))
