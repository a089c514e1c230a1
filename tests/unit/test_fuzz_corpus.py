"""What the fuzzer has found to reach new code, asked again without it: nothing of it breaks a boundary."""

from __future__ import annotations

import hashlib
import importlib
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BYTES = 16_000  # of the committed inputs of a boundary
sys.path.insert(0, str(ROOT))
from fuzz.__main__ import BOUNDARIES  # noqa: E402
from fuzz.dictionary import dictionary  # noqa: E402


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
