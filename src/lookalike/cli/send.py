"""lookalike send"""

from __future__ import annotations

import click

from lookalike.cli.noting import note_command
from lookalike.cli.output import filled_gallery, gallery_option, json_option, print_json, print_notes, print_table
from lookalike.cli.settings import setting_default


@click.command("send")
@click.argument("kind", type=click.Choice(["sr", "kos", "seg", "map"]))
@gallery_option
@click.option("--id", "identity", metavar="ID", required=True, help="The record that is asked with.")
@click.option("--to", metavar="WHERE", required=True, help="A folder, dicomweb+https://... or dimse://AET@host:port.")
@click.option("--record", metavar="ID", help="What seg and map compare it with.  [default: the most similar]")
@click.option("-k", default=5, show_default=True, help="How many similar cases.")
@click.option("--where", metavar="FILTER", help="Only records for which this holds, e.g. 'Modality=CR'.")
@click.option("--space", default="base", show_default=True, help="base, or the name of an adapter.")
@click.option(
    "--pacs",
    metavar="URI",
    multiple=True,
    default=setting_default("pacs.sources"),
    help="Where what was pulled, received or read from a bucket (s3://...) is fetched from.  "
    "[default: pacs.sources in lookalike.toml]",
)
@json_option
def command(
    kind: str,
    gallery: str,
    identity: str,
    to: str,
    record: str | None,
    k: int,
    where: str | None,
    space: str,
    pacs: tuple[str, ...],
    as_json: bool,
) -> None:
    """File an answer in the PACS, beside the image that was asked with. Needs a linked gallery.

    sr: a structured report of the similar cases (TID 1500). kos: a key object selection of them. seg: where the image
    resembles the most similar one, as a segmentation; map: the same as a parametric map.

    \b
    Example:
      lookalike send sr --id 5ef178c836b2cf56 --gallery ward --to dicomweb+https://pacs.example/dicom-web
    """
    from lookalike.verbs.send import send

    with filled_gallery(gallery) as opened:
        result = send(opened, kind, id=identity, to=to, record=record, k=k, where=where, space=space, pacs=pacs)
        note_command("export", opened, [identity, *result.cases], what=kind)
    if as_json:
        print_json(result)
        return
    print_table([["sent", result.sop_class], ["to", result.to], ["cases", ", ".join(result.cases)]])
    print_notes(f"SOPInstanceUID {result.sop_instance_uid}, in a new series of the study that was asked with.")
    if result.left_out:
        print_notes(f"{result.left_out} of the hits are not in it: their files do not say who they are in a PACS.")
    if result.note:
        print_notes(result.note)
