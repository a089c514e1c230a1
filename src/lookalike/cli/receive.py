"""lookalike receive"""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from lookalike.cli.noting import noted_import
from lookalike.cli.output import counted, gallery_option, json_option, linked_option, print_notes, store_option
from lookalike.cli.settings import setting_default

if TYPE_CHECKING:
    from lookalike.verbs.receive import ReceiveResult

_PEM = click.Path(path_type=Path)


@click.command("receive")
@gallery_option
@linked_option
@store_option
@click.option(
    "--aet",
    default=setting_default("receive.aet"),
    show_default="LOOKALIKE",
    metavar="TITLE",
    help="The AE title that peers call.",
)
@click.option("--host", default=setting_default("receive.host"), show_default="127.0.0.1", help="Others need --allow.")
@click.option(
    "--port",
    default=setting_default("receive.port"),
    show_default="11112",
    type=click.IntRange(0, 65535),
    help="0: any free one.",
)
@click.option(
    "--allow",
    multiple=True,
    default=setting_default("receive.allow"),
    metavar="[AET@]ADDRESS",
    help="Who may send (repeat).  [default: any of this machine]",
)
@click.option(
    "--tls-cert", type=_PEM, default=setting_default("receive.tls_cert"), metavar="PEM", help="The certificate for TLS,"
)
@click.option("--tls-key", type=_PEM, default=setting_default("receive.tls_key"), metavar="PEM", help="and its key.")
@click.option(
    "--tls-ca",
    type=_PEM,
    default=setting_default("receive.tls_ca"),
    metavar="PEM",
    help="Peers need a certificate of this authority.",
)
@click.option("--inbox", type=click.Path(path_type=Path), metavar="FOLDER", help="[default: in the gallery's folder]")
@click.option(
    "--stable",
    default=setting_default("receive.stable"),
    show_default="30.0",
    type=click.FloatRange(0),
    help="Seconds; a series is over.",
)
@click.option(
    "--idle",
    default=setting_default("receive.idle"),
    show_default="8.0",
    type=click.FloatRange(1),
    help="Seconds a peer may be silent.",
)
@click.option(
    "--associations",
    default=setting_default("receive.associations"),
    show_default="64",
    type=click.IntRange(1, 100),
    help="At the same time.",
)
@click.option(
    "--max-object-mb",
    default=setting_default("receive.max_object_mb"),
    show_default="1024",
    type=click.IntRange(1, 65536),
)
@click.option(
    "--quota-gb",
    default=setting_default("receive.quota_gb"),
    show_default="20.0",
    type=click.FloatRange(0),
    help="Of what may wait.",
)
@click.option("--once", is_flag=True, help="Index what waits, without receiving, and end.")
@json_option
def command(
    gallery: str,
    linked: bool | None,
    store: str | None,
    aet: str,
    host: str,
    port: int,
    allow: tuple[str, ...],
    tls_cert: Path | None,
    tls_key: Path | None,
    tls_ca: Path | None,
    inbox: Path | None,
    stable: float,
    idle: float,
    associations: int,
    max_object_mb: int,
    quota_gb: float,
    once: bool,
    as_json: bool,
) -> None:
    """Receive what a PACS or a modality sends (C-STORE, C-ECHO). Ends with Ctrl-C.

    An object is on the disk before its sender is told of success. Each series is indexed once nothing of it has come
    for a while, and its files are removed. Without --allow only this machine may send. Options may stand in
    lookalike.toml, too, or in the environment: lookalike config show.

    --json prints a line whenever something was received, refused or indexed.

    \b
    Example:
      lookalike receive --gallery chest --linked
      lookalike receive --gallery chest --host 0.0.0.0 --allow PACS1@10.1.2.3 --tls-cert cert.pem --tls-key key.pem
    """
    from lookalike.gallery import gallery_to_fill
    from lookalike.verbs.receive import receive

    signal.signal(signal.SIGTERM, _interrupt)

    with gallery_to_fill(gallery, linked=linked, store=store) as opened, noted_import(opened, "receive") as note:

        def say(done: ReceiveResult) -> None:
            note()
            click.echo(json.dumps(asdict(done)) if as_json else _line(done))

        done = receive(
            opened,
            aet=aet,
            host=host,
            port=port,
            allow=allow,
            tls_cert=tls_cert,
            tls_key=tls_key,
            tls_ca=tls_ca,
            inbox=inbox,
            stable=stable,
            idle=idle,
            associations=associations,
            max_object_mb=max_object_mb,
            quota_gb=quota_gb,
            once=once,
            say=say,
        )
    if as_json:
        click.echo(json.dumps(asdict(done)))
    else:
        print_notes(_end(done))


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _line(done: ReceiveResult) -> str:
    if not any((done.received, done.repeated, done.apart, done.waiting, done.indexed, done.refused, done.trouble)):
        return f"{done.address or 'not receiving'}: nothing has come{' (Ctrl-C ends)' if done.address else ''}"
    parts = [
        f"{done.address or 'not receiving'}: {done.received} received",
        *(f"{number} {what}" for number, what in ((done.repeated, "repeated"), (done.apart, "kept apart")) if number),
        f"{done.waiting} waiting",
        f"{done.indexed} indexed, {counted(done.records, 'record')}",
        *(f"{what}: {_reasons(found)}" for what, found in _found(done).items() if found),
        *([f"{done.late} series were indexed before all of them was there"] if done.late else ()),
        *([f"trouble: {done.trouble}"] if done.trouble else ()),
    ]
    return "; ".join(parts)


def _found(done: ReceiveResult) -> Mapping[str, Mapping[str, int]]:
    return {"left out": done.left_out, "refused": done.refused}


def _reasons(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} {number}" for reason, number in counts.items())


def _end(done: ReceiveResult) -> str:
    waits = "Nothing waits." if not done.waiting else f"{counted(done.waiting, 'object')} wait for the next run."
    return f"Ended: {_line(done)}. {waits}"
