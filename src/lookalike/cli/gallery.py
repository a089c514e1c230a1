"""lookalike gallery: adopt, key, relocate"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click

from lookalike.cli.output import counted, gallery_option, json_option, print_json, print_notes, print_table
from lookalike.text import one_line

if TYPE_CHECKING:
    from lookalike.verbs.gallery import AdoptResult

_FOLDERS: Final = 20  # named at most


@click.group("gallery")
def command() -> None:
    """Keep house in a gallery.

    \b
    Example:
      lookalike gallery adopt chest --root /data/scans
      lookalike gallery relocate /old/scans /new/scans --gallery chest
    """


@command.command("adopt")
@click.argument("gallery")
@click.option("--root", "roots", multiple=True, metavar="DIR", help="A folder whose files it may open (repeat).")
@click.option("--key-file", metavar="FILE", help="The secret key that it was made with (lookalike gallery key).")
@click.option("--encoder", "encoders", multiple=True, metavar="NAME", help="A file or model that it may load.")
@json_option
def _adopt(
    gallery: str, roots: tuple[str, ...], key_file: str | None, encoders: tuple[str, ...], as_json: bool
) -> None:
    """Make a gallery that came from elsewhere, or was made by an earlier version, your own.

    Until then it is read and never written to. Its jobs and API keys are dropped, and of the files that it names only
    those below --root are opened.

    \b
    Example:
      lookalike gallery adopt chest --root /data/scans
      lookalike gallery adopt /shared/chest --key-file chest.key
    """
    from lookalike.verbs import gallery as verbs

    result = verbs.adopt(gallery, root=roots, key_file=key_file, encoder=encoders)
    if as_json:
        print_json(result)
        return
    print_notes(*_adopted(result))
    outside = [each for each in result.folders if each.allowed < each.sources]
    if outside:
        print_table(
            [["files and series", "not allowed", "from"]]
            + [[str(each.sources), str(each.sources - each.allowed), each.folder] for each in outside[:_FOLDERS]]
        )
        print_notes("Allow a folder that is yours: lookalike gallery adopt G --root FOLDER.")


def _adopted(result: AdoptResult) -> Iterator[str]:
    """What has changed, and what has not."""
    if not result.owned:
        yield "The folder may only be read: the gallery is not adopted; the folders that it may open are kept."
        return
    yield "The gallery is yours: it may be written to."
    if result.jobs or result.keys:
        yield (
            f"Dropped: {counted(result.jobs, 'open job')}, which never ran, and {counted(result.keys, 'API key')}, "
            "which count no more; make new ones: lookalike keys add NAME."
        )
    if not result.same_patients:
        yield (
            "Its patients were grouped with another secret key: pictures that you add cannot be matched with those of "
            "the same patient that are here. With that key they can: --key-file FILE."
        )


@command.command("key")
@click.argument("gallery")
@click.option("--out", metavar="FILE", help="A new file for the key, which only you may read.")
@json_option
def _key(gallery: str, out: str | None, as_json: bool) -> None:
    """Show the secret key that a gallery's patients are grouped by: for a backup, and for colleagues who share it.

    \b
    Example:
      lookalike gallery key chest --out chest.key
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs import gallery as verbs

    with open_gallery(gallery) as opened:
        result = verbs.secret_key(opened, out)
    if as_json:
        print_json(result)
    else:
        click.echo(result.key or f"Written to {one_line(result.file)}; who has it can test whose pictures are here.")


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
