"""What the fuzzer has found to reach new code, asked again without it: nothing of it breaks a boundary."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BYTES = 16_000  # of the committed inputs of a boundary
sys.path.insert(0, str(ROOT))
from fuzz.__main__ import BOUNDARIES  # noqa: E402
from fuzz.dictionary import dictionary  # noqa: E402
from fuzz.level import ALONE, Left, left_by  # noqa: E402


@pytest.mark.parametrize("name", BOUNDARIES)
def test_no_input_of_the_corpus_breaks_its_boundary(name: str) -> None:
    boundary = importlib.import_module(f"fuzz.{name}")
    boundary.prepare()
    kept = [path.read_bytes() for path in sorted((ROOT / "fuzz" / "corpus" / name).iterdir())]
    for data in (b"", *boundary.seeds(), *kept):
        try:
            boundary.check(data)
        except Exception as error:
            pytest.fail(f"{data[:300]!r}: {type(error).__name__}: {error}")
    assert kept
    assert sum(map(len, kept)) < BYTES


@pytest.mark.parametrize("name", BOUNDARIES)
def test_the_words_of_a_boundary_are_a_dictionary_that_the_fuzzer_takes(name: str) -> None:
    """libFuzzer ends at once where one is empty, which the values of a contract may be."""
    lines = dictionary(importlib.import_module(f"fuzz.{name}").WORDS).splitlines()
    assert len(lines) > 5
    assert all(re.fullmatch(r'"(\\x[0-9a-f]{2})+"', line) for line in lines)


@pytest.mark.slow
@pytest.mark.parametrize("name", BOUNDARIES)
def test_a_boundary_that_is_asked_for_long_keeps_nothing(name: str) -> None:
    command = [sys.executable, "-m", "fuzz.level", name, str(ROOT / "fuzz" / "corpus" / name)]
    said = subprocess.run(command, cwd=ROOT, env={**os.environ, **ALONE}, capture_output=True, text=True, check=True)
    left = Left(**json.loads(said.stdout.splitlines()[-1]))
    assert left.executions >= 1000
    assert left.is_level, left


@pytest.mark.parametrize("many", [1, 400])
def test_what_is_kept_of_every_input_is_told(many: int) -> None:
    """In objects of Python's allocator, and in bytes of the C library's."""
    kept: list[object] = []
    inputs = [bytes([number]) for number in range(7)]
    assert left_by(lambda data: data * many, inputs, 30_000).is_level
    left = left_by(lambda data: kept.append([data, bytearray(many)] * 2), inputs, 30_000)
    assert not left.is_level
    assert (left.blocks > 20_000) or left.bytes > 30_000 * many


def test_the_canaries_are_seen(tmp_path: Path) -> None:
    """What the harness of headers leans on: that it notices a file which is opened."""
    from fuzz.opened import Canaries, opens

    canaries = Canaries(tmp_path / "canary")
    assert not canaries.touched()
    with opens() as seen:
        digest = hashlib.sha256((tmp_path / "canary").read_bytes())
    assert digest.digest()
    assert canaries.touched()
    assert seen == [str(tmp_path / "canary")]
