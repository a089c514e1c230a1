"""SIGKILL while a backup is restored: there is no gallery yet, or all of it; and the same restore again ends."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from conftest import write_pictures
from lookalike.gallery import open_gallery
from lookalike.verbs.backup import backup_gallery, restore_gallery, verify_gallery
from lookalike.verbs.index import index

pytestmark = pytest.mark.slow
KILLS = max(10, int(os.environ.get("LOOKALIKE_ENDURANCE", "24")) // 5)
SEED = int(os.environ.get("LOOKALIKE_ENDURANCE_SEED", "0"))
RESTORE = """
import sys
from lookalike.verbs.backup import restore_gallery
print("begun", flush=True)
restore_gallery(*sys.argv[1:])
print("done", flush=True)
"""


def test_a_restore_that_is_killed_leaves_nothing_or_all(tmp_path: Path) -> None:
    with open_gallery(tmp_path / "g", create=True) as gallery:
        index(gallery, [write_pictures(tmp_path / "pictures")])
        backup_gallery(gallery, tmp_path / "b")
        wanted = sorted(record.id for record in gallery.store.records().values())
    chance, seen = random.Random(SEED), Counter[str]()
    took = killed_after(None, tmp_path / "b", tmp_path / "whole")[1]
    for number in range(KILLS):
        target = tmp_path / f"t{number}"
        done, _ = killed_after(chance.random() * took, tmp_path / "b", target)
        assert target.exists() or not done
        seen["all" if target.exists() else "nothing"] += 1
        if not target.exists():
            restore_gallery(tmp_path / "b", target)
        assert verify_gallery(target).sound
        with open_gallery(target) as gallery:
            assert sorted(record.id for record in gallery.store.records().values()) == wanted
        shutil.rmtree(target)
    print(f"\n{KILLS} restores killed: {dict(seen)}")
    assert seen["nothing"]


def killed_after(seconds: float | None, backup: Path, target: Path) -> tuple[bool, float]:
    """Whether a restore said that it had done, and how long until then. seconds: then it is killed."""
    command = [sys.executable, "-c", RESTORE, str(backup), str(target)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        began = time.monotonic()
        if seconds is not None:
            time.sleep(seconds)
            process.kill()
        return process.stdout.readline() == "done\n", time.monotonic() - began
