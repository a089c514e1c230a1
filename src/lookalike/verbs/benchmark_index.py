"""benchmark index: memory, speed and recall of each index kind, over sizes and dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Final

import numpy as np

from lookalike.errors import UsageError
from lookalike.evaluation.benchmarks.indexes import (
    INDEXES,
    REFERENCE,
    IndexBenchmark,
    IndexRow,
    beside_flat,
    clustered,
    measure_index,
)
from lookalike.indexes.exact import nearest
from lookalike.machine import usable_processors
from lookalike.plugins import load_plugin, plugin_names
from lookalike.progress import Progress, followed_by, tracked

EFFORTS: Final = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0)


def benchmark_index(
    sizes: Sequence[int] = (10_000,),
    dims: Sequence[int] = (384,),
    kinds: Sequence[str] = (),
    *,
    k: int = 10,
    queries: int = 300,
    efforts: Sequence[float] = EFFORTS,
    seed: int = 0,
    progress: Progress | None = None,
) -> IndexBenchmark:
    """Measure index kinds (all if none is named) on clustered unit vectors of every size and dimension.

    ``flat`` is always measured: it is the reference for memory and speed. efforts: the search efforts to try with
    the kinds that have that setting; 1, the default effort, is always among them.

    Raises UsageError for an unknown kind, or a number below 1; LookalikeError if an index does not hold
    the vectors that were put into it.
    """
    if min(*sizes, *dims, k, queries) < 1 or min(efforts, default=1) <= 0:
        raise UsageError("sizes, dimensions, k, queries and efforts must be above 0")
    names = list(dict.fromkeys([REFERENCE, *(kinds or plugin_names(INDEXES))]))
    factories = {name: load_plugin(INDEXES, name) for name in names}
    rows: list[IndexRow] = []
    with followed_by(progress):
        for size, dim in tracked([*product(sizes, dims)]):
            vectors, queried = clustered(size, dim, seed), clustered(queries, dim, seed, 1, clusters_of=size)
            truth = nearest(queried, k, np.arange(size), vectors)[0]
            flat: IndexRow | None = None
            for factory in tracked([*factories.values()]):
                row = measure_index(factory(dim), vectors, queried, truth, sorted({1.0, *efforts}))
                flat = flat or row
                rows.append(beside_flat(row, flat))
    return IndexBenchmark(k, queries, seed, usable_processors(), tuple(rows))
