"""``python -m benchmarks.scale.measure GALLERY``: what a gallery of ``grows --data`` gives to ``measured.toml``.

Processor time of single searches, which other programs do not lengthen as they do the time by the clock.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import psutil

from benchmarks.by_id import sha256_of
from lookalike.gallery import Gallery, open_gallery
from lookalike.store import record_id
from lookalike.verbs.search import search

QUERIES, WARM, K = 300, 20, 10
WHERE = "by_chance<500"  # a half of the records


def main(folder: Path) -> None:
    """Print the lines of the file's tables [search] and [gallery]."""
    with open_gallery(folder) as gallery:
        gallery.store.hold()
        count = len(gallery.index())
        rows = np.random.default_rng(3).integers(0, count, QUERIES + WARM).tolist()
        for name, where in (("search_ms", None), ("filtered_ms", WHERE)):
            spent = [_spent(gallery, row, where) for row in rows][WARM:]
            print(f"{name} = [{', '.join(f'{1000 * each:.1f}' for each in spent)}]")
        held = psutil.Process().memory_full_info()
        size = sum(each.stat().st_size for each in (folder / "indexes").iterdir())
        print(f"shard_vectors = {count}")
        print(f"memory_bytes = {held.uss}  # {held.rss} resident")
        print(f"index_bytes = {size / count:.0f}")


def _spent(gallery: Gallery, row: int, where: str | None) -> float:
    began = time.process_time()
    found = search(gallery, id=record_id(sha256_of(row), 0), k=K, where=where)
    assert len(found.hits) == K
    return time.process_time() - began


if __name__ == "__main__":
    main(Path(sys.argv[1]))
