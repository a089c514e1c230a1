"""Where LOOKALIKE_NO_SKIPS is set a skip fails the run, but for those of the list."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from skips import ALLOWED, is_allowed

TESTS = Path(__file__).parents[1]
ONE = "import pytest\ndef test_it():\n    pytest.skip({reason!r})\n"
MODULE = "import pytest\npytest.importorskip('nowhere_at_all', reason={reason!r})\ndef test_it(): pass\n"
EXPECTED = "import pytest\n@pytest.mark.xfail(strict=True, reason='known')\ndef test_it():\n    raise ValueError\n"
LISTED = "the extra 'astra' is not installed"


@pytest.mark.parametrize(
    ("no_skips", "failing"), [("", set()), ("1", {"unlisted", "module"})], ids=["skips are fine", "no skips"]
)
def test_a_skip_that_is_not_listed_fails_the_run(tmp_path: Path, no_skips: str, failing: set[str]) -> None:
    (tmp_path / "conftest.py").write_text((TESTS / "conftest.py").read_text(encoding="utf-8"))
    files = {
        "unlisted": ONE.format(reason="no data here"),
        "listed": ONE.format(reason=LISTED),
        "module": MODULE.format(reason="no such library"),
        "expected": EXPECTED,
        "passing": "def test_it(): pass\n",
    }
    for name, code in files.items():
        (tmp_path / f"test_{name}.py").write_text(code)
    environment = {
        **os.environ,
        "LOOKALIKE_NO_SKIPS": no_skips,
        "PYTHONPATH": f"{TESTS}:{os.environ.get('PYTHONPATH', '')}",
    }
    words = ("-q", "--continue-on-collection-errors", "-p", "no:cacheprovider", "-p", "no:xdist", str(tmp_path))
    command = [sys.executable, "-m", "pytest", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    failed = set(re.findall(r"^(?:FAILED|ERROR) test_(\w+)\.py", done.stdout, re.MULTILINE))
    assert failed == failing, done.stdout
    assert bool(done.returncode) is bool(failing)
    assert ("does not list this reason" in done.stdout) is bool(failing)


def test_the_list_is_short_and_says_why() -> None:
    assert len(ALLOWED) <= 9
    assert all(len(why.split()) > 5 for why in ALLOWED.values())
    assert is_allowed(f"Skipped: {LISTED}")
    assert not is_allowed(f"{LISTED}, nor is anything else")
