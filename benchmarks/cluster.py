"""An index on a Ray cluster beside one on this machine, of the same radiographs in one run.

``LOOKALIKE_RAY=ray://HOST:PORT``, or ``ray``, names the cluster. Records and vectors are compared before any rate is
told; both runs are whole, that of the cluster with the start of its workers.
"""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.report import Figure
from benchmarks.timing import busy_note, interleave
from lookalike.errors import UsageError
from lookalike.gallery import open_gallery
from lookalike.sources.collections.synthetic import write_collection
from lookalike.verbs.index import index

FILES: Final = 600
ROUNDS: Final = 3


def run(_data: Path | None) -> list[Figure]:
    """Every round indexes all files into two new galleries. Raises UsageError where no cluster is named."""
    address = os.environ.get("LOOKALIKE_RAY", "")
    if not address:
        raise UsageError("the benchmark of clusters needs one: LOOKALIKE_RAY=ray://HOST:PORT")
    with tempfile.TemporaryDirectory() as scratch:
        images = write_collection(Path(scratch) / "radiographs", count=FILES).parent / "images"
        (images / "broken.dcm").write_bytes(b"no image" * 100)
        made: dict[str, Any] = {}
        timings = interleave(
            ROUNDS,
            here=_indexing(Path(scratch), images, "here", made),
            cluster=_indexing(Path(scratch), images, address, made),
        )
    here, cluster = (FILES / timings[name].seconds for name in ("here", "cluster"))
    notes = (f"here {here:.1f}/s, on the cluster {cluster:.1f}/s", made[address][0], busy_note(timings))
    return [Figure("radiographs a second on the cluster: of those here", cluster / here, notes=notes)]


def _indexing(scratch: Path, images: Path, on: str, made: dict[str, Any]) -> Callable[[], None]:
    """Index the files, and compare with what was made before. made: by where: what the run noted, and its vectors."""
    numbers = itertools.count()

    def once() -> None:
        with open_gallery(scratch / f"{len(made)}-{next(numbers)}-{on[:4]}", create=True) as gallery:
            result = index(gallery, [images], on=on)
            assert (result.added, len(result.refused), result.records) == (FILES, 1, FILES), result
            records = gallery.store.records().values()
            vectors = {record.id: gallery.store.vectors_of(record.key) for record in records}
        for _note, others in made.values():
            assert others.keys() == vectors.keys()
            assert all(np.allclose(vectors[identity], other, atol=1e-5) for identity, other in others.items())
        made[on] = next((note for note in result.notes if note.startswith("encoded on")), ""), vectors

    return once
