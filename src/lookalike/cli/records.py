"""lookalike records: export, import, label, list, log, next, remove, report, show, study, timeline, undo"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

import click

from lookalike.cli.listing import TABLE, listing_option, print_listing
from lookalike.cli.noting import note_command
from lookalike.cli.output import counted, gallery_option, json_option, print_json, print_notes, print_table
from lookalike.cli.records_export import export_command
from lookalike.cli.records_next import next_command

if TYPE_CHECKING:
    from lookalike.erasing import Removed
    from lookalike.verbs.curation.labelling import Changed
    from lookalike.verbs.records import RecordInfo

_BY: Final = "command line"


@click.group("records")
def command() -> None:
    """Label and remove records, and look at or undo what was labelled.

    \b
    Example:
      lookalike records label 5ef178c836b2cf56 --set effusion --gallery chest
      lookalike records log --gallery chest
      lookalike records undo --gallery chest
    """


command.add_command(export_command)
command.add_command(next_command)


@command.command("list")
@gallery_option
@click.option("--where", metavar="FILTER", help="Only records for which this holds, e.g. 'label=effusion'.")
@click.option("--limit", default=50, show_default=True, help="How many at most; 0: all.")
@click.option(
    "--order",
    metavar="FIELD",
    default="indexed",
    show_default=True,
    help="indexed, label, source, patient or a field; -FIELD: the other way round.",
)
@click.option("--field", "fields", multiple=True, metavar="NAME", help="Show this field too (repeatable).")
@listing_option
def _list(gallery: str, where: str | None, limit: int, order: str, fields: tuple[str, ...], output: str) -> None:
    """List records: ids, labels and where they came from; as csv or json with every field.

    \b
    Example:
      lookalike records list --gallery chest --where 'label=effusion' --field PatientAge
      lookalike records list --gallery chest --limit 0 --output csv > records.csv
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.records import list_records

    with open_gallery(gallery) as opened:
        result = list_records(opened, where=where, limit=limit, order=order)
    if output != TABLE:
        print_listing(result, result.items, output)
        return
    head = ["id", "labels", "slices", *fields, "source"]
    print_table([head, *(_cells(each, fields) for each in result.items)])
    if result.next_cursor:
        print_notes(f"The first {counted(len(result.items), 'record')}; --limit 0 lists all.")


def _cells(record: RecordInfo, fields: Sequence[str]) -> list[str]:
    told = [str(record.attributes.get(name, "-")) for name in fields]
    return [record.id, ", ".join(record.labels) or "-", str(record.depth), *told, record.source]


@command.command("show")
@click.argument("id", metavar="ID")
@gallery_option
@json_option
def _show(id: str, gallery: str, as_json: bool) -> None:
    """Everything that the gallery knows of a record but its report.

    \b
    Example:
      lookalike records show 5ef178c836b2cf56 --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.records import record_info

    with open_gallery(gallery) as opened:
        found = record_info(opened, id)
    if as_json:
        print_json(found)
        return
    told = {"labels": ", ".join(found.labels) or "-", "source": found.source, "frame": found.frame}
    told |= {"slices": found.depth, "patient": found.patient or "-", "study": found.study_id}
    told |= {"series": found.series_id, "day": "-" if found.day is None else found.day}
    fields = {name: f"{value:g}" if isinstance(value, float) else value for name, value in found.attributes.items()}
    print_table([["id", found.id], *([name, str(value)] for name, value in {**told, **fields}.items())])


@command.command("import")
@click.argument("table", metavar="TABLE.csv")
@gallery_option
@json_option
def _import(table: str, gallery: str, as_json: bool) -> None:
    """Set the labels of records as a table says, by its columns id and labels; undone like any change of labels.

    Several labels of a record stand with | between, as lookalike records list --output csv writes them.

    \b
    Example:
      lookalike records import labels.csv --gallery chest
      lookalike records list --gallery chest --limit 0 --output csv > labels.csv
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.curation import labelling

    with open_gallery(gallery) as opened:
        result = labelling.import_labels(opened, table, by=_BY)
        note_command("label", opened, change=result.change or 0, changed=result.changed)
    _print_changed(result, as_json)


@command.command("label")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@gallery_option
@click.option("--set", "set_", multiple=True, metavar="LABEL", help="Instead of the labels there are (repeatable).")
@click.option("--add", multiple=True, metavar="LABEL", help="Add a label (repeatable).")
@click.option("--remove", multiple=True, metavar="LABEL", help="Remove a label (repeatable).")
@json_option
def _label(
    ids: tuple[str, ...],
    gallery: str,
    set_: tuple[str, ...],
    add: tuple[str, ...],
    remove: tuple[str, ...],
    as_json: bool,
) -> None:
    """Set, add or remove labels of records, by their ids.

    From then on no label table changes the labels of these records, unless index is told --overwrite-labels.

    \b
    Example:
      lookalike records label 5ef178c836b2cf56 --add effusion --remove no_finding --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.curation import labelling

    with open_gallery(gallery) as opened:
        result = labelling.label(opened, ids, set=set_ or None, add=add, remove=remove, by=_BY)
        note_command("label", opened, ids, change=result.change or 0)
    _print_changed(result, as_json)


@command.command("report")
@click.argument("id", metavar="ID")
@gallery_option
@json_option
def _report(id: str, gallery: str, as_json: bool) -> None:
    """Show the words of a record's report, which are a patient's.

    \b
    Example:
      lookalike records report 5ef178c836b2cf56 --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.records import read_report

    with open_gallery(gallery) as opened:
        found = read_report(opened, id)
        note_command("look", opened, [found.id], what="report")
    if as_json:
        print_json(found)
        return
    print_notes(*(found.text.splitlines() or ["This record has no report."]))


