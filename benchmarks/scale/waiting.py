"""How long a search waits that asks many galleries at once and is as slow as the slowest: a simulation.

Searches come by chance (Poisson). Each asks every shard; a shard lies on one host, or on several: one of them is asked.
A host's cores take what waits in the order in which it came. How long a shard is at work is drawn from measured times.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Seconds = NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """p50, p99: seconds until the last answer, of searches answered in full. rate: a second.
    whole: the share that was answered in full, of those that came after a host had ended if one did.
    """

    p50: float
    p99: float
    rate: float
    whole: float


def simulated(
    spent: Seconds,
    *,
    shards: int,
    hosts: int,
    cores: int,
    rate: float,
    queries: int,
    seed: int,
    copies: int = 1,
    fails_at: float | None = None,
) -> Outcome:
    """The outcome of so many searches.

    spent (n,): seconds a shard was at work, measured. rate: searches a second. fails_at: after this share of the
    searches the first host ends; what it was to do goes to the other copies, and is missing where there are none.
    """
    random = np.random.default_rng(seed)
    came = np.cumsum(random.exponential(1 / rate, queries))
    after = np.zeros(queries, np.bool_) if fails_at is None else np.arange(queries) >= fails_at * queries
    asked = _placed(shards, hosts, copies, after, random)
    ended = np.zeros(queries)
    for host in range(hosts):
        query, _ = np.nonzero(asked == host)
        done = _served(came[query], random.choice(spent, len(query)), cores)
        np.maximum.at(ended, query, done)
    whole: NDArray[np.bool_] = np.all(asked >= 0, axis=1)
    counted = after if fails_at is not None else np.ones(queries, np.bool_)
    waited = (ended - came)[whole & counted]
    share = float(whole[counted].mean())
    if not len(waited):
        return Outcome(float("nan"), float("nan"), 0.0, share)
    p50, p99 = np.percentile(waited, (50, 99))
    return Outcome(float(p50), float(p99), float(len(came) / ended.max()), share)


def _placed(
    shards: int, hosts: int, copies: int, after: NDArray[np.bool_], random: np.random.Generator
) -> NDArray[np.int64]:
    """(queries, shards): the host that is asked, -1 where none is left. Copies lie on hosts that follow each other."""
    holds = (np.arange(shards)[:, None] + np.arange(copies)[None, :]) % hosts
    chosen = random.integers(0, copies, (len(after), shards))
    asked = np.take_along_axis(np.broadcast_to(holds, (len(after), shards, copies)), chosen[..., None], axis=2)[..., 0]
    lost = after[:, None] & (asked == 0)
    other = np.where(copies > 1, holds[np.arange(shards), (chosen + 1) % copies], -1)
    return np.where(lost, other, asked)


def _served(came: Seconds, spent: Seconds, cores: int) -> Seconds:
    """When each ends of what comes to one host, in the order of coming."""
    free = [0.0] * cores
    ended = np.empty(len(came))
    for number, (arrival, work) in enumerate(zip(came.tolist(), spent.tolist(), strict=True)):
        ended[number] = max(arrival, free[0]) + work
        heapq.heapreplace(free, ended[number])
    return ended


def closed_loop(spent: Seconds, *, clients: int, cores: int, queries: int, seed: int) -> Outcome:
    """The outcome where each client asks again as soon as it has its answer."""
    work = np.random.default_rng(seed).choice(spent, queries)
    asks, free, waited = [0.0] * clients, [0.0] * cores, np.empty(queries)
    for number in range(queries):
        arrival = asks[0]
        ended = max(arrival, free[0]) + float(work[number])
        heapq.heapreplace(free, ended)
        heapq.heapreplace(asks, ended)
        waited[number] = ended - arrival
    p50, p99 = np.percentile(waited, (50, 99))
    return Outcome(float(p50), float(p99), queries / max(asks), 1.0)
