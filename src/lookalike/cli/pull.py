"""lookalike pull"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from types import FrameType
from typing import TYPE_CHECKING

import click

from lookalike.cli.noting import noted_import
from lookalike.cli.output import (
    counted,
    gallery_option,
    interruptible,
    json_option,
    print_file,
    print_json,
    print_notes,
    progress_bar,
    store_option,
)
from lookalike.cli.settings import setting_default

if TYPE_CHECKING:
    from lookalike.verbs.pull import PullResult


@click.command("pull")
@click.argument("sources", nargs=-1, metavar="URI...")
@gallery_option
@click.option("--encoder", metavar="NAME", help="The encoder of a new gallery.  [default: lite0]")
@click.option(
    "--linked/--anonymous",
    "linked",
    default=None,
    help="A new gallery keeps UIDs and dates, encrypted, or none of them.  [default: anonymous]",
)
@store_option
@click.option("--follow", is_flag=True, help="Look again and again, until it is stopped.")
@click.option(
    "--every",
    type=click.FloatRange(1),
    default=setting_default("pull.every"),
    show_default="300.0",
    help="Seconds between two looks (--follow).",
)
@click.option(
    "--stable",
    type=click.FloatRange(0),
    default=setting_default("pull.stable"),
    show_default="60.0",
    help="Seconds for which a series must not have grown before it is fetched.",
)
@click.option(
    "--at-once",
    type=click.IntRange(1, 64),
    default=setting_default("pull.at_once"),
    show_default="4",
    help="Requests on their way at a time.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0),
    default=setting_default("pull.rate"),
    help="Requests a second at most.  [default: no limit]",
)
@click.option(
    "--disk",
    type=click.FloatRange(0.01),
    default=setting_default("pull.disk"),
    show_default="16.0",
    help="GiB of fetched files on this machine at a time.",
)
@click.option("--reports", type=click.Choice(["sr"]), help="Keep the words of structured reports.")
@click.option("--remove-gone", is_flag=True, help="Remove records that the PACS no longer lists.")
@click.option("--retry-refused", is_flag=True, help="Fetch again what earlier pulls refused.")
@json_option
def command(
    sources: tuple[str, ...],
    gallery: str,
    encoder: str | None,
    linked: bool | None,
    store: str | None,
    follow: bool,
    every: float,
    stable: float,
    at_once: int,
    rate: float,
    disk: float,
    reports: str | None,
    remove_gone: bool,
    retry_refused: bool,
    as_json: bool,
) -> None:
    """Bring what is new in a PACS into a gallery, over DICOMweb, or by C-FIND and C-MOVE.

    URI: dicomweb+https://host/path, or dicomweb+http://...; dimse://OUR-TITLE@host:port/ITS-TITLE?listen=11113, or
    dimse+tls://..., where it sends to that port of this machine. ?StudyDate=20260101-, ?ModalitiesInStudy=CT,
    ?Modality=CT and ?BodyPartExamined=CHEST narrow it; without one those of pacs.sources in lookalike.toml. Who asks is
    proved by LOOKALIKE_PACS_TOKEN, or _USER and _PASSWORD, or by pacs.toml in the configuration's folder; TLS by
    _AUTHORITIES, _CERTIFICATE and _KEY.

    Only what the gallery does not hold is fetched, read as local files are, and removed. A pull that was cut short is
    finished by the next one. The gallery keeps no address and no UID: records are called pacs:SERIES/INSTANCE, by
    pseudonyms.

    \b
    Example:
      lookalike pull dicomweb+https://pacs.example/dicom-web --gallery chest
      lookalike pull dicomweb+https://pacs.example/dicom-web --gallery chest --follow --every 600
      lookalike pull dimse://LOOKALIKE@pacs.example:104/PACS --gallery chest
    """
    from lookalike.configuration.resolve import setting_value
    from lookalike.errors import UsageError
    from lookalike.gallery import gallery_to_fill
    from lookalike.verbs.pull import follow as follow_pacs
    from lookalike.verbs.pull import pull

    if not (sources := sources or setting_value("pacs.sources")):
        raise UsageError("name a PACS: lookalike pull dicomweb+https://host/path, or pacs.sources in lookalike.toml")
    asked = {
        "stable": stable,
        "at_once": at_once,
        "rate": rate,
        "disk": disk,
        "reports": reports,
        "remove_gone": remove_gone,
    }
    with (
        _terminable(expected=follow),
        gallery_to_fill(gallery, encoder=encoder, linked=linked, store=store) as opened,
        interruptible("What was stored is kept. Run the same command again: it fetches what is not there yet."),
        progress_bar("items") as progress,
        noted_import(opened, "pull") as note,
    ):
        if not follow:
            result = pull(opened, sources, **asked, retry_refused=retry_refused, progress=progress)  # type: ignore[arg-type]
            _print(result, as_json)
            return
        for result in follow_pacs(opened, sources, **asked, every=every, progress=progress):  # type: ignore[arg-type]
            note()
            click.echo(json.dumps(asdict(result))) if as_json else _print_short(result)


@contextmanager
def _terminable(*, expected: bool) -> Iterator[None]:
    """Within, SIGTERM is as Ctrl-C: files that were fetched are removed before the process ends. expected: it is how
    the command ends, so that its exit code is 0.
    """
    told: list[int] = []

    def end(number: int, _frame: FrameType | None) -> None:
        told.append(number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    except click.exceptions.Exit:
        if not (told and expected):
            raise
    finally:
        signal.signal(signal.SIGTERM, before)


def _print(result: PullResult, as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    _print_short(result)
    if result.kinds:
        print_notes(f"no images: {', '.join(map(counted, result.kinds.values(), result.kinds))}")
    for refusal in result.refused:
        print_file(f"  refused  {refusal.reason:28} ", refusal.source)


def _print_short(result: PullResult) -> None:
    told = [f"{result.added} records added of {result.studies} studies that the PACS lists"]
    told += [f"{result.skipped} series and pictures there already, {len(result.refused)} refused"]
    told += [f"{result.waiting} series still arriving"] if result.waiting else []
    told += [f"{result.replaced} records replaced by those of grown series"] if result.replaced else []
    told += [f"{result.kept_out} of patients who were erased left out"] if result.kept_out else []
    print_notes(f"{', '.join(told)}, in {result.seconds:.1f} s. The gallery holds {result.records} records.")
    if result.gone:
        done = f"{result.removed} removed" if result.removed else "--remove-gone removes them"
        print_notes(f"{counted(result.gone, 'record')} that the PACS no longer lists ({done})")
    print_notes(*result.notes, *([f"this look came to no end: {result.failed}"] if result.failed else []))
