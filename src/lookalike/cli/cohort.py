"""lookalike cohort: combine, export, list, remove, save, show, split"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import click

from lookalike.cli.cohort_export import export_cohort_command
from lookalike.cli.listing import TABLE, listing_option, print_listing
from lookalike.cli.noting import note_command
from lookalike.cli.output import (
    counted,
    gallery_option,
    json_option,
    print_json,
    print_notes,
    print_table,
    progress_bar,
    seed_option,
)

if TYPE_CHECKING:
    from lookalike.verbs.cohorts.cohorts import CohortChanges, CohortSaved
    from lookalike.verbs.cohorts.split import CohortSplit

_BY: Final = "command line"
_SHOWN: Final = 10  # ids of a list of changes
_replace_option = click.option("--replace", is_flag=True, help="Give a cohort of that name another definition.")


def _shares(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[float, ...]:
    """Three numbers; percentages, too."""
    try:
        given = tuple(float(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r} is no list of shares such as 0.7,0.15,0.15") from None
    return tuple(each / 100 for each in given) if sum(given) > 2 else given


@click.group("cohort")
def command() -> None:
    """Records chosen by a filter, a search or by hand, saved by name.

    \b
    Example:
      lookalike cohort save effusions --where label=effusion --gallery chest
      lookalike cohort split effusions --sizes 70,15,15 --gallery chest
      lookalike cohort show effusions --gallery chest
    """


@command.command("save")
@click.argument("name")
@gallery_option
@click.option("--every", is_flag=True, help="Every record.")
@click.option("--where", metavar="FILTER", help="The records for which this holds; of a search those that may answer.")
@click.option("--id", "ids", multiple=True, metavar="ID", help="These records (repeatable).")
@click.option("--table", metavar="TABLE.csv", help="Or those that the column id of a table names.")
@click.option("--like", multiple=True, metavar="ID", help="The most similar to these records (repeatable).")
@click.option("--text", help="The most similar to a text.")
@click.option("-k", default=100, show_default=True, help="With --like and --text: how many.")
@click.option("--space", default="base", show_default=True, help="With --like and --text: base, or an adapter's name.")
@_replace_option
@json_option
def _save(name: str, gallery: str, as_json: bool, **options: Any) -> None:
    """Save records by name, with what chose them; without anything that chooses, evaluate that again.

    \b
    Example:
      lookalike cohort save effusions --where 'label=effusion and PatientAge>=60' --gallery chest
      lookalike cohort save alike --like 5ef178c836b2cf56 -k 50 --gallery chest
      lookalike cohort save effusions --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.cohorts.cohorts import save_cohort

    with open_gallery(gallery) as opened:
        saved = save_cohort(opened, name, **options, by=_BY)
        note_command("change-gallery", opened, what="cohort", version=saved.cohort.version)
    _print_saved(saved, as_json)


@command.command("combine")
@click.argument("name")
@gallery_option
@click.option("--all-of", multiple=True, metavar="NAME", help="Records that are in this cohort (repeatable: in all).")
@click.option("--any-of", multiple=True, metavar="NAME", help="And in this one, or another one of these (repeatable).")
@click.option("--none-of", multiple=True, metavar="NAME", help="And not in this one (repeatable).")
@_replace_option
@json_option
def _combine(name: str, gallery: str, as_json: bool, **options: Any) -> None:
    """Save the records that are in all of some cohorts, in any of others, and in none of others.

    \b
    Example:
      lookalike cohort combine old-effusions --all-of effusions --all-of old --none-of seen --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.cohorts.cohorts import combine_cohorts

    with open_gallery(gallery) as opened:
        saved = combine_cohorts(opened, name, **options, by=_BY)
        note_command("change-gallery", opened, what="cohort", version=saved.cohort.version)
    _print_saved(saved, as_json)


@command.command("list")
@gallery_option
@listing_option
def _list(gallery: str, output: str) -> None:
    """List the cohorts.

    \b
    Example:
      lookalike cohort list --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.cohorts.cohorts import list_cohorts

    with open_gallery(gallery) as opened:
        found = list_cohorts(opened)
    if output != TABLE:
        print_listing(found, found.items, output)
        return
    rows = [["name", "version", "records", "split", "changed", "definition"]]
    for each in found.items:
        changed = datetime.fromtimestamp(each.changed).astimezone().strftime("%Y-%m-%d %H:%M")
        parts = ", ".join(f"{part} {count}" for part, count in each.parts.items()) or "-"
        rows.append([each.name, str(each.version), str(each.members), parts, changed, each.definition])
    print_table(rows)


