"""Prometheus metrics: counts of requests, and how long each stage takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

_SECONDS: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0)


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
            name: Gauge(f"lookalike_{name}", text, registry=self._registry)
            for name, text in (("records", "Records in the gallery"), ("jobs_open", "Jobs queued or running"))
        }

    def request(self, scope: Mapping[str, Any], status: int, seconds: float) -> None:
        """Count a finished request. Only routes have a label of their own, so that clients cannot invent labels."""
        route = getattr(scope.get("route"), "path", "other")
        self._requests.labels(route, scope["method"] if route != "other" else "any", status).inc()
        self._seconds.labels(route).observe(seconds)

    def stages(self, seconds: Mapping[str, float]) -> None:
        """Record the seconds of a verb's stages."""
        for name, value in seconds.items():
            self._stages.labels(name).observe(value)

    def text(self, **gauges: float) -> bytes:
        """The metrics in Prometheus's text format. gauges: values at this moment."""
        for name, value in gauges.items():
            self._gauges[name].set(value)
        return generate_latest(self._registry)
