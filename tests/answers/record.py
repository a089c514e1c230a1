"""Record the answers anew, where they are meant to change:

    python tests/answers/record.py ../shared/data [PART...]

writes ``recorded/PART.json.gz`` from ``questions/PART.toml``. To record what another version answers, put its
sources first: ``PYTHONPATH=/path/to/it/src python tests/answers/record.py ...``.
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from plain_answers import plain
from questions import HERE, ask

PARTS: Final = ("collections", "jobs", "pictures", "served", "volumes")  # on real images
KEPT: Final = "kept"  # on a gallery that an earlier version made


def stored(part: str) -> Path:
    """Where the answers of a part stand."""
    return HERE / "recorded" / f"{part}.json.gz"


def recorded(part: str) -> dict[str, Any]:
    """The answers of a part by the questions' names."""
    return dict(json.loads(gzip.decompress(stored(part).read_bytes())))


def record(part: str, data: Path, work: Path) -> None:
    """Ask every question of a part and store the answers."""
    folders = {"data": data, "work": work}
    answers: dict[str, Any] = {}
    for question, answer in ask(part, data, work):
        if question["name"] in answers:
            raise ValueError(f"two questions are called {question['name']!r}")
        answers[question["name"]] = plain(answer, folders, question.get("drop", ()))
    _store(part, answers)


def _store(part: str, answers: Mapping[str, Any]) -> None:
    path = stored(part)
    path.parent.mkdir(exist_ok=True)
    text = json.dumps(answers, indent=1, ensure_ascii=False)
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


def main(data: str, *wanted: str) -> None:
    """Record these parts, or all."""
    for part in wanted or (*PARTS, KEPT):
        with tempfile.TemporaryDirectory() as work:
            record(part, Path(data).absolute(), Path(work))


if __name__ == "__main__":
    main(*sys.argv[1:])
