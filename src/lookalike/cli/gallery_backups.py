"""lookalike gallery backup, backups, restore, schedules, verify"""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from lookalike.verbs.backup import BackupInfo


@click.command("backup")
@click.argument("to")
@gallery_option
@json_option
def backup_command(to: str, gallery: str, as_json: bool) -> None:
    """Copy a gallery as of one moment, while it is served and written to.

    TO is a new folder; where there is one already, a new one in it, named by the gallery and the time. The secret key
    is in no backup: lookalike gallery key.

    \b
    Example:
      lookalike gallery backup /backups --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.backup import backup_gallery

    with (
        open_gallery(gallery) as opened,
        interruptible("Nothing is left of the backup; make it again."),
        progress_bar("files") as progress,
    ):
        result = backup_gallery(opened, to, progress=progress)
        note_command("export", opened, backup=result.counts["records"])
    if as_json:
        print_json(result)
        return
    print_notes(
        f"{counted(result.files, 'file')}, {result.bytes / 1e6:.1f} MB, {counted(result.counts['records'], 'record')}: "
        f"{result.folder}",
        *(f"The adapter of {name} is damaged, and not in it." for name in result.lacking),
        *(f"Not in it: {each}." for each in result.outside),
    )


@click.command("backups")
@gallery_option
@listing_option
def backups_command(gallery: str, output: str) -> None:
    """The backups that were made of a gallery, whether they are there, and when each was verified.

    \b
    Example:
      lookalike gallery backups --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.backup import list_backups

    with open_gallery(gallery) as opened:
        result = list_backups(opened)
    if output != TABLE:
        print_listing(result, result.items, output)
    elif result.items:
        print_table([["made", "backup", "verified"], *([_shown(each.created), *_told(each)] for each in result.items)])
    else:
        print_notes("No backup was made from here: lookalike gallery backup.")


def _told(backup: BackupInfo) -> tuple[str, str]:
    """Where a backup is, and what is known of it."""
    if not backup.id:
        return backup.folder, "not complete"
    if backup.verified is None:
        found = "never"
    else:
        found = f"{_shown(backup.verified)} {'sound' if backup.sound else 'DAMAGED'}"
    return backup.folder, found if backup.there else f"{found}; not there now"


@click.command("restore")
@click.argument("source")
@gallery_option
@json_option
def restore_command(source: str, gallery: str, as_json: bool) -> None:
    """Make a new gallery of a backup, which is verified first. Nothing is overwritten.

    \b
    Example:
      lookalike gallery restore /backups/chest-20270131T020000Z --gallery chest2
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.backup import restore_gallery

    with interruptible("Nothing is left of the gallery; restore it again."), progress_bar("files") as progress:
        result = restore_gallery(source, gallery, progress=progress)
    with open_gallery(gallery) as opened:
        note_command("import", opened, restored=result.records)
    if as_json:
        print_json(result)
        return
    print_notes(
        f"{counted(result.records, 'record')} as of {result.created}: {result.folder}",
        *([f"{counted(result.jobs, 'job')} of then are not begun again."] if result.jobs else []),
        *(f"{note[:1].upper()}{note[1:]}." for note in result.notes),
    )


@click.command("verify")
@click.argument("source")
@json_option
def verify_command(source: str, as_json: bool) -> None:
    """Verify a backup to the byte, or whatever in a gallery carries a checksum; a gallery may be in use. Exit code 1
    where something is wrong.

    \b
    Example:
      lookalike gallery verify /backups/chest-20270131T020000Z
      lookalike gallery verify chest
    """
    from lookalike.verbs.backup import verify_gallery

    with progress_bar("files") as progress:
        result = verify_gallery(source, progress=progress)
    if as_json:
        print_json(result)
    elif result.sound:
        print_notes(f"The {result.kind} is sound: {counted(result.files, 'file')}, {result.bytes / 1e6:.1f} MB.")
    else:
        print_table([["where", "what"], *([fault.path, fault.what] for fault in result.faults)])
    if not result.sound:
        sys.exit(1)


@click.command("schedules")
@gallery_option
@listing_option
def schedules_command(gallery: str, output: str) -> None:
    """What the service does again and again in a gallery, and when next: schedules in lookalike.toml.

    \b
    Example:
      lookalike gallery schedules --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.jobs import list_schedules

    with open_gallery(gallery) as opened:
        result = list_schedules(opened)
    if output != TABLE:
        print_listing(result, result.items, output)
    elif result.items:
        rows = [[each.kind, each.when, _shown(each.next), _shown(each.last), each.state or ""] for each in result.items]
        print_table([["job", "when", "next", "last", "result"], *rows])
    else:
        print_notes("Nothing is planned; plan it in lookalike.toml, [schedules]: lookalike config show.")


def _shown(seconds: float | None) -> str:
    """A time by this machine's clock."""
    return "never" if seconds is None else datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="seconds")
