"""benchmark encoders: the papers' table. Rows encoders, columns precision at k, a table a collection.

Everything is kept under a cache folder and found again by content: a gallery by the encoder's identity
and the collection's fingerprint, a report by those and the protocol's parameters. A run that was cut
short goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np

from lookalike import encoders as catalogue
from lookalike.atomic import write_atomically
from lookalike.errors import LookalikeError, UsageError
from lookalike.evaluation.protocols.published import PROTOCOLS, Cases, cases_of, evaluate_cases, evaluate_protocol
from lookalike.evaluation.report import Report
from lookalike.evaluation.tables import Format, cell, render
from lookalike.gallery import Gallery, open_gallery
from lookalike.sources.collections.catalogue import open_dataset, seen
from lookalike.sources.collections.collection import Dataset
from lookalike.text import absolute
from lookalike.types import EncoderSpec
from lookalike.verbs.adapt import Labelled
from lookalike.verbs.evaluate import split_folds
from lookalike.verbs.index import Progress, index

DEFAULT_KS: Final = (1, 3, 5, 10)
COMBINED: Final = "all together"
_HEAD: Final = ["dataset", "protocol", "encoder", "trained_on", "mean", "figure", "value", "low", "high"]
_FORM: Final = 1  # of a cached report; another number, or another version, makes every report anew
_FIFTH: Final = 5
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Run:
    """One encoder on one collection by one protocol. report: every field of the evaluation's Report.
    trained_on: collections that the encoder has seen and these pictures come from. cached: not computed now.
    """

    encoder: str
    dataset: str
    protocol: str
    report: Mapping[str, Any]
    trained_on: tuple[str, ...]
    cached: bool


@dataclass(frozen=True, slots=True)
class EncoderBenchmark:
    """runs: by collection, protocol, encoder. left_out: encoders that could not be used, with the reason.
    refused: pictures that could not be read, by collection. datasets: what each collection is.
    """

    runs: tuple[Run, ...]
    ks: tuple[int, ...]
    left_out: dict[str, str] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    datasets: dict[str, dict[str, Any]] = field(default_factory=dict)

    def tables(self, form: Format = "text") -> str:
        """A table for each collection and protocol. "csv": one, a row a figure. "json": every field."""
        if form == "json":
            return json.dumps(asdict(self), indent=2, ensure_ascii=False)
        if form == "csv":
            return render("", [_HEAD, *(row for run in self.runs for row in _long(run))], form)
        wanted = dict.fromkeys((run.dataset, run.protocol) for run in self.runs)
        return "\n".join(render(*self._table(*key), form) for key in wanted)

    @property
    def notes(self) -> tuple[str, ...]:
        """What must be known to read the tables."""
        return tuple(_notes(self))

    def __str__(self) -> str:
        return self.tables() + "\n" + "\n".join(self.notes)

    def _table(self, dataset: str, protocol: str) -> tuple[str, list[list[str]]]:
        runs = [run for run in self.runs if (run.dataset, run.protocol) == (dataset, protocol)]
        report = runs[0].report
        names = [f"P@{k}" for k in self.ks]
        rows = [["encoder", *[f"{name} {mean}" for mean in ("micro", "macro") for name in names]]]
        for run in runs:
            cells = [
                cell(run.report[mean].get(name), run.report["intervals"][f"{mean}_intervals"].get(name, ()))
                for mean in ("micro", "macro")
                for name in names
            ]
            rows.append([run.encoder + ("†" if run.trained_on else ""), *cells])
        chance = report["chance"]
        rows.append(["chance", *[cell(chance[mean]) for mean in ("micro", "macro") for _ in names]])
        title = (
            f"{dataset}, {protocol}: {report['queries']} queries, {len(report['class_sizes'])} classes, "
            f"{report['split']}"
        )
        return title, rows


def _long(run: Run) -> Iterator[list[str]]:
    for mean in ("micro", "macro"):
        for name, value in run.report[mean].items():
            bounds = run.report["intervals"][f"{mean}_intervals"][name]
            figures = ["" if number is None else f"{number:.6f}" for number in (value, *bounds)]
            yield [run.dataset, run.protocol, run.encoder, "|".join(run.trained_on), mean, name, *figures]


def _notes(result: EncoderBenchmark) -> Iterator[str]:
    yield "Brackets: 95 % intervals, bootstrap by patient. Micro: mean over queries; macro: over classes."
    for run in result.runs:
        if run.trained_on:
            collections = ", ".join(run.trained_on)
            yield f"† {run.encoder} was trained on {collections}: its score on {run.dataset} is flattered."
    for name, count in result.refused.items():
        yield f"{name}: {count} pictures could not be read."
    for name, facts in result.datasets.items():
        if facts["missing"]:
            yield f"{name}: {facts['missing']} pictures that the owners' tables name are not there."
    for name, reason in result.left_out.items():
        yield f"Left out: {name}: {reason}"
    yield "Research software, not a medical device."


@dataclass(frozen=True, slots=True)
class _Task:
    """What every run shares."""

    cache: Path
    ks: tuple[int, ...]
    protocols: tuple[str, ...]
    seed: int
    samples: int


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
    say: Say = lambda _line: None,
    progress: Progress | None = None,
) -> EncoderBenchmark:
    """Score encoders on collections. data: sources as ``open_dataset`` takes them, ``[NAME=]PATH[?key=value]``.

    protocols: names; without any ``denner``, and ``multilabel`` too where a picture bears several labels.
    combined: score all collections together as well, as the source paper does. say: told each step.

    An encoder that cannot be used (weights or packages missing) is left out with the reason, the rest go
    on. Raises UsageError: none can be used, an unknown name, a collection not laid out as it should be.
    """
    task = _Task(absolute(cache), tuple(sorted(set(k))), tuple(protocols), seed, samples)
    if unknown := [name for name in protocols if name not in PROTOCOLS]:
        raise UsageError(f"no protocol is called {unknown[0]!r}; known: {', '.join(PROTOCOLS)}")
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
    known = list(PROTOCOLS)
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
    say: Say,
    progress: Progress | None,
) -> list[Run]:
    """One encoder on every collection, then on all of them together."""
    runs: list[Run] = []
    for dataset in datasets:
        say(f"{spec.name} on {dataset.name} ({len(dataset.pictures)} pictures)")
        content = _content(task, spec, dataset, refused, progress)
        trained_on = seen(spec.trained_on, dataset.contains)
        for protocol in _protocols(task, dataset):
            report, cached = _cached(task, spec, content, protocol, partial(_asked, task, spec, dataset, protocol))
            runs.append(Run(spec.name, dataset.name, protocol, report, trained_on, cached))
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
    """The hash of what the gallery holds: pictures and what is said of them. The gallery is filled first;
    the hash is kept beside it, so that a finished one is not read again.
    """
    note = _folder(task, spec, dataset) / "content.json"
    if not note.exists():
        note.parent.parent.mkdir(parents=True, exist_ok=True)
        with open_gallery(note.parent, create=True, encoder=spec.name) as gallery:
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


def _asked(task: _Task, spec: EncoderSpec, dataset: Dataset, protocol: str) -> Report:
    with open_gallery(_folder(task, spec, dataset)) as gallery:
        return evaluate_protocol(gallery, protocol, k=task.ks, seed=task.seed, samples=task.samples)


def _cached(
    task: _Task, spec: EncoderSpec, content: str, protocol: str, compute: Callable[[], Report]
) -> tuple[Mapping[str, Any], bool]:
    """The report of exactly this question, from its file or computed now; and whether it was there."""
    code = [_FORM, version("lookalike")]
    question = json.dumps([code, spec.identity, content, protocol, task.ks, task.seed, task.samples], sort_keys=True)
    path = task.cache / "reports" / f"{hashlib.sha256(question.encode()).hexdigest()}.json"
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))), True
    except (OSError, ValueError):  # not there, or cut short
        report = json.loads(json.dumps(asdict(compute())))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(report, ensure_ascii=False).encode())
    return report, False


def _together(task: _Task, spec: EncoderSpec, datasets: Sequence[Dataset], say: Say) -> Iterator[Run]:
    """Every collection in one gallery. Patients of two collections are never the same."""
    say(f"{spec.name} on all {len(datasets)} collections together")
    contents = [_content(task, spec, dataset, {}, None) for dataset in datasets]
    everything = hashlib.sha256("\n".join(contents).encode()).hexdigest()
    trained_on = seen(spec.trained_on, frozenset[str]().union(*(dataset.contains for dataset in datasets)))
    for protocol in task.protocols or ("denner",):
        compute = partial(_asked_together, task, spec, datasets, protocol)
        report, cached = _cached(task, spec, everything, protocol, compute)
        yield Run(spec.name, COMBINED, protocol, report, trained_on, cached)


def _asked_together(task: _Task, spec: EncoderSpec, datasets: Sequence[Dataset], protocol: str) -> Report:
    cases = _joined([_cases(task, spec, dataset, protocol) for dataset in datasets], task.seed)
    return evaluate_cases(spec, protocol, cases, k=task.ks, seed=task.seed, samples=task.samples)


def _cases(task: _Task, spec: EncoderSpec, dataset: Dataset, protocol: str) -> Cases:
    with open_gallery(_folder(task, spec, dataset)) as gallery:
        return cases_of(gallery, PROTOCOLS[protocol])


def _joined(parts: Sequence[Cases], seed: int) -> Cases:
    """One set of cases. Where some collections have an official split and others none, a patient-disjoint
    fifth of each other one asks.
    """
    reasons = dict.fromkeys(reason for part in parts for reason in part.left_out)
    official = [bool({"val", "test"} & set(part.splits)) and "train" in part.splits for part in parts]
    splits = [part.splits for part in parts]
    if any(official):
        splits = [_split_of(part, has, seed) for part, has in zip(parts, official, strict=True)]
    rule = "official splits where there are, else a patient-disjoint fifth; test asks train"
    return Cases(
        Labelled(
            np.concatenate([part.data.vectors for part in parts]),
            tuple(labels for part in parts for labels in part.data.labels),
            tuple(f"{i}:{patient}" for i, part in enumerate(parts) for patient in part.data.patients),
            tuple(f"{i}:{identity}" for i, part in enumerate(parts) for identity in part.data.ids),
        ),
        tuple(split for of_part in splits for split in of_part),
        {reason: sum(part.left_out.get(reason, 0) for part in parts) for reason in reasons},
        rule if any(official) else "",
    )


def _split_of(part: Cases, official: bool, seed: int) -> tuple[str, ...]:
    if official:
        asks = "test" if "test" in part.splits else "val"
        return tuple("test" if split == asks else split for split in part.splits)
    classes = Counter(labels[0] for labels in part.data.labels)
    folds = min(_FIFTH, len(set(part.data.patients)), max(classes.values()))
    fifth = set(next(split_folds(part.data, folds, seed)).queries.tolist()) if folds > 1 else set()
    return tuple("test" if row in fifth else "train" for row in range(len(part.splits)))
