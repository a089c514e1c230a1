"""Filters that cost the most, on 20,000 records over HTTP: each is answered, as brute force says, or refused in time.

One caller alone, and 34 at once as an image of another site's page could once make them, with ``/healthz`` meanwhile.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.report import Figure
from benchmarks.server_load import serving
from lookalike.filters import matches, parse
from lookalike.gallery import Gallery, open_gallery
from lookalike.store import Batch, NewRecord

RECORDS, TOGETHER = 20_000, 2_000
TERMS, AT_ONCE = (50, 100, 200, 400), 34
TARGET, HEALTH = 2.0, 1.0  # seconds
REFUSALS = {"usage", "filter-slow", "filter-busy"}


@dataclass(frozen=True)
class Asked:
    """seconds: until the answer was there. reason: of a refusal, "" for an answer; found: its records."""

    seconds: float
    reason: str
    found: int | None


def run(_data: Path | None) -> list[Figure]:
    """A gallery of records with labels, a field of text and a number, and a service of its own process."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "g"
        with open_gallery(folder, create=True) as gallery:
            labels = fill(gallery)
            gallery.index()
        with serving(folder) as (port, _process):
            alone = {terms: [each(port, filter_of(terms)) for each in (records, facets, search)] for terms in TERMS}
            at_once, health = crowd(port, filter_of(100))
    for terms, answers in alone.items():
        check(answers, expected(filter_of(terms), labels))
    check(at_once, expected(filter_of(100), labels))
    slowest = max(each.seconds for answers in alone.values() for each in answers)
    told = [f"{terms} terms: " + ", ".join(map(shown_as, answers)) for terms, answers in alone.items()]
    reasons = Counter(each.reason or "answered" for each in at_once)
    return [
        Figure("filters, one alone", slowest, TARGET, "s", at_least=False, notes=("records, facets, search", *told)),
        Figure(
            f"filters, {AT_ONCE} at once",
            max(each.seconds for each in at_once),
            TARGET,
            "s",
            at_least=False,
            notes=(", ".join(f"{many} {reason}" for reason, many in reasons.items()),),
        ),
        Figure("filters, /healthz meanwhile", max(health), HEALTH, "s", at_least=False),
    ]


def fill(gallery: Gallery) -> list[str]:
    """The label of each record."""
    vectors = np.random.default_rng(0).normal(size=(RECORDS, 1, gallery.spec.dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    labels = [f"finding {number % 500}" for number in range(RECORDS)]
    for start in range(0, RECORDS, TOGETHER):
        gallery.store.write(Batch(records=[_record(i, labels[i], vectors[i]) for i in range(start, start + TOGETHER)]))
    return labels


def _record(i: int, label: str, vector: np.ndarray) -> NewRecord:
    fields = {"Modality": "CR" if i % 2 else "DX", "site": f"site {i % 40}", "PatientAge": float(i % 90)}
    return NewRecord(f"/data/{i}.dcm", f"{i:064x}", 0, f"p{i // 2}", (label,), fields, vector, b"jpeg")


def filter_of(terms: int) -> str:
    """Nothing but texts that are looked into; one of them is found."""
    return " or ".join(["label~'FINDING 77'", *(f"label~z{number}" for number in range(terms - 1))])


def expected(where: str, labels: list[str]) -> int | None:
    """How many records satisfy a filter, by brute force; None where it may not be asked."""
    if where.count("~") > 100:
        return None
    tree = parse(where)
    meant = {label: matches(tree, {"label": [label]}) for label in set(labels)}
    return sum(meant[label] for label in labels)


def check(answers: list[Asked], count: int | None) -> None:
    """Each answer is brute force's, each refusal one that says why."""
    for each in answers:
        assert each.reason in REFUSALS if each.found is None else each.found == count, (each, count)


def crowd(port: int, where: str) -> tuple[list[Asked], list[float]]:
    """``AT_ONCE`` callers at once, and how long ``/healthz`` took meanwhile."""
    ended, health = threading.Event(), [_seconds(port)]
    watch = threading.Thread(target=lambda: health.extend(_seconds(port) for _ in iter(ended.is_set, True)))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        watch.start()
        ways = (records, facets, search)
        at_once = list(pool.map(lambda number: ways[number % 3](port, where), range(AT_ONCE)))
    ended.set()
    watch.join()
    return at_once, health


def _seconds(port: int) -> float:
    started = time.perf_counter()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=60):
        return time.perf_counter() - started


def records(port: int, where: str) -> Asked:
    """A page of 1,000 records."""
    return _asked(_get(port, "records", where=where, limit="1000"), lambda said: len(said["items"]))


def facets(port: int, where: str) -> Asked:
    """The number of records with any label of the facet."""
    return _asked(
        _get(port, "facets", where=where), lambda said: sum(one["count"] for one in said["items"][0]["values"])
    )


def search(port: int, where: str) -> Asked:
    """A search for as many hits as there can be."""
    body = {"query": {"vector": [1.0] + [0.0] * 383}, "where": where, "k": 1000}
    kind = {"Content-Type": "application/json"}
    url = f"http://127.0.0.1:{port}/api/v1/search"
    return _asked(urllib.request.Request(url, json.dumps(body).encode(), kind), lambda said: len(said["hits"]))


def _get(port: int, what: str, **parameters: str) -> urllib.request.Request:
    return urllib.request.Request(f"http://127.0.0.1:{port}/api/v1/{what}?{urllib.parse.urlencode(parameters)}")


def _asked(request: urllib.request.Request, count: Callable[[dict], int]) -> Asked:  # type: ignore[type-arg]
    started = time.perf_counter()
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            said = json.load(answer)
    except urllib.error.HTTPError as error:
        return Asked(time.perf_counter() - started, json.load(error)["reason"], None)
    return Asked(time.perf_counter() - started, "", count(said))


def shown_as(each: Asked) -> str:
    """As a note tells it."""
    return f"{each.seconds:.2f} s {each.reason or each.found}"
