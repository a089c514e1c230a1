"""``python -m fuzz [BOUNDARY...] [--seconds N] [--keep]``: fuzz boundaries one after the other."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import click

from fuzz.level import ALONE, Left

ROOT: Final = Path(__file__).parents[1]
WORK: Final = ROOT / "build" / "fuzz"
BOUNDARIES: Final = ("headers", "filters", "bodies", "uploads", "index_files")
_LONGEST: Final = {"headers": 4096, "filters": 512, "bodies": 2048, "uploads": 4096, "index_files": 40_000}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(BOUNDARIES))
@click.option("--seconds", default=1200, show_default=True, type=click.IntRange(1), help="Time for each boundary.")
@click.option("--keep", is_flag=True, help="Keep in fuzz/corpus what reaches lines of its own.")
def main(names: tuple[str, ...], seconds: int, keep: bool) -> None:
    """Fuzz these boundaries, or all of them. Exit code 1 if something was found, whose inputs lie in build/fuzz, or a
    boundary was asked nothing.
    """
    found = 0
    for name in names or BOUNDARIES:
        found += _fuzz(name, seconds)
        if keep:
            command = [sys.executable, "-m", "fuzz.keep", name, str(WORK / name / "corpus"), str(_committed(name))]
            subprocess.run(command, cwd=ROOT, check=True)
    sys.exit(1 if found else 0)


def _fuzz(name: str, seconds: int) -> int:
    """Run the target until the time is over; a native crash ends it, and it is started again. Returns how many findings
    there are. Ends where it cannot be run at all: that nothing was found would say nothing.
    """
    folder, end, executions, starts = WORK / name, time.monotonic() + seconds, 0, 0
    shutil.rmtree(folder / "findings", ignore_errors=True)
    for part in ("corpus", "findings"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    while (left := int(end - time.monotonic())) > 0:
        starts += 1
        _run(name, folder, f"-max_total_time={left}", str(folder / "corpus"), str(_committed(name)))
        executions += _said(folder, r"^#(\d+)")
        if not executions:
            sys.exit(f"{name} was asked nothing: {folder / 'log.txt'} says why")
    findings = sorted((folder / "findings").iterdir())
    told = json.loads((folder / "told.json").read_text("utf-8")) if (folder / "told.json").exists() else {}
    corpus, resident = len(list((folder / "corpus").iterdir())), [told.get(name, 0) for name in ("first", "last")]
    coverage, features = _said(folder, r"cov: (\d+)"), _said(folder, r"ft: (\d+)")
    click.echo(
        f"{name}: {executions} executions in {seconds} s, {starts} starts, coverage {coverage}, features {features}, "
        f"corpus {corpus}, resident {resident[0]} -> {resident[1]} MB, {len(findings)} findings"
    )
    for finding in findings:
        click.echo(f"    {finding.relative_to(ROOT)}")
    return len(findings) + _leaks(name, folder)


def _leaks(name: str, folder: Path) -> int:
    """Ask what the fuzzer has found again, without it: 1 where that leaves something in memory."""
    command = [sys.executable, "-m", "fuzz.level", name, str(folder / "corpus"), str(_committed(name))]
    said = subprocess.run(command, cwd=ROOT, env={**os.environ, **ALONE}, capture_output=True, text=True, check=False)
    if said.returncode:
        click.echo(f"    without the fuzzer it ended with {said.returncode}: {said.stderr[-500:]}")
        return 1
    left = Left(**json.loads(said.stdout.splitlines()[-1]))
    what = "level" if left.is_level else "a leak"
    click.echo(
        f"    without the fuzzer, {left.executions} executions left {left.blocks} blocks, {left.bytes} bytes: {what}"
    )
    return int(not left.is_level)


def _run(name: str, folder: Path, *arguments: str) -> None:
    options = [
        f"-max_len={_LONGEST[name]}",
        "-timeout=120",
        "-rss_limit_mb=4096",
        "-close_fd_mask=3",
        "-print_final_stats=1",
    ]
    where = [f"-artifact_prefix={folder / 'findings'}/", f"-dict={folder / 'words.txt'}"]
    with (folder / "log.txt").open("w") as log:
        command = [sys.executable, "-m", "fuzz.target", name, str(folder), *options, *where, *arguments]
        subprocess.run(command, cwd=ROOT, stdout=log, stderr=log, check=False)


def _said(folder: Path, pattern: str) -> int:
    """The last number of that kind in the log of libFuzzer."""
    found = re.findall(pattern, (folder / "log.txt").read_text("utf-8", "replace"), re.MULTILINE)
    return int(found[-1]) if found else 0


def _committed(name: str) -> Path:
    folder = ROOT / "fuzz" / "corpus" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == "__main__":
    main()
