"""lookalike readings: adjudicate, agreement, close, give, list, own, readers, remove, rounds, start"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lookalike.cli.listing import TABLE, listing_option, print_listing
from lookalike.cli.noting import command_user, note_command
from lookalike.cli.output import counted, gallery_option, json_option, print_json, print_notes, print_table, seed_option

if TYPE_CHECKING:
    from lookalike.verbs.curation.adjudicate import LabelKappa
    from lookalike.verbs.curation.readings import ReadRecord

_Command = TypeVar("_Command", bound=Callable[..., Any])


@click.group("readings")
def command() -> None:
    """Readers label the same records without seeing each other; how far they agree, and what is decided.

    Whoever may read the gallery's files can see all of it: what keeps readers apart is a service, and their keys.

    \b
    Example:
      lookalike readings start pilot --where label=edema --label edema --reader anna --reader ben --gallery chest
      lookalike readings give pilot 5ef178c836b2cf56 --label effusion --reader anna --gallery chest
      lookalike readings agreement pilot --gallery chest
      lookalike readings adjudicate pilot --agreed --gallery chest
    """


@command.command("start")
@click.argument("round")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@gallery_option
@click.option("--where", metavar="FILTER", help="The records for which this holds.  [default: all]")
@click.option("--label", "labels", multiple=True, metavar="LABEL", help="That there is to choose from (repeatable).")
@click.option("--reader", "readers", multiple=True, metavar="NAME", help="Who reads: two or more (repeatable).")
@json_option
def _start(
    round: str,
    ids: tuple[str, ...],
    gallery: str,
    where: str | None,
    labels: tuple[str, ...],
    readers: tuple[str, ...],
    as_json: bool,
) -> None:
    """Ask readers to read records, by their ids or a filter; all of them without either.

    \b
    Example:
      lookalike readings start pilot --where label=edema --label edema --reader anna --reader ben --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.curation.readings import start_round

    with open_gallery(gallery) as opened:
        result = start_round(opened, round, ids, where=where, labels=labels, readers=readers, by=command_user() or "")
        note_command("label", opened, ids, what="readings started")
    if as_json:
        print_json(result)
        return
    print_notes(
        f"{counted(result.records, 'record')} to be read by {', '.join(each.reader for each in result.readers)}."
    )


@command.command("close")
@click.argument("round")
@gallery_option
@json_option
def _close(round: str, gallery: str, as_json: bool) -> None:
    """End the reading of a round: nobody reads in it any more, and its readers may see what all said.

    \b
    Example:
      lookalike readings close pilot --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.curation.readings import close_round

    with open_gallery(gallery) as opened:
        result = close_round(opened, round)
        note_command("label", opened, what="readings closed")
    if as_json:
        print_json(result)
        return
    print_notes(f"The round {result.round} is closed.")


def _reader_option(command: _Command) -> _Command:
    return click.option("--reader", metavar="NAME", help="Whose reading it is.  [default: who runs the command]")(
        command
    )


@command.command("give")
@click.argument("round")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@gallery_option
@click.option("--label", "labels", multiple=True, metavar="LABEL", help="What they show (repeatable); none: nothing.")
@_reader_option
@json_option
def _give(
    round: str, ids: tuple[str, ...], gallery: str, labels: tuple[str, ...], reader: str | None, as_json: bool
) -> None:
    """Say in a round what records show; the labels that count stay as they are.

    \b
    Example:
      lookalike readings give pilot 5ef178c836b2cf56 --label effusion --reader anna --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.curation.readings import give_readings

    with open_gallery(gallery) as opened:
        result = give_readings(opened, round, ids, labels=labels, reader=reader or command_user())
        note_command("label", opened, ids, what="reading")
    if as_json:
        print_json(result)
        return
    print_notes(f"{counted(result.records, 'record')} read in the round {result.round}.")


@command.command("own")
@click.argument("round")
@gallery_option
@_reader_option
@listing_option
def _own(round: str, gallery: str, reader: str | None, output: str) -> None:
    """What one reader has said in a round.

    \b
    Example:
      lookalike readings own pilot --reader anna --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.curation.readings import own_readings

    with open_gallery(gallery) as opened:
        result = own_readings(opened, round, reader=reader or command_user())
    if output != TABLE:
        print_listing(result, result.items, output)
        return
    print_table([["id", "labels"], *([each.id, ", ".join(each.labels) or "-"] for each in result.items)])


@command.command("readers")
@gallery_option
@listing_option
def _list_readers(gallery: str, output: str) -> None:
    """Who may be asked to read: keys that may label and have not expired, and who was asked before.

    \b
    Example:
      lookalike readings readers --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.curation.readings import list_readers

    with open_gallery(gallery) as opened:
        result = list_readers(opened)
    if output != TABLE:
        print_listing(result, result.items, output)
        return
    rows = [["reader", "key", "rounds"]]
    rows += [[each.reader, each.role or "-", str(each.rounds)] for each in result.items]
    print_table(rows)


