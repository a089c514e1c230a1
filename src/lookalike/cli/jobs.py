"""lookalike jobs: list, show"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from lookalike.cli.listing import TABLE, listing_option, print_listing
from lookalike.cli.output import gallery_option, json_option, print_json, print_notes, print_table

if TYPE_CHECKING:
    from lookalike.verbs.jobs import JobInfo


@click.group("jobs")
def command() -> None:
    """What a service has done and does in a gallery: jobs with their times, results and logs.

    \b
    Example:
      lookalike jobs list --gallery chest
      lookalike jobs show 5ef178c836b2cf56 --gallery chest
    """


@command.command("list")
@gallery_option
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="How many, newest first.")
@listing_option
def _list(gallery: str, limit: int, output: str) -> None:
    """The jobs there are, newest first.

    \b
    Example:
      lookalike jobs list --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.jobs import list_jobs

    with open_gallery(gallery) as opened:
        result = list_jobs(opened, limit=limit)
    if output != TABLE:
        print_listing(result, result.items, output)
        return
    rows = [["id", "kind", "state", "asked for", "waited", "took", "by"]]
    rows += [
        [each.id, each.kind, each.state, _moment(each.created), *_times(each), each.owner] for each in result.items
    ]
    print_table(rows)


@command.command("show")
@click.argument("id")
@gallery_option
@json_option
def _show(id: str, gallery: str, as_json: bool) -> None:
    """What a job did, step by step, and what came of it.

    \b
    Example:
      lookalike jobs show 5ef178c836b2cf56 --gallery chest --json
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.jobs import job_info

    with open_gallery(gallery) as opened:
        found = job_info(opened, id)
    if as_json:
        print_json(found)
        return
    waited, took = _times(found)
    print_notes(f"{found.kind}, {found.state}; asked for {_moment(found.created)} by {found.owner}.")
    print_notes(f"Waited {waited}, took {took}.")
    rows = [["time", "step", "how many", ""]]
    for each in found.progress.log:
        counts = ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in each.counts.items())
        rows.append([_moment(each.time), each.step, counts or "-", "!" if each.warning else ""])
    print_table(rows)
    print_notes(*filter(None, [found.error, found.progress.message]))


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _times(job: JobInfo) -> tuple[str, str]:
    """How long it waited and took, as text."""
    waited = "-" if job.started is None else f"{job.started - job.created:.1f} s"
    took = "-" if job.started is None or job.finished is None else f"{job.finished - job.started:.1f} s"
    return waited, took
