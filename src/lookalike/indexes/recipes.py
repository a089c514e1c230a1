"""The approximate kinds as data: the FAISS structure to build, and how far it is searched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Recipe:
    """One kind, as data.

    factory: FAISS's factory string; {lists}, {bits} and {parts} follow from the size and the dimension.
    depth: how many candidates, beyond 2 k, are scored again from the float32 vectors.
    keeps_vectors: FAISS holds the float32 vectors in memory anyway, one after the other.
    exact_share: if a filter matches at most this share of the vectors, these are scanned. ef_construction, ef_search:
    of a graph. bits: of a hash, {bits} in the factory; 0 are two a dimension.
    """

    name: str
    factory: str
    metric: str = "METRIC_INNER_PRODUCT"
    depth: int = 0
    keeps_vectors: bool = False
    exact_share: float = 0.02
    ef_construction: int = 200
    ef_search: int = 128
    bits: int = 0


# Papers on retrieval use LSH and HNSW without stating parameters: two bits a dimension, M 32, efConstruction
# 200 and efSearch 128 are our choices. Depths reach recall@10 of .99 where clusters are loose and large.
HNSW: Final = Recipe("hnsw", "HNSW32,Flat", keeps_vectors=True, exact_share=1.0)
LSH: Final = Recipe("lsh", "LSH{bits}r", "METRIC_L2", depth=500)
IVF_FLAT: Final = Recipe("ivf-flat", "IVF{lists},Flat")
IVF_PQ: Final = Recipe("ivf-pq", "IVF{lists},PQ{parts}np", depth=300)
IVF_RABITQ: Final = Recipe("ivf-rabitq", "IVF{lists},RaBitQ2", depth=200, exact_share=0.0)
SQ8: Final = Recipe("sq8", "SQ8", depth=20)
LEAST_PROBES: Final = 16  # lists searched: the maximum of this number,
PROBED_SHARE: Final = 1 / 48  # this share of them,
HELD_PER_HIT: Final = 32  # and as many as hold this many vectors a hit.
FILTERED_SHARE: Final = 1 / 16
"""Of a filtered search as many lists as hold this share of all vectors in such that may be found, times the fourth root
of the share that may: the rarer they are, the more of them are looked at. Measured at a million for shares of a half to
a fiftieth, also where the filter goes with the vectors: these hold .99 of the ten nearest; the square root did not.
"""
