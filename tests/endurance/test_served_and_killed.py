"""SIGKILL of a server that is busy: what it has acknowledged is there when it starts again, once, and no job hangs."""

from __future__ import annotations

import os
import random
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest
from calling import Caller
from served import make_gallery, serving

from lookalike.gallery import open_gallery
from lookalike.store.damage import damage_of

pytestmark = pytest.mark.slow
KILLS = max(2, int(os.environ.get("LOOKALIKE_ENDURANCE", "24")) // 20)
SEED = int(os.environ.get("LOOKALIKE_ENDURANCE_SEED", "0"))


def killed_while_busy(folder: Path, root: Path, number: int, delay: float) -> Caller:
    with ThreadPoolExecutor() as pool:
        with suppress(AssertionError, httpx.TransportError), serving(folder, cold=True) as server:
            caller = Caller(server, root, number)
            asking = pool.submit(caller.run)
            wait([asking], delay)
            for process in [server.process, *server.process.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            wait([asking])
        asking.result()
    return caller


def test_what_a_killed_server_has_acknowledged_is_there(tmp_path: Path) -> None:
    folder = make_gallery(tmp_path)
    chance = random.Random(SEED)
    removed: set[str] = set()
    for number in range(KILLS):
        caller = killed_while_busy(folder, tmp_path, number, 0.3 + 5 * chance.random())
        removed |= caller.removed
        with serving(folder) as server:
            records = caller.check(server, removed)
        print(f"killed {number}: {caller.told()}")
        with open_gallery(folder) as gallery:
            assert not damage_of(gallery.store).read_again
            assert len(gallery.index()) == records