@command.command("study")
@click.argument("id", metavar="ID")
@gallery_option
@listing_option
def _study(id: str, gallery: str, output: str) -> None:
    """List the records of a record's study.

    \b
    Example:
      lookalike records study 5ef178c836b2cf56 --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.records import study_records

    with open_gallery(gallery) as opened:
        found = study_records(opened, id)
    if output != TABLE:
        print_listing(found, found.items, output)
        return
    rows = [["id", "labels", "slices", "source"]]
    rows += [[each.id, ", ".join(each.labels) or "-", str(each.depth), each.source] for each in found.items]
    print_table(rows)


@command.command("timeline")
@click.argument("id", metavar="ID")
@gallery_option
@click.option("--like", metavar="ID", help="Compare the studies with this record, by default with the record itself.")
@click.option("--space", default="base", show_default=True, help="base, or the name of an adapter.")
@click.option("-k", default=100, show_default=True, help="How many studies at most, the most similar.")
@listing_option
def _timeline(id: str, gallery: str, like: str | None, space: str, k: int, output: str) -> None:
    """The studies of a record's patient in the order of time.

    Each with its record that is most similar; days are counted from the patient's first study in the gallery.

    \b
    Example:
      lookalike records timeline 5ef178c836b2cf56 --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.timeline import timeline

    with open_gallery(gallery) as opened:
        result = timeline(opened, id, like=like, space=space, k=k)
    if output != TABLE:
        print_listing(result, result.studies, output)
        return
    rows = [["day", "study", "records", "kinds", "labels", "nearest", "score"]]
    for each in result.studies:
        day = "-" if each.day is None else str(each.day)
        said = ", ".join(each.kinds) or "-", ", ".join(each.labels) or "-"
        rows.append([day, each.study_id, str(each.records), *said, each.nearest, f"{each.score:.4f}"])
    print_table(rows)
    if any(each.day is None for each in result.studies):
        print_notes("A study of no known day stands at the end.")


@command.command("undo")
@click.argument("change", type=int, required=False)
@gallery_option
@json_option
def _undo(change: int | None, gallery: str, as_json: bool) -> None:
    """Undo a change of labels, by its number in the log; the last one without a number.

    \b
    Example:
      lookalike records undo --gallery chest
      lookalike records undo 12 --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.curation import labelling

    with open_gallery(gallery) as opened:
        result = labelling.undo_labels(opened, change)
        note_command("label", opened, undone=result.change or 0)
    _print_changed(result, as_json, undone=True)


@command.command("log")
@gallery_option
@click.option("--limit", default=50, show_default=True, help="How many changes, the newest first.")
@listing_option
def _log(gallery: str, limit: int, output: str) -> None:
    """The changes of labels that persons made, and tables that overwrote them.

    \b
    Example:
      lookalike records log --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.curation import labelling

    with open_gallery(gallery) as opened:
        result = labelling.label_log(opened, limit=limit)
    if output != TABLE:
        print_listing(result, result.items, output)
        return
    rows = [["change", "when", "by", "what", "records", "added", "removed"]]
    for each in result.items:
        when = datetime.fromtimestamp(each.time).astimezone().strftime("%Y-%m-%d %H:%M")
        what = f"{each.action}, undone" if each.undone else each.action
        labels = "|".join(each.added) or "-", "|".join(each.removed) or "-"
        rows.append([str(each.number), when, each.by or "-", what, str(each.records), *labels])
    print_table(rows)


@command.command("remove")
@click.argument("ids", nargs=-1, metavar="ID...")
@gallery_option
@click.option("--patient", metavar="GROUP", help="Every record of a patient group, whose hash stands in each of them.")
@json_option
def _remove(ids: tuple[str, ...], gallery: str, patient: str | None, as_json: bool) -> None:
    """Remove records everywhere, by their ids or their patient; never the original files.

    \b
    Example:
      lookalike records remove 5ef178c836b2cf56 --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs import records

    with open_gallery(gallery) as opened:
        removed = records.remove(opened, ids, patient=patient)
        note_command("erase", opened, ids, [patient] if patient else [], removed=removed.records)
    _print_removed(removed, as_json)


def _print_removed(removed: Removed, as_json: bool) -> None:
    if as_json:
        print_json(removed)
    elif removed.erased:
        left = f", nor in its tables; not looked into: {removed.beyond}" if removed.beyond else ""
        print_notes(f"{counted(removed.records, 'record')} removed; no trace is left in the gallery's folder{left}.")
    else:
        print_notes(
            f"{counted(removed.records, 'record')} removed. Another process still reads an earlier state: the last "
            "traces go when it has ended and a server runs, or when the next record is removed."
        )


def _print_changed(result: Changed, as_json: bool, *, undone: bool = False) -> None:
    if as_json:
        print_json(result)
    elif result.change is None:
        print_notes("Nothing to change: the records have these labels already.")
    elif undone:
        print_notes(f"Change {result.change} is undone: {counted(result.changed, 'record')} changed.")
    else:
        print_notes(
            f"{counted(result.changed, 'record')} changed. Change {result.change}: lookalike records undo "
            f"{result.change} takes it back."
        )
