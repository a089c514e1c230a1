"""The reckoning of docs/scale.md: the simulation against queueing theory, the tables against the page."""

from __future__ import annotations

from dataclasses import replace
from math import factorial
from pathlib import Path

import numpy as np
import pytest
from benchmarks.scale import tables
from benchmarks.scale.fleet import CASES, needs
from benchmarks.scale.measured import read_measured
from benchmarks.scale.waiting import closed_loop, simulated

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"
ONE_HOST = {"shards": 1, "hosts": 1, "queries": 100_000, "seed": 1}


def erlang_waits(servers: int, load: float) -> float:
    """Erlang C: the chance that who comes has to wait. load: arrivals times service time."""
    top = load**servers / factorial(servers) * servers / (servers - load)
    return top / (sum(load**k / factorial(k) for k in range(servers)) + top)


@pytest.mark.parametrize(("cores", "share"), [(1, 0.5), (4, 0.8), (16, 0.9)])
def test_it_waits_as_long_as_theory_says(cores: int, share: float) -> None:
    spent = np.random.default_rng(0).exponential(0.01, 50_000)
    rate = share * cores / float(spent.mean())
    found = simulated(spent, cores=cores, rate=rate, **ONE_HOST)
    # M/M/c: P(T > t) by the exponential service and, with the chance of Erlang C, the wait before it
    waits, mu = erlang_waits(cores, share * cores), 1 / float(spent.mean())
    gap = cores * mu * (1 - share)
    times = np.linspace(0, 2, 400_001)
    own = np.exp(-mu * times)
    beyond = own + waits * (
        mu / (mu - gap) * (np.exp(-gap * times) - own) if abs(mu - gap) > 1e-9 else mu * times * own
    )
    for told, level in ((found.p50, 0.5), (found.p99, 0.01)):
        assert told == pytest.approx(times[np.searchsorted(-beyond, -level)], rel=0.08)
    assert found.rate == pytest.approx(rate, rel=0.02)


def test_the_slowest_of_many_is_the_answer() -> None:
    """With no queue at all, the median of the slowest of 100 is the 99.3rd percentile of one."""
    spent = np.linspace(0.001, 0.1, 10_000)
    found = simulated(spent, shards=100, hosts=100, cores=8, rate=0.01, queries=4000, seed=2)
    assert found.p50 == pytest.approx(np.quantile(spent, 0.5 ** (1 / 100)), rel=0.01)


def test_a_host_that_ends_takes_its_answers_along_unless_another_has_a_copy() -> None:
    spent, some = np.full(10, 0.01), {"shards": 20, "hosts": 10, "cores": 4, "rate": 10, "queries": 2000, "seed": 3}
    alone = simulated(spent, copies=1, fails_at=0.5, **some)
    assert alone.whole == 0
    twice = simulated(spent, copies=2, fails_at=0.5, **some)
    assert twice.whole == 1
    assert twice.p99 < 0.1


def test_a_closed_loop_is_as_fast_as_its_cores() -> None:
    spent = np.full(10, 0.004)
    found = closed_loop(spent, clients=16, cores=2, queries=10_000, seed=4)
    assert found.rate == pytest.approx(500, rel=0.01)
    assert found.p50 == pytest.approx(16 / 500, rel=0.02)  # Little's law


def test_what_is_needed_grows_with_what_is_stored() -> None:
    measured = read_measured()
    small, larger = (needs(case, measured) for case in CASES[:2])
    assert larger.store_bytes == pytest.approx(10 * small.store_bytes)
    assert larger.embed_seconds * larger.hosts == pytest.approx(10 * small.embed_seconds * small.hosts)
    dearer = needs(CASES[0], replace(measured, host=replace(measured.host, price=7.0)))
    assert dearer.month == 7 * small.hosts


def test_the_page_shows_what_the_code_prints() -> None:
    page = PAGE.read_text("utf-8")
    for title, lines in tables(read_measured()).items():
        assert "\n".join(lines) in page, f"{title}: copy it from `python -m benchmarks scale`"