@command.command("rounds")
@gallery_option
@listing_option
def _rounds(gallery: str, output: str) -> None:
    """The rounds that there are, and how far their readers are.

    \b
    Example:
      lookalike readings rounds --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.curation.readings import list_rounds

    with open_gallery(gallery) as opened:
        result = list_rounds(opened)
    if output != TABLE:
        print_listing(result, result.items, output)
        return
    rows = [["round", "records", "read", "decided", "state"]]
    for each in result.items:
        read = ", ".join(f"{one.reader} {one.read}/{one.asked}" for one in each.readers)
        rows.append(
            [each.round, str(each.records), read, str(each.decided), "open" if each.closed is None else "closed"]
        )
    print_table(rows)


@command.command("list")
@click.argument("round")
@gallery_option
@listing_option
def _list(round: str, gallery: str, output: str) -> None:
    """Every reading of a round, and what was decided.

    \b
    Example:
      lookalike readings list pilot --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.curation.readings import list_readings

    with open_gallery(gallery) as opened:
        result = list_readings(opened, round)
    if output != TABLE:
        print_listing(result, result.items, output)
        return
    _print_round(result.readers, result.items)


def _print_round(readers: tuple[str, ...], items: tuple[ReadRecord, ...]) -> None:
    rows = [["id", *readers, "decided", "by"]]
    for each in items:
        said = {one.reader: ", ".join(one.labels) or "nothing" for one in each.readings}
        decided = "-" if each.decided is None else ", ".join(each.decided) or "nothing"
        rows.append([each.id, *(said.get(reader, "-") for reader in readers), decided, each.by or "-"])
    print_table(rows)


@command.command("agreement")
@click.argument("round")
@gallery_option
@seed_option
@json_option
def _agreement(round: str, gallery: str, seed: int, as_json: bool) -> None:
    """How far the readers of a round agree beyond chance: Cohen's kappa by label, of three and more Fleiss', too.

    \b
    Example:
      lookalike readings agreement pilot --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.curation.adjudicate import reading_agreement

    with open_gallery(gallery) as opened:
        result = reading_agreement(opened, round, seed=seed)
    if as_json:
        print_json(result)
        return
    rows = [["readers", "records", "label", "first", "second", "agreed", "kappa", "95 %"]]
    for pair in result.pairs:
        rows += [[" and ".join(pair.readers), str(pair.records), *_cells(each)] for each in pair.labels]
    rows += [["all", str(result.together), *_cells(each)] for each in result.fleiss]
    print_table(rows)
    print_notes(*result.notes)


def _cells(each: LabelKappa) -> list[str]:
    found = each.kappa
    value = "-" if found.kappa is None else f"{found.kappa:.2f}"
    between = "-" if found.low is None or found.high is None else f"{found.low:.2f} to {found.high:.2f}"
    return [each.label or "all", f"{each.first:g}", f"{each.second:g}", f"{found.agreed:.2f}", value, between]


@command.command("adjudicate")
@click.argument("round")
@click.argument("ids", nargs=-1, metavar="ID...")
@gallery_option
@click.option("--label", "labels", multiple=True, metavar="LABEL", help="What they show (repeatable); none: nothing.")
@click.option("--agreed", is_flag=True, help="Instead of ids: whatever all readers of a record say.")
@json_option
def _adjudicate(
    round: str, ids: tuple[str, ...], gallery: str, labels: tuple[str, ...], agreed: bool, as_json: bool
) -> None:
    """Decide what records of a round show, once two have read them; from then on these labels count.

    \b
    Example:
      lookalike readings adjudicate pilot --agreed --gallery chest
      lookalike readings adjudicate pilot 5ef178c836b2cf56 --label effusion --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.curation.adjudicate import adjudicate

    with open_gallery(gallery) as opened:
        by = command_user() or "command line"
        result = adjudicate(opened, round, ids, labels=labels, agreed=agreed, by=by)
        note_command("label", opened, ids, what="adjudication", change=result.change or 0)
    if as_json:
        print_json(result)
        return
    undo = "" if result.change is None else f" lookalike records undo {result.change} takes the labels back."
    print_notes(f"Decided of {counted(result.records, 'record')} in the round {result.round}.{undo}")


@command.command("remove")
@click.argument("round")
@gallery_option
@json_option
def _remove(round: str, gallery: str, as_json: bool) -> None:
    """Remove a round with all of its readings; labels that were decided stay.

    \b
    Example:
      lookalike readings remove pilot --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.curation.readings import remove_readings

    with open_gallery(gallery) as opened:
        result = remove_readings(opened, round)
        note_command("label", opened, what="readings removed")
    if as_json:
        print_json(result)
        return
    print_notes(f"{counted(result.removed, 'reading')} removed.")
