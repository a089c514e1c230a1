"""lookalike gallery merge"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click

from lookalike.cli.noting import note_command
from lookalike.cli.output import counted, interruptible, json_option, print_json, print_notes, print_table, progress_bar
from lookalike.text import one_line

if TYPE_CHECKING:
    from lookalike.verbs.galleries.merge import MergeResult

_SHOWN: Final = 10  # records that were left out, or differ; all are in --json


@click.command("merge")
@click.argument("galleries", nargs=-1, required=True)
@click.option("--into", required=True, metavar="GALLERY", help="The gallery that they are merged into, new or there.")
@json_option
def merge_command(galleries: tuple[str, ...], into: str, as_json: bool) -> None:
    """Bring the records of some GALLERIES into one, as if their files had been indexed into it.

    Every file is read again, since galleries name patients by keys of their own; vectors of the same encoder are taken
    over. Of a record in two of them the gallery named first counts, and a person's labels before a table's. What cannot
    be read again is listed.

    \b
    Example:
      lookalike gallery merge north south --into both
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.galleries.merge import merge_galleries

    with (
        interruptible("What was brought along is kept; run the same command again to go on."),
        progress_bar("files") as progress,
    ):
        result = merge_galleries(galleries, into, progress=progress)
    with open_gallery(into) as opened:
        note_command("import", opened, what="merge", added=result.added, galleries=len(galleries))
    if as_json:
        print_json(result)
        return
    print_notes(*_told(result))
    if result.left_out:
        rows = [[each.gallery, each.id, each.reason, one_line(each.source)] for each in result.left_out[:_SHOWN]]
        print_table([["left out of", "record", "reason", "from"], *rows])
    if result.labels_differ:
        rows = [[each.id, "|".join(each.labels), "|".join(each.other)] for each in result.labels_differ[:_SHOWN]]
        print_table([["record", "label that counts", "other label"], *rows])


def _told(result: MergeResult) -> Iterator[str]:
    """What came, and what did not."""
    yield (
        f"{result.added} records added, {result.there} were there, in {result.seconds:.1f} s; "
        f"{counted(result.reused, 'vector')} taken over, {result.encoded} made anew. "
        f"The gallery holds {result.records} records."
    )
    if result.left_out:
        reasons = Counter(each.reason for each in result.left_out)
        yield f"Left out: {', '.join(f'{many} {reason}' for reason, many in reasons.items())} (docs/merge.md)."
    if result.labels_differ:
        yield (
            f"Labels differ of {counted(len(result.labels_differ), 'record')}: the other ones stand in the round "
            "merge of lookalike readings list."
        )
    if result.patients_differ or result.attributes_differ:
        yield (
            f"Kept as in the gallery named first: the patient of {counted(result.patients_differ, 'record')}, "
            f"attributes of {result.attributes_differ}."
        )
    brought = {"reading": result.readings, "decision": result.decisions, "report": result.reports}
    if told := [counted(count, what) for what, count in brought.items() if count]:
        yield f"{', '.join(told)} brought along."
    for each in result.cohorts:
        named = f", called {each.merged_as} here" if each.merged_as != each.name else ""
        note = f"; {each.note}" if each.note else ""
        yield f"Cohort {each.name} of {each.gallery}: {counted(each.members, 'member')}{named}{note}."
    yield from (f"{note[:1].upper()}{note[1:]}." for note in result.notes)
