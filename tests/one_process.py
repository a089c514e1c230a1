"""Many commands in one process of their own, which starts and imports once: where what is tested needs another
environment, such as installed plug-ins, and not a process for each command.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from awaited import PATIENCE

_PROGRAM = """
import json, sys
from click.testing import CliRunner
from lookalike.cli import main
for line in sys.stdin:
    done = CliRunner().invoke(main, json.loads(line), prog_name="lookalike")
    print(json.dumps([done.exit_code, done.stdout, done.stderr]), flush=True)
"""

Call = Callable[..., "subprocess.CompletedProcess[str]"]


@contextmanager
def commands_in(folder: Path, environment: Mapping[str, str]) -> Iterator[Call]:
    """Calls ``lookalike WORDS`` in a folder and an environment; what it gave back and printed."""
    command = [sys.executable, "-c", _PROGRAM]
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asked, answers = process.stdin, process.stdout

        def call(*words: str | Path) -> subprocess.CompletedProcess[str]:
            given = [str(word) for word in words]
            print(json.dumps(given), file=asked, flush=True)
            return subprocess.CompletedProcess(given, *json.loads(answers.readline()))

        yield call
        asked.close()
        process.wait(PATIENCE)
