"""Where LOOKALIKE_NO_SKIPS is set a skip fails the run, but for those of the list."""

from __future__ import annotations

import os
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
    ("code", "reason", "no_skips", "passes"),
    [
        (ONE, "no data here", "", True),
        (ONE, "no data here", "1", False),
        (ONE, LISTED, "1", True),
        (MODULE, "no such library", "", True),
        (MODULE, "no such library", "1", False),
        (EXPECTED, "", "1", True),
    ],
)
def test_a_skip_that_is_not_listed_fails_the_run(
    tmp_path: Path, code: str, reason: str, no_skips: str, passes: bool
) -> None:
    (tmp_path / "conftest.py").write_text((TESTS / "conftest.py").read_text(encoding="utf-8"))
    (tmp_path / "test_one.py").write_text(code.format(reason=reason))
    (tmp_path / "test_two.py").write_text("def test_it(): pass\n")
    environment = {
        **os.environ,
        "LOOKALIKE_NO_SKIPS": no_skips,
        "PYTHONPATH": f"{TESTS}:{os.environ.get('PYTHONPATH', '')}",
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert (done.returncode == 0) is passes, done.stdout
    assert ("does not list this reason" in done.stdout) is not passes


def test_the_list_is_short_and_says_why() -> None:
    assert len(ALLOWED) <= 5
    assert all(len(why.split()) > 5 for why in ALLOWED.values())
    assert is_allowed(f"Skipped: {LISTED}")
    assert not is_allowed(f"{LISTED}, nor is anything else")