@command.command("show")
@click.argument("name")
@gallery_option
@click.option("--limit", default=50, show_default=True, help="How many members at most; 0: all.")
@listing_option
def _show(name: str, gallery: str, limit: int, output: str) -> None:
    """Show a cohort and its members, and what its definition gives now other than what was saved.

    \b
    Example:
      lookalike cohort show effusions --gallery chest
      lookalike cohort show effusions --limit 0 --output csv --gallery chest > effusions.csv
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.cohorts.cohorts import show_cohort

    with open_gallery(gallery) as opened:
        found = show_cohort(opened, name, limit=limit)
    if output != TABLE:
        print_listing(found, found.items, output)
        return
    cohort = found.cohort
    print_notes(f"{cohort.name}, version {cohort.version} ({cohort.digest}): {cohort.definition}")
    rows = [[each.id, ", ".join(each.labels) or "-", each.part or "-"] for each in found.items]
    print_table([["id", "labels", "part"], *rows])
    if len(found.items) < cohort.members:
        print_notes(f"The first {len(found.items)} of {counted(cohort.members, 'record')}; --limit 0 shows all.")
    print_notes(*filter(None, [found.note]), *([] if found.changes is None else _changed(found.changes)))


@command.command("split")
@click.argument("name")
@gallery_option
@click.option(
    "--sizes",
    default="0.7,0.15,0.15",
    show_default=True,
    callback=_shares,
    help="The shares of train, val and test; percentages, too.",
)
@click.option("--field", default="label", show_default=True, help="What the parts are to be alike in.")
@seed_option
@json_option
def _split(name: str, gallery: str, as_json: bool, **options: Any) -> None:
    """Divide a cohort into train, val and test: no patient and no near-duplicate is in two of them.

    The same files give the same parts, in another gallery too.

    \b
    Example:
      lookalike cohort split effusions --gallery chest
      lookalike cohort split effusions --sizes 80,0,20 --field ViewPosition --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.cohorts.split import split_cohort

    with open_gallery(gallery) as opened, progress_bar("pictures", "compare") as progress:
        found = split_cohort(opened, name, **options, progress=progress)
        note_command("change-gallery", opened, what="cohort", version=found.cohort.version)
    if as_json:
        print_json(found)
    else:
        _print_split(found)


command.add_command(export_cohort_command)


@command.command("remove")
@click.argument("name")
@gallery_option
@json_option
def _remove(name: str, gallery: str, as_json: bool) -> None:
    """Remove a cohort; its records stay.

    \b
    Example:
      lookalike cohort remove effusions --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.cohorts.cohorts import remove_cohort

    with open_gallery(gallery) as opened:
        removed = remove_cohort(opened, name)
        note_command("change-gallery", opened, what="cohort", removed=removed.members)
    if as_json:
        print_json(removed)
    else:
        print_notes(f"The cohort {removed.name} is removed; its {counted(removed.members, 'record')} stay.")


def _print_saved(saved: CohortSaved, as_json: bool) -> None:
    if as_json:
        print_json(saved)
        return
    cohort = saved.cohort
    print_notes(f"{cohort.name}, version {cohort.version}: {counted(cohort.members, 'record')} ({cohort.definition}).")
    if saved.changes is not None:
        print_notes(*_changed(saved.changes))


def _changed(changes: CohortChanges) -> list[str]:
    """What changed, in sentences."""
    if changes.same:
        return ["The definition gives the same members with the same labels as were saved."]
    told = [
        f"{len(ids)} {what}: {', '.join(ids[:_SHOWN])}{' ...' if len(ids) > _SHOWN else ''}"
        for what, ids in (("added", changes.added), ("removed", changes.removed))
        if ids
    ]
    told += [f"{each.id}: {_labels(each.before)} -> {_labels(each.after)}" for each in changes.relabelled[:_SHOWN]]
    if (left := len(changes.relabelled) - _SHOWN) > 0:
        told.append(f"{left} more have other labels.")
    if changes.erased:
        told.append(f"{counted(changes.erased, 'record')} erased from the gallery since.")
    return told


def _labels(labels: tuple[str, ...]) -> str:
    return ", ".join(labels) or "no label"


def _print_split(found: CohortSplit) -> None:
    rows = [["part", "asked", "got", "records", "patients"]]
    rows += [
        [each.part, f"{each.asked:.1%}", f"{each.got:.1%}", str(each.records), str(each.patients)]
        for each in found.parts
    ]
    print_table(rows)
    names = [each.part for each in found.parts if each.asked]
    shares = [[found.field, "records", "cohort", *names]]
    shares += [
        [each.value, str(each.records), f"{each.share:.1%}", *(_share(each.parts.get(name)) for name in names)]
        for each in found.values
    ]
    print_table(shares)
    print_notes(
        f"{counted(found.groups, 'group')} placed whole, the largest of {counted(found.largest, 'record')}. "
        f"{counted(found.duplicates, 'near-duplicate pair')}, {found.of_others} of them not of one patient. On two "
        f"sides: {counted(found.patients_across, 'patient')}, {counted(found.duplicates_across, 'pair')}. "
        f"Stratification error {100 * found.error:.1f} points. Members and parts: {found.cohort.digest}.",
        *found.notes,
    )


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
