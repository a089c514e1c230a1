"""What was measured on one machine: the numbers in ``measured.toml``, and nothing else, feed the tables."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PLACE = Path(__file__).with_name("measured.toml")


@dataclass(frozen=True)
class Served:
    """A service that was measured: clients that ask again at once, on cores that they share with it, half of the
    searches with a filter. spent_ms: processor time of a search in all: HTTP and JSON, and the clients' own.
    """

    clients: int
    cores: int
    rate: float
    p99_ms: float
    spent_ms: float


@dataclass(frozen=True)
class Host:
    """A machine as it is rented. Assumed, not measured; price: of a month."""

    cores: int
    memory_bytes: float
    disk_bytes: float
    price: float


@dataclass(frozen=True)
class Measured:
    """Bytes a record and a vector, processor time, and the search times of one gallery of ``shard_vectors`` vectors.

    search_ms (n,): processor time of single searches of it. filtered_ms (n,): the same with a filter.
    """

    shard_vectors: float
    search_ms: NDArray[np.float64]
    filtered_ms: NDArray[np.float64]
    memory_bytes: float
    row_bytes: float
    thumbnail_bytes: float
    vector_bytes: float
    index_bytes: float
    build_seconds: float
    written_per_second: float
    embed_ms: float
    slice_embed_ms: float
    large_embed_ms: float
    served: Served
    host: Host


def read_measured(place: Path = PLACE) -> Measured:
    """From the file: every number stands beside the command that printed it."""
    said = tomllib.loads(place.read_text("utf-8"))
    search, filtered = (np.array(said["search"][name], np.float64) for name in ("search_ms", "filtered_ms"))
    told = {**said["gallery"], **said["time"], "served": Served(**said["served"]), "host": Host(**said["assumed"])}
    return Measured(search_ms=search, filtered_ms=filtered, **told)
