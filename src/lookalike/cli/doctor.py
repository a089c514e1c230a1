"""lookalike doctor"""

from __future__ import annotations

import sys

import click

from lookalike.cli.listing import TABLE, listing_option, print_listing
from lookalike.cli.output import print_table


@click.command("doctor")
@click.option("--gallery", "-g", metavar="G", help="Also look at every row of this gallery.")
@listing_option
def command(gallery: str | None, output: str) -> None:
    """What works on this machine, what is missing, and whether a gallery is sound.

    \b
    Example:
      lookalike doctor --gallery chest
    """
    from lookalike.gallery import open_gallery
    from lookalike.verbs.doctor import doctor

    if gallery is None:
        result = doctor()
    else:
        with open_gallery(gallery) as opened:
            result = doctor(opened)
    if output != TABLE:
        print_listing(result, result.checks, output)
    else:
        print_table([["what", "state", "detail"], *[[c.name, c.state, c.detail] for c in result.checks]])
    if not result.healthy:
        sys.exit(1)
