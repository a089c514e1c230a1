"""Galleries that no machine here can hold, on paper: docs/scale.md is what ``python -m benchmarks scale`` prints.

Everything is reckoned from what was measured on one machine (``measured.toml``, which says by which command): bytes and
machines by arithmetic (:mod:`benchmarks.scale.fleet`), waiting by simulation (:mod:`benchmarks.scale.waiting`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from benchmarks.report import Figure
from benchmarks.scale.fleet import CASES, Case, Needs, needs
from benchmarks.scale.measured import Measured, read_measured
from benchmarks.scale.waiting import Outcome, closed_loop, simulated

UTILISATIONS = (0.3, 0.6, 0.8)
SHARDS = (1, 10, 100, 1000)
LEAST_QUERIES, TASKS = 1000, 300_000
FITS = 0.35  # how far the simulated rate of the one measured service may be from the rate it had


def run(_data: Path | None) -> Iterator[Figure]:
    """The simulation held against the service that was measured, then the tables."""
    measured = read_measured()
    yield _against_the_real_one(measured)
    for title, lines in tables(measured).items():
        yield Figure(title, len(lines) - 2, unit="rows", notes=tuple(lines))


def tables(measured: Measured) -> dict[str, list[str]]:
    """The tables of docs/scale.md as lines of Markdown, by their titles."""
    return {
        "bytes, machines and hours": _needs(measured),
        "waiting by load": _waiting(measured),
        "one host of ten ends": _failing(measured),
    }


def _against_the_real_one(measured: Measured) -> Figure:
    """The simulated rate of the service that was measured, as a share of the rate that it had."""
    real = measured.served
    searches = np.concatenate([measured.search_ms, measured.filtered_ms])
    spent = (searches + real.spent_ms - searches.mean()) / 1000
    found = closed_loop(spent, clients=real.clients, cores=real.cores, queries=20_000, seed=0)
    share = found.rate / real.rate
    assert abs(share - 1) <= FITS, (found.rate, real.rate)
    told = f"measured {real.rate:.0f}/s, p99 {real.p99_ms:.0f} ms"
    notes = (f"simulated {found.rate:.0f}/s, p99 {1000 * found.p99:.0f} ms; {told}",)
    return Figure("simulated rate against the measured one", share, notes=notes)


def _needs(measured: Measured) -> list[str]:
    found = [(case, needs(case, measured)) for case in CASES]
    columns = {"": list(_ROWS)}
    columns |= {case.name: [told(case, each) for told in _ROWS.values()] for case, each in found}
    return _markdown(columns)


_ROWS: Mapping[str, Callable[[Case, Needs], str]] = {
    "vectors": lambda case, _found: _count(case.vectors),
    "store (rows, thumbnails, vectors)": lambda _case, found: _bytes(found.store_bytes),
    "indexes on disk": lambda _case, found: _bytes(found.index_bytes),
    "memory of all services": lambda _case, found: _bytes(found.memory_bytes),
    "galleries of a million vectors": lambda _case, found: f"{found.shards:,}",
    "processor time of a search": lambda _case, found: _seconds(found.search_seconds),
    "hosts for the data": lambda _case, found: f"{found.hosts_to_hold:,}",
    "hosts for 10 searches/s at 60 %": lambda _case, found: f"{found.hosts_to_answer:,}",
    "hosts, every gallery twice": lambda _case, found: f"{found.hosts:,}",
    "indexes made anew, on these": lambda _case, found: _seconds(found.rebuild_seconds),
    "embedded, on these": lambda _case, found: _seconds(found.embed_seconds),
    "embedded by ViT-B, on these": lambda _case, found: _seconds(found.large_embed_seconds),
    "embedded and written by one SQLite writer": lambda _case, found: _seconds(found.one_writer_seconds),
    "a month, at the assumed prices": lambda _case, found: f"{found.month:,.0f}",
}


def _waiting(measured: Measured) -> list[str]:
    columns: dict[str, list[str]] = {"galleries asked": [], **{f"at {share:.0%}": [] for share in UTILISATIONS}}
    for shards in SHARDS:
        columns["galleries asked"].append(f"{shards:,}")
        for share in UTILISATIONS:
            columns[f"at {share:.0%}"].append(_outcome(_asked(measured, shards, share)))
    return _markdown(columns)


def _asked(measured: Measured, shards: int, share: float) -> Outcome:
    """Searches of so many shards, a core for each, whose cores work for that share of the time."""
    host = measured.host
    hosts = max(1, -(-shards // host.cores))
    rate = share * hosts * host.cores / (shards * float(np.mean(measured.search_ms)) / 1000)
    queries = max(LEAST_QUERIES, min(20_000, TASKS // shards))
    spent = measured.search_ms / 1000
    return simulated(spent, shards=shards, hosts=hosts, cores=host.cores, rate=rate, queries=queries, seed=0)


def _failing(measured: Measured) -> list[str]:
    columns: dict[str, list[str]] = {
        "copies of a gallery": [],
        "searches answered in full": [],
        "p50 / p99 after it": [],
    }
    for copies in (1, 2):
        found = simulated(
            measured.search_ms / 1000, shards=100, hosts=10, cores=measured.host.cores, seed=0, queries=10_000,
            rate=0.5 * 10 * measured.host.cores / (100 * float(np.mean(measured.search_ms)) / 1000),
            copies=copies, fails_at=0.5,
        )  # fmt: skip
        columns["copies of a gallery"].append(f"{copies}")
        columns["searches answered in full"].append(f"{found.whole:.0%}")
        columns["p50 / p99 after it"].append(_outcome(found))
    return _markdown(columns)


def _outcome(found: Outcome) -> str:
    return f"{1000 * found.p50:,.0f} / {1000 * found.p99:,.0f} ms" if found.whole else "none is answered"


def _markdown(columns: dict[str, list[str]]) -> list[str]:
    head = f"| {' | '.join(columns)} |"
    rows = (f"| {' | '.join(row)} |" for row in zip(*columns.values(), strict=True))
    return [head, f"|{'---|' * len(columns)}", *rows]


def _count(number: float) -> str:
    return f"{number / 1e9:g} billion" if number >= 1e9 else f"{number / 1e6:g} million"


def _bytes(number: float) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9)):
        if number >= size:
            return f"{number / size:,.1f} {unit}"
    return f"{number / 1e6:,.0f} MB"


def _seconds(number: float) -> str:
    for unit, size in (("days", 86_400), ("hours", 3600), ("min", 60), ("s", 1)):
        if number >= size:
            return f"{number / size:,.1f} {unit}"
    return f"{1000 * number:,.0f} ms"


__all__ = ["Case", "Needs", "run", "tables"]
