"""lookalike encoders"""

from __future__ import annotations

import sys
from typing import Any

import click

from lookalike.cli.listing import TABLE, listing_option, print_listing
from lookalike.cli.output import json_option, print_json, print_notes, print_table


@click.group("encoders")
def command() -> None:
    """The encoders there are; bring, check and export their weights.

    \b
    Example:
      lookalike encoders list
      lookalike encoders pull rad-dino --to models/
      LOOKALIKE_MODELS=models lookalike encoders verify rad-dino
    """


@command.command("list")
@listing_option
def _list(output: str) -> None:
    """Every encoder, and whether its weights are on this machine; broken plug-ins with the reason.

    Below them those that `lookalike tune` made in LOOKALIKE_MODELS, and what each was tuned on.

    \b
    Example:
      lookalike encoders list
    """
    from lookalike.verbs.encoders import list_encoders

    listed = list_encoders()
    if output != TABLE:
        print_listing(listed, listed, output)
        return
    head = ["name", "dim", "text", "here", "gated", "size", "speed", "input", "licence"]
    rows = [
        [e.name, str(e.dim or "-"), _mark(e.text), _mark(e.here), _mark(e.gated), e.size, e.speed, e.input, e.license]
        for e in listed
        if not (e.broken or e.tuned_from)
    ]
    print_table([head, *rows])
    tuned = [[e.name, e.tuned_from, "broken" if e.broken else _mark(e.here), e.note] for e in listed if e.tuned_from]
    if tuned:
        click.echo()
        print_table([["tuned", "from", "here", "what it was tuned on"], *tuned])
    for broken in (e for e in listed if e.broken):
        print_notes(f"broken: {broken.name}: {broken.broken}")


def _mark(value: bool) -> str:
    return "yes" if value else "-"


@command.command("pull")
@click.argument("name")
@click.option("--to", "to", required=True, metavar="DIR", help="The folder of models.")
@click.option("--revision", default="", metavar="R", help="A commit, branch or tag [default: the newest].")
@json_option
def _pull(name: str, to: str, revision: str, as_json: bool) -> None:
    """Bring an encoder's weights from its hub, for use here or on a machine without a network.

    Interrupted, it goes on where it stopped; what came is checked against the hub's hashes.

    \b
    Example:
      lookalike encoders pull dinov2-b --to models/
    """
    from lookalike.verbs.encoders import pull_encoder

    result = pull_encoder(name, to, revision=revision)
    if as_json:
        print_json(result)
        return
    click.echo(f"{len(result.files)} files, {result.bytes / 1e6:.0f} MB, in {result.folder}")
    click.echo(f"Use it: LOOKALIKE_MODELS={to} lookalike index ... --encoder {name}")


@command.command("verify")
@click.argument("name", required=False)
@click.option("--all", "every", is_flag=True, help="Every encoder: sound, broken, or what it needs.")
@json_option
def _verify(name: str | None, every: bool, as_json: bool) -> None:
    """Check what an encoder promises: unit vectors, repeatable, the same in any batch, the golden vector.

    \b
    Example:
      lookalike encoders verify lite0
      lookalike encoders verify --all
    """
    if every == (name is not None):
        raise click.UsageError("name an encoder, or --all")
    if name is None:
        _verify_all(as_json)
        return
    from lookalike.verbs.encoders import verify_encoder

    result = verify_encoder(name)
    if as_json:
        print_json(result)
    else:
        kept = {True: "kept", False: "BROKEN", None: "n/a"}
        print_table([["promise", "", "detail"], *[[p.name, kept[p.kept], p.detail] for p in result.promises]])
    if not result.sound:
        sys.exit(1)


def _verify_all(as_json: bool) -> None:
    from lookalike.verbs.encoders import verify_encoders

    checked = verify_encoders()
    if as_json:
        print_json(checked)
    else:
        for each in checked:
            click.echo(f"{each.name}: {each.state}: {each.detail}")  # whole: commands and addresses to copy
    if any(c.state == "broken" for c in checked):
        sys.exit(1)


@command.command("export")
@click.argument("name")
@click.option("--to", "to", required=True, metavar="DIR", help="The folder to write into.")
@click.option("--int8", is_flag=True, help="Also an 8-bit version; its loss is measured and printed.")
@click.option("--pictures", multiple=True, metavar="SOURCE", help="What the quality is measured on (repeatable).")
@json_option
def _export(name: str, to: str, int8: bool, pictures: tuple[str, ...], as_json: bool) -> None:
    """Write a torch encoder as an ONNX file, which runs without torch, and measure both.

    \b
    Example:
      lookalike encoders export dinov2-s --to models/ --int8 --pictures scans/
    """
    from lookalike.verbs.encoders import export_encoder

    result = export_encoder(name, to, int8=int8, pictures=pictures)
    if as_json:
        print_json(result)
        return
    rows = [["version", "ms a picture", "times torch", "mean cosine", "same nearest of 10", "folder"]]
    rows.append(["torch", f"{result.torch_ms:.1f}", "1.0", "-", "-", "-"])
    found = [("onnx", result.onnx_ms, result.onnx_ratio, result.quality, result.folder)]
    if result.int8_quality and result.int8_ms and result.int8_ratio and result.int8_folder:
        found.append(("int8", result.int8_ms, result.int8_ratio, result.int8_quality, result.int8_folder))
    for version, ms, ratio, quality, folder in found:
        overlap = list(quality.overlap.values())[-1]
        rows.append([version, f"{ms:.1f}", f"{ratio:.1f}", f"{quality.mean_cosine:.5f}", f"{overlap:.3f}", folder])
    print_table(rows)
    if result.int8_note:
        click.echo(result.int8_note)


@command.command("runtimes")
@click.argument("name")
@click.option("--pictures", multiple=True, metavar="SOURCE", help="What lower precisions are compared on (repeatable).")
@json_option
def _runtimes(name: str, pictures: tuple[str, ...], as_json: bool) -> None:
    """Measure an encoder in every runtime and precision: how fast it is, and which of ten nearest pictures stay.

    With pictures of your own, a precision that keeps them can be used: lookalike index ... --encoder NAME@bf16

    \b
    Example:
      lookalike encoders runtimes lite0 --pictures scans/
    """
    from lookalike.verbs.encoders import encoder_runtimes

    found = encoder_runtimes(name, pictures=pictures)
    if as_json:
        print_json(found)
        return
    head = ["encoder", "runtime", "ms a picture", "times as fast", "least cosine", "same of 10 nearest", "can be used"]
    print_table([head, *(_runtime_row(each) for each in found if each.ms is not None)])
    for each in found:
        if each.why_not:
            print_notes(f"{each.runtime} in {each.precision}: {each.why_not}")


def _runtime_row(each: Any) -> list[str]:
    cosine, kept = "-", "-"
    if each.quality is not None:
        cosine = f"{each.quality.least_cosine:.5f}"
        if (share := each.quality.overlap.get("@10")) is not None and each.quality.interval is not None:
            kept = f"{share:.3f} ({each.quality.interval[0]:.3f}-{each.quality.interval[1]:.3f})"
    speed = [f"{each.ms:.1f}", f"{each.ratio:.2f}"]
    return [each.encoder, each.runtime, *speed, cosine, kept, "no" if each.why_not else "yes"]
