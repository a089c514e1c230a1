"""benchmark encoders: the table of the papers, encoders by precision at k, one for each collection.

Everything is kept in a cache folder and keyed by content: a gallery by the encoder's identity and the
collection's fingerprint, a report by those and the protocol's parameters. An interrupted run goes on where it
stopped.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from lookalike import encoders as catalogue
from lookalike.atomic import write_atomically
from lookalike.errors import LookalikeError, UsageError
from lookalike.evaluation.benchmarks.encoders import EncoderBenchmark, Run
from lookalike.evaluation.benchmarks.joined import joined
from lookalike.evaluation.benchmarks.probes import Probes, probe
from lookalike.evaluation.experiment import MeasuredSpace
from lookalike.evaluation.protocols.declared import DEFAULT_KS, PublishedOptions
from lookalike.evaluation.protocols.published import PUBLISHED, Cases
from lookalike.evaluation.report import Report
from lookalike.gallery import Gallery, gallery_to_fill, open_gallery
from lookalike.progress import Progress
from lookalike.sources.collections.catalogue import open_dataset, seen
from lookalike.sources.collections.collection import Dataset
from lookalike.store import BASE
from lookalike.text import absolute
from lookalike.types import EncoderSpec
from lookalike.verbs.index import index

COMBINED: Final = "all together"
_PROBES: Final = ", probes"  # beside a protocol's name, in the key of what is kept
_FORM: Final = 3  # of a cached report; another number, or another version of the package, invalidates every report
_PROTOCOLS: Final = {protocol.name: protocol for protocol in PUBLISHED}


@dataclass(frozen=True, slots=True)
class _Task:
    """What all runs share."""

    cache: Path
    ks: tuple[int, ...]
    protocols: tuple[str, ...]
    seed: int
    samples: int

    @property
    def options(self) -> PublishedOptions:
        """The options that every protocol gets."""
        return PublishedOptions(k=self.ks, seed=self.seed, samples=self.samples)


def benchmark_encoders(
    encoders: Sequence[str],
    data: Sequence[str],
    *,
    cache: str | os.PathLike[str],
    protocols: Sequence[str] = (),
    k: Sequence[int] = DEFAULT_KS,
    combined: bool = False,
    seed: int = 0,
    samples: int = 2000,
    say: Callable[[str], None] = lambda _line: None,
    progress: Progress | None = None,
) -> EncoderBenchmark:
    """Score encoders on collections. data: sources as ``open_dataset`` takes them, ``[NAME=]PATH[?key=value]``.

    protocols: names; without any ``denner``, and ``multilabel`` too where a picture bears several labels.
    combined: score all collections together as well, as the source paper does. say: called with each step.

    An encoder that cannot be used (weights or packages missing) is left out with the reason, and the others
    run. Raises UsageError: none can be used, an unknown name, a collection that is not laid out as expected.
    """
    task = _Task(absolute(cache), tuple(sorted(set(k))), tuple(protocols), seed, samples)
    if unknown := [name for name in protocols if name not in _PROTOCOLS]:
        raise UsageError(f"no protocol is called {unknown[0]!r}; known: {', '.join(_PROTOCOLS)}")
    if not encoders or not data or not task.ks:
        raise UsageError("name at least one encoder, one collection and one k")
    datasets = [open_dataset(source) for source in data]
    if len({dataset.name for dataset in datasets}) < len(datasets):
        raise UsageError("two collections have one name; give one of them another: PATH?as=NAME")
    specs = {name: catalogue.describe(name) for name in dict.fromkeys(encoders)}
    runs: list[Run] = []
    left_out: dict[str, str] = {}
    refused: dict[str, int] = {}
    for name, spec in specs.items():
        try:
            runs += _runs_of(task, spec, datasets, combined, refused, say, progress)
        except LookalikeError as error:
            left_out[name] = str(error)
            say(f"{name} is left out: {error}")
    if not runs:
        raise UsageError("nothing could be scored: " + "; ".join(left_out.values()))
    return EncoderBenchmark(
        _ordered(runs, datasets, list(specs)),
        task.ks,
        left_out,
        refused,
        {dataset.name: _facts(dataset) for dataset in datasets},
    )


def _ordered(runs: Sequence[Run], datasets: Sequence[Dataset], encoders: Sequence[str]) -> tuple[Run, ...]:
    names = [*(dataset.name for dataset in datasets), COMBINED]
    known = list(_PROTOCOLS)
    return tuple(
        sorted(runs, key=lambda run: (names.index(run.dataset), known.index(run.protocol), encoders.index(run.encoder)))
    )


def _facts(dataset: Dataset) -> dict[str, Any]:
    about = dataset.declaration
    return {
        "collection": about.title,
        "pictures": len(dataset.pictures),
        "missing": dataset.missing,
        "dropped": dataset.dropped,
        "fingerprint": dataset.fingerprint,
        "contains": sorted(dataset.contains),
        "license": about.license,
        "citation": about.citation,
    }


def _runs_of(
    task: _Task,
    spec: EncoderSpec,
    datasets: Sequence[Dataset],
    combined: bool,
    refused: dict[str, int],
    say: Callable[[str], None],
    progress: Progress | None,
) -> list[Run]:
    """One encoder on every collection, then on all of them together."""
    runs: list[Run] = []
    for dataset in datasets:
        say(f"{spec.name} on {dataset.name} ({len(dataset.pictures)} pictures)")
        content = _content(task, spec, dataset, refused, progress)
        trained_on = seen(spec.trained_on, dataset.contains)
        for protocol in _protocols(task, dataset):
            report, cached = _cached(task, spec, content, protocol, partial(_one_report, task, spec, dataset, protocol))
            probes, _ = _cached(
                task, spec, content, f"{protocol}{_PROBES}", partial(_one_probe, task, spec, dataset, protocol)
            )
            runs.append(Run(spec.name, dataset.name, protocol, report, trained_on, cached, probes))
    if combined and len(datasets) > 1:
        runs += _together(task, spec, datasets, say)
    return runs


def _folder(task: _Task, spec: EncoderSpec, dataset: Dataset) -> Path:
    identity = hashlib.sha256(json.dumps(spec.identity, sort_keys=True).encode()).hexdigest()[:8]
    collection, encoder = (re.sub(r"[^A-Za-z0-9.+_-]", "_", name) for name in (dataset.name, spec.name))
    return task.cache / "galleries" / f"{collection}-{dataset.fingerprint}" / f"{encoder}-{identity}"


def _protocols(task: _Task, dataset: Dataset) -> tuple[str, ...]:
    if task.protocols:
        return task.protocols
    several = any(len(picture.labels) > 1 for picture in dataset.pictures)
    return ("denner", "multilabel") if several else ("denner",)


def _content(
    task: _Task, spec: EncoderSpec, dataset: Dataset, refused: dict[str, int], progress: Progress | None
) -> str:
    """The hash of a gallery's content: pictures, labels and attributes. The gallery is filled first; the hash is
    stored beside it, so that a finished gallery is not read again.
    """
    note = _folder(task, spec, dataset) / "content.json"
    if not note.exists():
        note.parent.parent.mkdir(parents=True, exist_ok=True)
        with gallery_to_fill(note.parent, encoder=spec.name) as gallery:
            result = index(gallery, [dataset], progress=progress)
            facts = {"content": _hash_of(gallery), "refused": len(result.refused)}
        write_atomically(note, json.dumps(facts).encode())
    facts = json.loads(note.read_text(encoding="utf-8"))
    if facts["refused"]:
        refused[dataset.name] = int(facts["refused"])
    return str(facts["content"])


def _hash_of(gallery: Gallery) -> str:
    """Over ids (hashes of the pictures), labels, attributes, and which records share a patient."""
    digest = hashlib.sha256()
    groups: dict[str, int] = {}
    for record in sorted(gallery.store.records().values(), key=lambda record: record.id):
        group = groups.setdefault(record.patient, len(groups))
        about = [record.id, record.labels, group, sorted(record.attributes.items())]
        digest.update(json.dumps(about).encode())
    return digest.hexdigest()


def _one_report(task: _Task, spec: EncoderSpec, dataset: Dataset, protocol: str) -> Report:
    with open_gallery(_folder(task, spec, dataset)) as gallery:
        return _PROTOCOLS[protocol].run(gallery, task.options)


def _one_probe(task: _Task, spec: EncoderSpec, dataset: Dataset, protocol: str) -> Probes:
    return probe(spec.name, _cases(task, spec, dataset, protocol), task.seed, task.samples)


def _cached(
    task: _Task, spec: EncoderSpec, content: str, protocol: str, compute: Callable[[], Report | Probes]
) -> tuple[Mapping[str, Any], bool]:
    """The report for exactly these inputs, from its file or computed now; and whether it came from the file."""
    code = [_FORM, version("lookalike")]
    question = json.dumps([code, spec.identity, content, protocol, task.ks, task.seed, task.samples], sort_keys=True)
    path = task.cache / "reports" / f"{hashlib.sha256(question.encode()).hexdigest()}.json"
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))), True
    except (OSError, ValueError):  # missing or truncated
        report = json.loads(json.dumps(asdict(compute())))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(report, ensure_ascii=False).encode())
    return report, False


def _together(task: _Task, spec: EncoderSpec, datasets: Sequence[Dataset], say: Callable[[str], None]) -> Iterator[Run]:
    """Every collection in one gallery. Patients of two collections are never the same."""
    say(f"{spec.name} on all {len(datasets)} collections together")
    contents = [_content(task, spec, dataset, {}, None) for dataset in datasets]
    everything = hashlib.sha256("\n".join(contents).encode()).hexdigest()
    trained_on = seen(spec.trained_on, frozenset[str]().union(*(dataset.contains for dataset in datasets)))
    for protocol in task.protocols or ("denner",):
        compute = partial(_joined_report, task, spec, datasets, protocol)
        report, cached = _cached(task, spec, everything, protocol, compute)
        probes, _ = _cached(
            task, spec, everything, f"{protocol}{_PROBES}", partial(_joined_probe, task, spec, datasets, protocol)
        )
        yield Run(spec.name, COMBINED, protocol, report, trained_on, cached, probes)


def _joined_report(task: _Task, spec: EncoderSpec, datasets: Sequence[Dataset], protocol: str) -> Report:
    cases = _joined_cases(task, spec, datasets, protocol)
    return _PROTOCOLS[protocol].score(MeasuredSpace(BASE, spec), cases, task.options)


def _joined_probe(task: _Task, spec: EncoderSpec, datasets: Sequence[Dataset], protocol: str) -> Probes:
    return probe(spec.name, _joined_cases(task, spec, datasets, protocol), task.seed, task.samples)


def _joined_cases(task: _Task, spec: EncoderSpec, datasets: Sequence[Dataset], protocol: str) -> Cases:
    return joined([_cases(task, spec, dataset, protocol) for dataset in datasets], task.seed)


def _cases(task: _Task, spec: EncoderSpec, dataset: Dataset, protocol: str) -> Cases:
    with open_gallery(_folder(task, spec, dataset)) as gallery:
        return _PROTOCOLS[protocol].cases(gallery)
