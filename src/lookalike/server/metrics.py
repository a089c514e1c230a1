"""Prometheus metrics: counts of requests, and how long each stage takes."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

_SECONDS: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0)
_GAUGES: Final = {
    "records": "Records in the gallery",
    "jobs_open": "Jobs queued or running",
    "last_backup_timestamp_seconds": "When the last backup was made; 0 for never",
}
_OTHER: Final = ("other", "any")


def route_of(scope: Mapping[str, Any]) -> tuple[str, str]:
    """A request's route and method, for labels and logs. Only routes have a name of their own, by their template, so
    that nobody who asks invents one.
    """
    route = getattr(scope.get("route"), "path", "")
    return (str(route), str(scope["method"])) if route else _OTHER


@dataclass(frozen=True, slots=True)
class GalleryFigures:
    """jobs: how many are in each state. last_backup: when it was made, in seconds since 1970; 0 for never."""

    records: int
    jobs: Mapping[str, int]
    last_backup: float


class Metrics:
    """The metrics of one service, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
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
        self._gauges = {
            name: Gauge(f"lookalike_{name}", text, ["gallery"], registry=self._registry)
            for name, text in _GAUGES.items()
        }
        self._jobs = Gauge("lookalike_jobs", "Jobs by state", ["gallery", "state"], registry=self._registry)
        self._galleries = Gauge("lookalike_galleries", "Galleries that are open", registry=self._registry)
        self._telling = threading.Lock()

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a finished request. route, method: as ``route_of`` names them."""
        self._requests.labels(route, method, status).inc()
        self._seconds.labels(route).observe(seconds)

    def stages(self, seconds: Mapping[str, float]) -> None:
        """Record the seconds of a verb's stages."""
        for name, value in seconds.items():
            self._stages.labels(name).observe(value)

    def text(self, galleries: Mapping[str, GalleryFigures]) -> bytes:
        """The metrics in Prometheus's text format. galleries: the figures of each, at this moment, by name; of no other
        is anything said.
        """
        with self._telling:
            for gauge in (self._jobs, *self._gauges.values()):
                gauge.clear()
            self._galleries.set(len(galleries))
            for name, figures in galleries.items():
                self._gauges["records"].labels(name).set(figures.records)
                self._gauges["jobs_open"].labels(name).set(figures.jobs["queued"] + figures.jobs["running"])
                self._gauges["last_backup_timestamp_seconds"].labels(name).set(figures.last_backup)
                for state, count in figures.jobs.items():
                    self._jobs.labels(name, state).set(count)
            return generate_latest(self._registry)
