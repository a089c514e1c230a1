"""IVF-RaBitQ beside the exact scan, at the size where an exact scan begins to be felt."""

from __future__ import annotations

from pathlib import Path

from benchmarks.report import Figure
from lookalike.errors import UsageError
from lookalike.verbs.benchmark_index import benchmark_index

VECTORS, DIM = 200_000, 768
RECALL, FASTER, MEMORY = 0.99, 40, 0.25


def run(_data: Path | None) -> list[Figure]:
    """Clustered vectors; each index is served from its file by a process of its own."""
    result = benchmark_index([VECTORS], [DIM], ["ivf-rabitq"], efforts=[1])
    coded = result.rows[1]
    if coded.times_faster is None or coded.memory_of_flat is None:
        raise UsageError(f"recall {coded.recall:.3f} is too low to tell a speed, or this system tells no memory")
    return [
        Figure("index_recall", coded.recall, RECALL, unit=f"recall@{result.k}"),
        Figure("index_speed", coded.times_faster, FASTER, notes=tuple(result.tables().splitlines())),
        Figure("index_memory", coded.memory_of_flat, MEMORY, unit="of flat", at_least=False),
    ]
