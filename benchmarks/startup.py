"""How long the command takes to say its help, and Python to import the package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.report import Figure
from benchmarks.timing import busy_note, interleave

ROUNDS = 11
TARGET = 0.5


def run(_data: Path | None) -> list[Figure]:
    """Warm: each is run once before."""

    def of(*command: str) -> str:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    script = str(Path(sys.executable).with_name("lookalike"))
    assert "Find the medical images that look alike" in of(script, "--help")
    of(sys.executable, "-c", "import lookalike")
    timings = interleave(
        ROUNDS,
        python=lambda: of(sys.executable, "-c", "pass"),
        package=lambda: of(sys.executable, "-c", "import lookalike"),
        command=lambda: of(script, "--help"),
    )
    notes = (
        *(f"{n:8} {t.seconds:.3f} s, {t.cpu_seconds:.3f} s of processor time" for n, t in timings.items()),
        busy_note(timings),
    )
    return [Figure("startup", timings["command"].seconds, TARGET, "s", at_least=False, notes=notes)]
