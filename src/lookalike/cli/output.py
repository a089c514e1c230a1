"""Output and options that commands share: JSON, tables, the progress bar."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import click

from lookalike.columns import aligned, paragraphs, shortened, terminal_width
from lookalike.job_steps import LoggedStep, steps_followed_by
from lookalike.text import one_line

if TYPE_CHECKING:
    from tqdm import tqdm

    from lookalike.gallery import Gallery
    from lookalike.progress import Progress

_AT_WORK: Final = "at work for {elapsed}, {desc}"  # until something is known of how much there is
_LEAST: Final = 24  # characters of a path that are shown on however narrow a terminal
_LOOKED_AT: Final = 1.0  # seconds between two looks of the clock

gallery_option = click.option(
    "--gallery",
    "-g",
    required=True,
    metavar="G",
    envvar="LOOKALIKE_GALLERY",
    show_envvar=True,
    help="The gallery folder.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
linked_option = click.option(
    "--linked/--anonymous",
    "linked",
    default=None,
    help="Whether a new gallery keeps UIDs, accession numbers and dates, encrypted.  [default: anonymous]",
)
store_option = click.option(
    "--store",
    metavar="URL",
    help="The PostgreSQL of a new gallery's records: postgresql://USER@HOST/DATABASE.  [default: in its folder]",
)
seed_option = click.option("--seed", default=0, show_default=True, help="Seed of every random choice.")
label_columns_option = click.option(
    "--label-column",
    "label_columns",
    multiple=True,
    metavar="NAME",
    help="The label column of the table, or several 0/1 columns (repeat the option).",
)


def print_json(result: Any) -> None:
    """Print a result's fields, as dataclasses.asdict gives them in Python."""
    fields = [asdict(each) for each in result] if isinstance(result, tuple) else asdict(result)
    click.echo(json.dumps(fields, indent=2))


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows in aligned columns that fit the terminal; the first row is the header."""
    click.echo(aligned([[one_line(cell) for cell in row] for row in rows]))


def print_notes(*notes: str) -> None:
    """Print sentences, wrapped to the terminal's width."""
    if notes:
        click.echo(paragraphs(notes))


def counted(count: int, what: str) -> str:
    """``3 tables``, ``1 table``, ``2 SR``: what is written in capitals has no plural."""
    plural = count != 1 and not what.isupper() and " by " not in what
    return f"{count} {what}{'es' if what.endswith('sh') else 's'}" if plural else f"{count} {what}"


def print_file(about: str, source: str) -> None:
    """Print what is said of a file, and its path, of which a narrow terminal shows the ends."""
    click.echo(about + shortened(one_line(source), max(terminal_width() - len(about), _LEAST)))


@contextmanager
def progress_bar(unit: str, doing: str = "") -> Iterator[Progress]:
    """Show a bar with rate and time left on standard error, if that is a terminal.

    Until the verb says how much there is, the line says only what is being done and for how long: ``doing``. What
    the verb warns of meanwhile is printed above it.
    """
    from tqdm import tqdm

    # A terminal may say that it has no columns, and a bar would then be nothing.
    bar = tqdm(unit=f" {unit}", desc=doing or unit, bar_format=_AT_WORK, ncols=terminal_width() - 1, disable=None)

    def progress(done: int, total: int) -> None:
        bar.bar_format = None
        if total != bar.total or done < bar.n:  # another loop of the verb
            bar.reset(total)
        bar.update(done - bar.n)

    def told(step: LoggedStep) -> None:
        if step.warning:
            bar.write(step.step, file=sys.stderr)

    with bar, _ticking(bar), steps_followed_by(told):
        yield progress


@contextmanager
def _ticking(bar: tqdm[Any]) -> Iterator[None]:
    """Draw the bar again each second, so that its clock runs while the verb is in one long step."""
    ended = threading.Event()

    def tick() -> None:
        while not ended.wait(_LOOKED_AT):
            bar.refresh()

    if not bar.disable:
        threading.Thread(target=tick, daemon=True).start()
    try:
        yield
    finally:
        ended.set()


@contextmanager
def filled_gallery(folder: str) -> Iterator[Gallery]:
    """An opened gallery that holds something. Raises GalleryError."""
    from lookalike.errors import GalleryError
    from lookalike.gallery import open_gallery

    with open_gallery(folder) as gallery:
        if not gallery.store.count():
            raise GalleryError(
                f"no gallery to search at {gallery.folder}: it holds no record; "
                f"lookalike index FOLDER --gallery {folder}"
            )
        yield gallery


@contextmanager
def interruptible(kept: Callable[[], str] | str) -> Iterator[None]:
    """On Ctrl-C say what is kept and how to go on, and exit with 130 (128 + SIGINT), as shells expect."""
    try:
        yield
    except KeyboardInterrupt:
        says = kept if isinstance(kept, str) else kept()
        click.echo(paragraphs([f"\nInterrupted. {says}"]), err=True)
        raise click.exceptions.Exit(130) from None


def numbers(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[int, ...]:
    """A comma-separated list of whole numbers."""
    if value is None:
        return ()
    try:
        return tuple(int(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r} is no list of whole numbers such as 1,3,5,10") from None


def words(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Texts with commas between, the option given once or several times."""
    return tuple(part.strip() for value in values for part in value.split(",") if part.strip())
