"""One boundary under atheris: ``python -m fuzz.target BOUNDARY FOLDER [OPTIONS OF LIBFUZZER]``; ``__main__`` starts it.

An exception is written down once for every place that it comes from, with the input, and the fuzzing goes on.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import atheris
import psutil

from fuzz.dictionary import dictionary
from fuzz.opened import scratch

_INSTRUMENTED: Final = {
    "headers": ["lookalike.readers", "lookalike.planes", "lookalike.pixels", "pydicom", "nibabel"],
    "filters": ["lookalike.filters", "lookalike.store.where", "lookalike.asking.candidates"],
    "bodies": ["lookalike.server", "lookalike.verbs", "lookalike.asking", "lookalike.filters"],
    "uploads": ["lookalike.server", "lookalike.text", "lookalike.sources", "python_multipart", "starlette.formparsers"],
    "index_files": ["lookalike.indexes", "lookalike.adapters", "lookalike.asking", "lookalike.verbs.map"],
}
_TOLD_EVERY: Final = 5.0  # seconds


def main() -> None:
    """Run one boundary. What it has seen stands in FOLDER/told.json, what broke in FOLDER/findings."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    os.environ["LOOKALIKE_CONFIG"] = str(scratch())  # galleries' keys and the audit log are not the user's
    with atheris.instrument_imports(include=_INSTRUMENTED[name]):
        boundary = importlib.import_module(f"fuzz.{name}")
        boundary.prepare()
        for data in boundary.seeds():  # what is imported on first use is instrumented too
            with suppress(Exception):
                boundary.check(data)
    _write_seeds(boundary, folder)
    atheris.Setup([sys.argv[0], *sys.argv[3:]], _watched(boundary.check, folder))
    atheris.Fuzz()


def _write_seeds(boundary: Any, folder: Path) -> None:
    for data in boundary.seeds():
        (folder / "corpus" / hashlib.sha1(data).hexdigest()).write_bytes(data)
    (folder / "words.txt").write_text(dictionary(boundary.WORDS), encoding="ascii")


def _watched(check: Callable[[bytes], None], folder: Path) -> Callable[[bytes], None]:
    known: set[str] = set()
    own, told = psutil.Process(), {"at": 0.0, "first": 0, "last": 0, "executions": 0}

    def once(data: bytes) -> None:
        told["executions"] += 1
        try:
            check(data)
        except Exception as error:
            _note(error, data, folder / "findings", known)
        if time.monotonic() - told["at"] > _TOLD_EVERY:
            told["at"], told["last"] = time.monotonic(), own.memory_info().rss >> 20
            told["first"] = told["first"] or told["last"] * (told["executions"] > 1000)
            (folder / "told.json").write_text(json.dumps(told), encoding="utf-8")

    return once


def _note(error: Exception, data: bytes, folder: Path, known: set[str]) -> None:
    """Write an error down, unless one of its kind has come from the same place."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{type(error).__name__} {[(frame.filename, frame.lineno) for frame in frames[-4:]]}"
    name = hashlib.sha1(place.encode()).hexdigest()[:12]
    if name in known or (folder / name).exists():
        return
    known.add(name)
    (folder / name).write_bytes(data)
    (folder / f"{name}.txt").write_text("".join(traceback.format_exception(error)), encoding="utf-8", errors="replace")


if __name__ == "__main__":
    main()
