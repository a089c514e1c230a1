"""lookalike gallery copy, list, rename"""

from __future__ import annotations

import click

from lookalike.cli.listing import TABLE, listing_option, print_listing
from lookalike.cli.noting import note_command
from lookalike.cli.output import (
    counted,
    gallery_option,
    interruptible,
    json_option,
    print_json,
    print_notes,
    print_table,
    progress_bar,
)
from lookalike.text import one_line


@click.command("list")
@click.argument("folders", nargs=-1)
@listing_option
def list_command(folders: tuple[str, ...], output: str) -> None:
    """The galleries that lie in FOLDERS, or in the working directory.

    \b
    Example:
      lookalike gallery list /data/galleries
    """
    from lookalike.verbs.galleries.places import list_galleries

    result = list_galleries(folders)
    if output != TABLE:
        print_listing(result, result.items, output)
    elif result.items:
        head = ["gallery", "records", "encoder", "yours", "folder"]
        rows = [
            [each.name, str(each.records), each.encoder, "yes" if each.owned else "no, read only", each.folder]
            for each in result.items
            if not each.note
        ]
        if rows:
            print_table([head, *rows])
        print_notes(*(f"{one_line(each.folder)}: {each.note}" for each in result.items if each.note))
    else:
        print_notes(f"No gallery lies in {', '.join(map(one_line, result.folders))}; make one: lookalike index.")


@click.command("rename")
@click.argument("name")
@gallery_option
@json_option
def rename_command(name: str, gallery: str, as_json: bool) -> None:
    """Give a gallery, which nobody has open, another name: NAME is its folder's, beside where it lies now.

    \b
    Example:
      lookalike gallery rename chest-2026 --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.galleries.places import rename_gallery

    result = rename_gallery(gallery, name)
    with open_gallery(result.folder) as opened:
        note_command("change-gallery", opened, what="rename")
    if as_json:
        print_json(result)
        return
    print_notes(
        f"The gallery lies in {one_line(result.folder)} now; its keys, grants and backups are its own as before.",
        "Change what names its folder: lookalike.toml, LOOKALIKE_GALLERY, the units of a service.",
    )


@click.command("copy")
@click.argument("to")
@gallery_option
@json_option
def copy_command(to: str, gallery: str, as_json: bool) -> None:
    """Make another gallery like this one, as of one moment, in the new folder TO.

    Both have one id: API keys count for both. From then on they change apart: who is erased in one stays in the other,
    and the proof of the erasure says so.

    \b
    Example:
      lookalike gallery copy /data/chest-trial --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.galleries.places import copy_gallery

    with (
        open_gallery(gallery) as opened,
        interruptible("Nothing is left of the copy; make it again."),
        progress_bar("files") as progress,
    ):
        result = copy_gallery(opened, to, progress=progress)
        note_command("export", opened, copy=result.records)
    if as_json:
        print_json(result)
        return
    print_notes(
        f"{counted(result.records, 'record')} copied: {one_line(result.folder)}",
        "Who is removed or erased from one of the two stays in the other.",
        *(f"The adapter of {name} is damaged, and not in it." for name in result.lacking),
    )
