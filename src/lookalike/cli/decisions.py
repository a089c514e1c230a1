"""lookalike decisions: list, make, undo"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lookalike.cli.listing import TABLE, listing_option, print_listing
from lookalike.cli.noting import command_user, note_command
from lookalike.cli.output import counted, gallery_option, json_option, print_json, print_notes, print_table

if TYPE_CHECKING:
    from lookalike.verbs.curation.decisions import AuditName, DecisionName


@click.group("decisions")
def command() -> None:
    """Decide of what audits have found, so that it is not listed again.

    \b
    Example:
      lookalike decisions make duplicates different 5ef178c836b2cf56 0f3a2c9be1d04477 --gallery chest
      lookalike decisions make quality keep 5ef178c836b2cf56 --about blank --gallery chest
      lookalike decisions list --gallery chest
    """


@command.command("make")
@click.argument("audit")
@click.argument("decision")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@gallery_option
@click.option("--about", default="", metavar="NAME", help="The fault (quality), or the field (metadata).")
@click.option("--value", default="", metavar="TEXT", help="The field's value that is accepted or rejected.")
@json_option
def _make(
    audit: AuditName, decision: DecisionName, ids: tuple[str, ...], gallery: str, about: str, value: str, as_json: bool
) -> None:
    """Decide of a pair of duplicates (keep, different, same-patient), of outliers or faults (keep), of a proposed value
    (accept, reject), or of the records of any that they are to go (drop): lookalike records remove carries it out.

    \b
    Example:
      lookalike decisions make duplicates same-patient 5ef178c836b2cf56 0f3a2c9be1d04477 --gallery chest
      lookalike decisions make metadata accept 5ef178c836b2cf56 --about ViewPosition --value PA --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.curation.decisions import decide

    with open_gallery(gallery) as opened:
        result = decide(opened, audit, decision, ids, about=about, value=value, by=command_user() or "command line")
        note_command("label", opened, ids, what=f"{audit}: {decision}", decision=result.number)
    if as_json:
        print_json(result)
        return
    print_notes(
        f"{counted(result.decided, 'finding')} decided, {counted(result.changed, 'record')} changed. "
        f"lookalike decisions undo {result.number} takes it back."
    )


@command.command("list")
@gallery_option
@click.option("--audit", metavar="NAME", help="Of this audit alone: duplicates, outliers, quality, metadata.")
@click.option("--decision", metavar="NAME", help="This decision alone: drop is what is marked to be removed.")
@listing_option
def _list(gallery: str, audit: AuditName | None, decision: DecisionName | None, output: str) -> None:
    """What was decided, by whom and when.

    \b
    Example:
      lookalike decisions list --gallery chest --audit duplicates
      lookalike decisions list --gallery chest --decision drop -o csv
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.curation.decisions import list_decisions

    with open_gallery(gallery) as opened:
        result = list_decisions(opened, audit=audit, decision=decision)
    if output != TABLE:
        print_listing(result, result.items, output)
        return
    rows = [["number", "audit", "decision", "records", "about", "value", "before", "by"]]
    for each in result.items:
        told = [each.about or "-", each.value or "-", each.before or "-", each.by or "-"]
        rows.append([str(each.number), each.audit, each.decision, " ".join(each.ids), *told])
    print_table(rows)


@command.command("undo")
@click.argument("number", type=int)
@gallery_option
@json_option
def _undo(number: int, gallery: str, as_json: bool) -> None:
    """Take a decision back, and what it changed, but for what was changed again since.

    \b
    Example:
      lookalike decisions undo 7 --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.curation.decisions import undo_decision

    with open_gallery(gallery) as opened:
        result = undo_decision(opened, number)
        note_command("label", opened, what="decision undone", decision=number)
    if as_json:
        print_json(result)
        return
    print_notes(f"{counted(result.decided, 'decision')} taken back, {counted(result.changed, 'record')} changed.")
