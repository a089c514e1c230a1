"""lookalike gallery: adopt, backup, backups, copy, info, key, list, merge, migrate, relocate, ..."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click

from lookalike.cli import gallery_backups, gallery_merge, gallery_places
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

if TYPE_CHECKING:
    from lookalike.verbs.gallery import AdoptResult, GalleryInfo
    from lookalike.verbs.migrate import MigrateResult

_FOLDERS: Final = 20  # named at most
_IDENTITY: Final = {
    True: "linked: UIDs, accession numbers and dates are kept, encrypted",
    False: "anonymous: no UID, accession number or date is kept",
}


@click.group("gallery")
def command() -> None:
    """Keep house in a gallery.

    \b
    Example:
      lookalike gallery adopt chest --root /data/scans
      lookalike gallery relocate /old/scans /new/scans --gallery chest
    """


for _each in (
    gallery_backups.backup_command,
    gallery_backups.backups_command,
    gallery_backups.restore_command,
    gallery_backups.schedules_command,
    gallery_backups.verify_command,
    gallery_places.copy_command,
    gallery_places.list_command,
    gallery_merge.merge_command,
    gallery_places.rename_command,
):
    command.add_command(_each)


@command.command("adopt")
@click.argument("gallery")
@click.option(
    "--root", "roots", multiple=True, metavar="DIR", help="A folder, or s3://BUCKET, that it may read (repeat)."
)
@click.option("--key-file", metavar="FILE", help="The secret key that it was made with (lookalike gallery key).")
@click.option("--encoder", "encoders", multiple=True, metavar="NAME", help="A file or model that it may load.")
@click.option("--store", metavar="URL", help="The PostgreSQL that its records are in: postgresql://USER@HOST/DATABASE.")
@json_option
def _adopt(
    gallery: str,
    roots: tuple[str, ...],
    key_file: str | None,
    encoders: tuple[str, ...],
    store: str | None,
    as_json: bool,
) -> None:
    """Make a gallery that came from elsewhere, or was made by an earlier version, your own.

    Until then it is read and never written to. Its jobs and API keys are dropped, and of the files that it names only
    those below --root are opened.

    \b
    Example:
      lookalike gallery adopt chest --root /data/scans
      lookalike gallery adopt /shared/chest --key-file chest.key
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs import gallery as verbs

    result = verbs.adopt(gallery, root=roots, key_file=key_file, encoder=encoders, store=store)
    with open_gallery(gallery) as opened:
        note_command("change-gallery", opened, what="adopt", folders=len(roots))
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
    if result.engine:
        yield (
            f"It named the index engine {one_line(result.engine)}, which is not asked; if it is yours: "
            f"lookalike index SOURCES --gallery G --engine {one_line(result.engine)}"
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
        note_command("export", opened, what="key")
    if as_json:
        print_json(result)
    else:
        click.echo(result.key or f"Written to {one_line(result.file)}; who has it can test whose pictures are here.")


@command.command("info")
@gallery_option
@json_option
def _info(gallery: str, as_json: bool) -> None:
    """Say what a gallery holds, which encoder answers, and which encoder's vectors are kept beside.

    \b
    Example:
      lookalike gallery info --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs import gallery as verbs

    with open_gallery(gallery) as opened:
        result = verbs.gallery_info(opened)
    if as_json:
        print_json(result)
        return
    print_table(
        [
            ["gallery", result.name],
            ["records", f"{result.records}, {counted(result.refused, 'refused file')}"],
            ["store", result.store or "a file in its folder"],
            ["studies", f"{result.studies} known, {counted(result.reports, 'record')} with a report"],
            ["encoder", f"{result.encoder.name}, {result.encoder.dim} numbers a vector"],
            ["spaces", ", ".join(space.name for space in result.spaces if space.answers)],
            ["fields", ", ".join(["label", *(each.name for each in result.fields)])],
            ["regions", "patches are kept" if result.patches else "no patches are kept"],
            ["identity", _IDENTITY[result.linked]],
        ]
    )
    print_notes(*_told(result))


def _told(result: GalleryInfo) -> Iterator[str]:
    """What is to be done, or could be."""
    from lookalike.verbs.gallery import beside_sentence, encoder_sentence

    sentences = [encoder_sentence(result.encoder.name, result.better)] if result.better else []
    if result.beside is not None:
        sentences.append(beside_sentence(result.beside, result.records))
    yield from (f"{sentence[:1].upper()}{sentence[1:]}." for sentence in sentences)
    if result.without_vectors:
        yield (
            f"{counted(result.without_vectors, 'record')} were left out of answers by a migration: bring their files "
            "back and run lookalike index on them."
        )
    if refused := [space.name for space in result.spaces if not space.answers]:
        yield f"Trained on another encoder's vectors, and refused until trained anew: {', '.join(refused)}."


@command.command("migrate")
@gallery_option
@click.option("--encoder", metavar="NAME", help="Encode every record with it, then let its vectors answer.")
@click.option("--back", is_flag=True, help="Let the encoder of before answer again.")
@click.option("--drop", is_flag=True, help="Remove the vectors that do not answer: of before, or of an unfinished run.")
@click.option("--without-missing", is_flag=True, help="Switch without the records whose files cannot be read again.")
@click.option("--store", metavar="URL|sqlite", help="Move the records: into a PostgreSQL, or a file in the folder.")
@json_option
def _migrate(
    gallery: str, encoder: str | None, back: bool, drop: bool, without_missing: bool, store: str | None, as_json: bool
) -> None:
    """Change the encoder of a gallery, or where its records are.

    Every record is encoded from its source again, beside the vectors that answer: searches, labels, removals and index
    go on, and a run that was cut short is finished by running it again. Then the new vectors answer, at once; those of
    before are kept for --back, until --drop.

    --store goes alone: every row is copied and compared while nobody has the gallery open.

    \b
    Example:
      lookalike gallery migrate --encoder lite0 --gallery chest
      lookalike gallery migrate --back --gallery chest
      lookalike gallery migrate --store postgresql://lookalike@db.example/galleries --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.migrate import migrate

    if store is not None:
        if encoder or back or drop or without_missing:
            raise click.UsageError("--store goes alone")
        _move(gallery, store, as_json)
        return

    with (
        open_gallery(gallery) as opened,
        interruptible("What has been encoded is kept; run the same command again to go on."),
        progress_bar("records") as progress,
    ):
        result = migrate(opened, encoder, back=back, drop=drop, without_missing=without_missing, progress=progress)
        note_command("change-gallery", opened, what="migrate", encoded=result.encoded)
    if as_json:
        print_json(result)
    else:
        print_notes(*_migrated(result, drop=drop))


def _move(gallery: str, store: str, as_json: bool) -> None:
    from lookalike.gallery import open_gallery
    from lookalike.verbs.migrate import move_store

    result = move_store(gallery, store)
    with open_gallery(gallery) as opened:
        note_command("change-gallery", opened, what="move", rows=sum(result.rows.values()))
    if as_json:
        print_json(result)
        return
    if not result.rows:
        print_notes("An earlier move was finished: the file that it had left is removed.")
        return
    print_notes(
        f"{sum(result.rows.values())} rows of {counted(result.rows['records'], 'record')} moved in "
        f"{result.seconds:.1f} s and compared: they are in {result.store or 'a file in the folder'} now."
    )


def _migrated(result: MigrateResult, *, drop: bool) -> Iterator[str]:
    """What has changed, and what can be done now."""
    if drop:
        yield f"Dropped; {result.freed / 1e6:.1f} MB are free. {result.encoder} answers as before."
        return
    if not result.switched:
        yield f"{result.encoder} answers already: nothing is changed."
        return
    yield (
        f"{counted(result.encoded, 'record')} encoded in {result.seconds:.1f} s. {result.encoder} answers from now on; "
        f"the vectors of {result.beside} are kept: --back lets them answer again, --drop removes them."
    )
    if result.left_out:
        left_out = ", ".join(f"{many} {reason}" for reason, many in result.left_out.items())
        yield f"Left out of answers, until index finds their files: {left_out}."
    if result.spaces:
        yield (
            f"Trained on another encoder's vectors, and refused until trained anew: {', '.join(result.spaces)} "
            "(lookalike adapt --replace --name NAME)."
        )


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
        note_command("change-gallery", opened, what="relocate", files=result.relocated)
    if as_json:
        print_json(result)
        return
    print_notes(f"{counted(result.relocated, 'file')} relocated, {result.missing} not: nothing is at the new place.")
    for each in result.first_missing:
        click.echo(f"  {one_line(each.source)}")
