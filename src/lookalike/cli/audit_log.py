"""lookalike audit-log: verify, export"""

from __future__ import annotations

import sys

import click

from lookalike.cli.output import counted, json_option, print_json, print_notes, print_table

_folder_option = click.option(
    "--audit-log",
    "folder",
    metavar="DIR",
    envvar="LOOKALIKE_AUDIT_LOG",
    show_envvar=True,
    help="Of the log [default: in the configuration].",
)


@click.group("audit-log")
def command() -> None:
    """Who searched, looked, exported, labelled, erased and signed in.

    \b
    Example:
      lookalike audit-log verify
      lookalike audit-log export audit.ndjson --since 2027-01-01
    """


@command.command("verify")
@_folder_option
@click.option("--expect", metavar="NUMBER:CODE", help="The end that an earlier verify printed must stand in it.")
@click.option("--first", default=1, show_default=True, help="The line it begins with, if older files were taken away.")
@json_option
def _verify(folder: str | None, expect: str | None, first: int, as_json: bool) -> None:
    """Is every line as it was written, in its order, and none missing? Exit code 1 if not.

    \b
    Example:
      lookalike audit-log verify
    """
    from lookalike.verbs.audit_log import verify_audit_log

    found = verify_audit_log(folder, expect=expect, first=first)
    if as_json:
        print_json(found)
    else:
        if found.faults:
            print_table(
                [["what", "file", "line", "detail"], *[_row(f.kind, f.file, f.line, f.detail) for f in found.faults]]
            )
        head = "" if found.anchored else " No head was found: whether the last lines are there cannot be told."
        print_notes(
            f"{counted(found.lines, 'line')} as written, {found.first} to {found.last}, "
            f"{found.since or '-'} to {found.until or '-'}; {counted(len(found.faults), 'fault')}.{head}"
        )
        click.echo(f"The end, to be noted elsewhere and given to --expect later:\n{found.end}")
    if not found.sound:
        sys.exit(1)


def _row(kind: str, file: str, line: int, detail: str) -> list[str]:
    return [kind, file, str(line), detail]


@command.command("export")
@click.argument("out", metavar="FILE")
@_folder_option
@click.option("--since", metavar="TIME", help="2027-01-31 or 2027-01-31T12:00, UTC.")
@click.option("--until", metavar="TIME", help="Likewise; it is the first that is left out.")
@json_option
def _export(out: str, folder: str | None, since: str | None, until: str | None, as_json: bool) -> None:
    """Write the log as FHIR AuditEvent resources, one a line, with DICOM's codes (ATNA, BALP).

    \b
    Example:
      lookalike audit-log export audit.ndjson --since 2027-01-01
    """
    from lookalike.verbs.audit_log import export_audit_log

    done = export_audit_log(out, folder, since=since, until=until)
    if as_json:
        print_json(done)
    else:
        left = f" {counted(done.left_out, 'line')} left out: see lookalike audit-log verify." if done.left_out else ""
        print_notes(f"{counted(done.events, 'event')} in {done.file}.{left}")
