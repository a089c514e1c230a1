"""Bytes, machines and hours of a collection: arithmetic, nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from benchmarks.scale.measured import Measured

RATE, UTILISATION, COPIES = 10.0, 0.6, 2  # searches a second; of the cores; of every gallery
DISK_FREE = 2.0  # as much again as is stored, for a migration to another encoder, which keeps both


@dataclass(frozen=True)
class Case:
    """A collection. vectors: that are stored. asked: that a search goes through; the rest is read where it is needed.
    slices: whether they are slices of volumes, which have one row and thumbnail for all.
    """

    name: str
    records: float
    vectors: float
    asked: float
    slices: bool = False


CASES = (
    Case("1 million images", 1e6, 1e6, 1e6),
    Case("10 million", 1e7, 1e7, 1e7),
    Case("100 million", 1e8, 1e8, 1e8),
    Case("1 billion slices", 5e6, 1e9, 1e9, slices=True),
    Case("the same, volumes first", 5e6, 1e9, 5e6, slices=True),
)


@dataclass(frozen=True)
class Needs:
    """What a case takes. shards: galleries that a search asks. month: in the currency of the assumed price."""

    store_bytes: float
    index_bytes: float
    memory_bytes: float
    shards: int
    search_seconds: float
    hosts_to_hold: int
    hosts_to_answer: int
    hosts: int
    rebuild_seconds: float
    embed_seconds: float
    large_embed_seconds: float
    one_writer_seconds: float
    month: float


def needs(case: Case, measured: Measured) -> Needs:
    """By proportion from one gallery: bytes by records and vectors, times by the galleries that are asked."""
    shards = ceil(case.asked / measured.shard_vectors)
    store = case.records * (measured.row_bytes + measured.thumbnail_bytes) + case.vectors * measured.vector_bytes
    index, memory = case.asked * measured.index_bytes, shards * measured.memory_bytes
    search = shards * float(measured.search_ms.mean()) / 1000
    host = measured.host
    hold = max(ceil(memory / host.memory_bytes), ceil((store + index) * DISK_FREE / host.disk_bytes))
    answer = ceil(RATE * search / (UTILISATION * host.cores))
    hosts = max(COPIES * hold, answer, COPIES)
    cores = hosts * host.cores
    embed = case.vectors * (measured.slice_embed_ms if case.slices else measured.embed_ms) / 1000
    return Needs(
        store_bytes=store,
        index_bytes=index,
        memory_bytes=memory,
        shards=shards,
        search_seconds=search,
        hosts_to_hold=hold,
        hosts_to_answer=answer,
        hosts=hosts,
        rebuild_seconds=measured.build_seconds * max(1.0, COPIES * shards / cores),  # one is made by one core
        embed_seconds=embed / cores,
        large_embed_seconds=case.vectors * measured.large_embed_ms / 1000 / cores,
        one_writer_seconds=max(case.records / measured.written_per_second, embed / cores),
        month=hosts * host.price,
    )
