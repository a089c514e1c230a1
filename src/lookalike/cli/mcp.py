"""lookalike mcp"""

from __future__ import annotations

import click

from lookalike.cli.noting import command_user
from lookalike.cli.output import filled_gallery, gallery_option


@click.command("mcp")
@gallery_option
@click.option("--where", default="", metavar="FILTER", help="Only these records are there for who asks.")
@click.option("--may-label", is_flag=True, help="Let them add and remove labels, too.  [default: look only]")
def command(gallery: str, where: str, may_label: bool) -> None:
    """Let programs that speak the Model Context Protocol ask a gallery, on standard input and output.

    They search, classify, explain and evaluate, and get ids, labels, attributes and thumbnails, which they may pass on
    to whatever model they use: to another company, perhaps. No path, no report and no group of a patient is told; each
    question is noted in the audit log.

    \b
    Example:
      lookalike mcp --gallery chest --where 'site=teaching'
    """
    from contextlib import nullcontext

    from lookalike.mcp.tools import Tools, serve_tools
    from lookalike.verbs.gallery import part_of

    with filled_gallery(gallery) as opened, part_of(opened, [where]) if where else nullcontext(opened) as seen:
        serve_tools(Tools(opened, seen, command_user()), may_label=may_label)
