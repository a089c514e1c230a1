"""Run the real command, as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import psutil
from click.testing import CliRunner, Result

from lookalike import cli
from lookalike.gallery import Gallery
from lookalike.verbs.search import search

COMMAND = Path(sys.executable).with_name("lookalike")
HELD = """
import sys, threading
from lookalike.cli import main
from lookalike.store import Store
when, write = sys.argv.pop(1), Store.write
def held(store, batch):
    if when == "after":
        write(store, batch)
    threading.Event().wait()
Store.write = held
main(prog_name="lookalike")
"""
"""``lookalike`` that waits for ever when it first stores something, ``before`` or ``after``, so that whoever wants to
interrupt it there may take as long as it likes: ``python -c HELD after WORDS``.
"""


def lookalike(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run `lookalike ARGUMENTS` in a process of its own, from nothing; ``started.ran`` is quicker."""
    command = [str(COMMAND), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600, **options)


def python(script: str | Path, *arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a Python script in a process of its own."""
    command = [sys.executable, str(script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600, **options)


def children(module: str) -> list[psutil.Process]:
    """Those of this process that run a module."""
    found = []
    for each in psutil.Process().children():
        with suppress(psutil.Error):  # it has ended
            found += [each] if any(module in word for word in each.cmdline()) else []
    return found


def commands() -> list[list[str]]:
    """Every command as the words that call it; those of a group one by one."""
    context = click.Context(cli.main)
    found = []
    for name in cli.main.list_commands(context):
        command = cli.main.get_command(context, name)
        inner = command.list_commands(context) if isinstance(command, click.Group) else []
        found += [[name, word] for word in inner] or [[name]]
    return found


def run(*arguments: str | Path) -> Result:
    """Run the command in this process, which is quicker."""
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments])


def refusal(result: Result) -> str:
    """The message of a command that refused: one line, nothing else, and no word of a bug."""
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    line, end = result.stderr[:-1], result.stderr[-1:]
    assert end == "\n"
    assert line.startswith("Error: ")
    assert line.isprintable(), line
    assert "unexpected" not in line
    assert "Traceback" not in line
    return line.removeprefix("Error: ")


def answers(gallery: Gallery, ids: list[str], k: int = 12, **options: Any) -> list[tuple[Any, ...]]:
    """Everything that searches by record id say, one row a hit."""
    return [
        (identity, hit.rank, hit.id, round(hit.score, 6), hit.source, hit.labels, sorted(hit.attributes.items()))
        for identity in ids
        for hit in search(gallery, id=identity, k=k, **options).hits
    ]


def ids_of(gallery: Gallery) -> list[str]:
    """The ids of every record, in order."""
    return sorted(record.id for record in gallery.store.records().values())


def described(gallery: Gallery) -> dict[str, tuple[Any, ...]]:
    """Each record by its id: source, frame, labels, attributes."""
    return {
        record.id: (record.source, record.frame, record.labels, tuple(sorted(record.attributes.items())))
        for record in gallery.store.records().values()
    }


def patients(gallery: Gallery) -> set[frozenset[str]]:
    """The patient groups, as sets of record ids: their names are salted by gallery."""
    groups: dict[str, set[str]] = {}
    for record in gallery.store.records().values():
        groups.setdefault(record.patient, set()).add(record.id)
    return {frozenset(group) for group in groups.values()}


def without_root_powers() -> None:
    """For ``preexec_fn``: let file permissions hold even for root (drop its capabilities)."""
    if os.geteuid() == 0:
        import ctypes

        prctl_capbset_drop, cap_dac_override, cap_dac_read_search = 24, 1, 2
        libc = ctypes.CDLL(None, use_errno=True)
        for power in (cap_dac_override, cap_dac_read_search):
            if libc.prctl(prctl_capbset_drop, power, 0, 0, 0) != 0:
                raise OSError(ctypes.get_errno(), "cannot drop the power over file permissions")
