"""lookalike gallery: relocate"""

from __future__ import annotations

import click

from lookalike.cli.output import counted, gallery_option, json_option, print_json, print_notes
from lookalike.text import one_line


@click.group("gallery")
def command() -> None:
    """Keep house in a gallery.

    \b
    Example:
      lookalike gallery relocate /old/scans /new/scans --gallery chest
    """


@command.command("relocate")
@click.argument("old")
@click.argument("new")
@gallery_option
@json_option
def _relocate(old: str, new: str, gallery: str, as_json: bool) -> None:
    """Tell a gallery that the files below OLD lie below NEW now.

    Only where a file is at the new place; nothing is read again. Indexing the new folder does the same for what it
    finds there.

    \b
    Example:
      lookalike gallery relocate /mnt/disk1/scans /data/scans --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs import gallery as verbs

    with open_gallery(gallery) as opened:
        result = verbs.relocate(opened, old, new)
    if as_json:
        print_json(result)
        return
    print_notes(f"{counted(result.relocated, 'file')} relocated, {result.missing} not: nothing is at the new place.")
    for each in result.first_missing:
        click.echo(f"  {one_line(each.source)}")
