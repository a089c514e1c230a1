"""Prometheus metrics: counts of requests, and how long each stage takes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPMethod
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

_SECONDS: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0)
_GAUGES: Final = {
    "records": "Records in the gallery",
    "jobs_open": "Jobs queued or running",
    "last_backup_timestamp_seconds": "When the last backup was made; 0 for never",
}
_OTHER: Final = ("other", "any")
_METHODS: Final = frozenset(HTTPMethod)
SHARED_METRICS: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable by which several processes of a service know where they count together (``prometheus_client``)."""


def route_of(scope: Mapping[str, Any]) -> tuple[str, str]:
    """A request's route and method, for labels and logs. Only routes have a name of their own, by their template, and
    methods that HTTP knows, so that nobody who asks invents one.
    """
    route = getattr(scope.get("route"), "path", "")
    return (str(route), str(scope["method"])) if route and scope["method"] in _METHODS else _OTHER


@dataclass(frozen=True, slots=True)
class GalleryFigures:
    """jobs: how many are in each state. last_backup: when it was made, in seconds since 1970; 0 for never."""

    records: int
    jobs: Mapping[str, int]
    last_backup: float


class Metrics:
    """The metrics of one service, in a registry of their own; of one of several processes, in files that all share."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._shared = os.environ.get(SHARED_METRICS)
        self._requests = Counter(
            "lookalike_requests", "Requests answered", ["route", "method", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "lookalike_request_seconds", "Time to answer", ["route"], buckets=_SECONDS, registry=self._registry
        )
        self._stages = Histogram(
            "lookalike_stage_seconds",
            "Time of each stage of a search",
            ["stage"],
            buckets=_SECONDS,
            registry=self._registry,
        )

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a finished request. route, method: as ``route_of`` names them."""
        self._requests.labels(route, method, status).inc()
        self._seconds.labels(route).observe(seconds)

    def stages(self, seconds: Mapping[str, float]) -> None:
        """Record the seconds of a verb's stages."""
        for name, value in seconds.items():
            self._stages.labels(name).observe(value)

    def text(self, galleries: Mapping[str, GalleryFigures]) -> bytes:
        """The metrics in Prometheus's text format, of all processes of the service. galleries: the figures of each, at
        this moment, by name; of no other is anything said.
        """
        counted = CollectorRegistry()
        if self._shared is not None:
            MultiProcessCollector(counted, self._shared)  # type: ignore[no-untyped-call]
        now = CollectorRegistry()
        now.register(_Now(galleries, _live_processes(self._shared) if self._shared else [os.getpid()]))
        return generate_latest(self._registry if self._shared is None else counted) + generate_latest(now)


class _Now(Collector):
    """What is so at this moment: of galleries, and of processes, summed."""

    def __init__(self, galleries: Mapping[str, GalleryFigures], processes: list[int]) -> None:
        self._galleries, self._processes = galleries, processes

    def collect(self) -> Iterator[Metric]:
        """The figures."""
        yield GaugeMetricFamily("lookalike_galleries", "Galleries that are open", len(self._galleries))
        families = {
            name: GaugeMetricFamily(f"lookalike_{name}", text, labels=["gallery"]) for name, text in _GAUGES.items()
        }
        states = GaugeMetricFamily("lookalike_jobs", "Jobs by state", labels=["gallery", "state"])
        for name, figures in self._galleries.items():
            families["records"].add_metric([name], figures.records)
            families["jobs_open"].add_metric([name], figures.jobs["queued"] + figures.jobs["running"])
            families["last_backup_timestamp_seconds"].add_metric([name], figures.last_backup)
            for state, count in figures.jobs.items():
                states.add_metric([name, state], count)
        yield from (*families.values(), states, *self._of_processes())

    def _of_processes(self) -> Iterable[Metric]:
        found: dict[str, Metric] = {}
        for process in self._processes:
            for each in ProcessCollector(pid=partial(int, process), registry=None).collect():
                joined = found.setdefault(each.name, each)
                if joined is not each:
                    together = min if each.name == "process_start_time_seconds" else _sum
                    pairs = zip(joined.samples, each.samples, strict=True)
                    joined.samples = [old._replace(value=together(old.value, new.value)) for old, new in pairs]
        return found.values()


def _sum(first: float, second: float) -> float:
    return first + second


def _live_processes(folder: str) -> list[int]:
    """The processes that have counted something and are alive: each file's name ends with one's number."""
    numbers = {int(path.stem.rpartition("_")[2]) for path in Path(folder).glob("*.db")}
    return sorted(number for number in numbers if Path(f"/proc/{number}/stat").exists())
