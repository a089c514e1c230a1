"""The encoder benchmark's results as the table of the papers: encoders by precision at k, one for each collection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lookalike.columns import paragraphs
from lookalike.evaluation.scores import narrow_note
from lookalike.evaluation.tables import Format, Tabled, as_json, cell, render
from lookalike.text import DISCLAIMER

PROBED: Final = ("knn", "linear")
_HEAD: Final = ["dataset", "protocol", "encoder", "trained_on", "mean", "figure", "value", "low", "high"]


@dataclass(frozen=True, slots=True)
class Run:
    """One encoder on one collection by one protocol. report: every field of the evaluation's Report.
    trained_on: collections that the encoder has seen and these pictures come from. cached: not computed now. probes:
    every field of ``Probes``.
    """

    encoder: str
    dataset: str
    protocol: str
    report: Mapping[str, Any]
    trained_on: tuple[str, ...]
    cached: bool
    probes: Mapping[str, Any] = field(default_factory=dict)

    def probe(self, method: str) -> Mapping[str, Any]:
        """The score of one of the probes, or nothing."""
        found: Mapping[str, Any] = self.probes.get("by_method", {}).get(method, {})
        return found


@dataclass(frozen=True, slots=True)
class EncoderBenchmark(Tabled):
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
            return as_json(self)
        if form == "csv":
            return render("", [_HEAD, *(row for run in self.runs for row in _long(run))], form)
        wanted = dict.fromkeys((run.dataset, run.protocol) for run in self.runs)
        return "\n".join(render(*self._table(*key), form) for key in wanted)

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes to read the tables with."""
        return tuple(_notes(self))

    def __str__(self) -> str:
        return self.tables() + "\n" + paragraphs(self.notes)

    def _table(self, dataset: str, protocol: str) -> tuple[str, list[list[str]]]:
        runs = [run for run in self.runs if (run.dataset, run.protocol) == (dataset, protocol)]
        report = runs[0].report
        names = [f"P@{k}" for k in self.ks]
        head = [f"{name} {mean}" for mean in ("micro", "macro") for name in names]
        rows = [["encoder", *head, *(f"{method} F1" for method in PROBED)]]
        for run in runs:
            cells = [
                cell(run.report[mean].get(name), run.report["intervals"][f"{mean}_intervals"].get(name, ()))
                for mean in ("micro", "macro")
                for name in names
            ]
            probed = [
                cell(each.get("micro_f1"), (each.get("low"), each.get("high"))) for each in map(run.probe, PROBED)
            ]
            rows.append([run.encoder + ("†" if run.trained_on else ""), *cells, *probed])
        chance, majority = report["chance"], cell(runs[0].probes.get("majority"))
        level = [cell(chance[mean]) for mean in ("micro", "macro") for _ in names]
        rows.append(["chance", *level, *[majority] * len(PROBED)])
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
    for method in PROBED:
        found = run.probe(method)
        figures = ["" if (number := found.get(n)) is None else f"{number:.6f}" for n in ("micro_f1", "low", "high")]
        yield [run.dataset, run.protocol, run.encoder, "|".join(run.trained_on), "micro", f"{method} F1", *figures]


def _notes(result: EncoderBenchmark) -> Iterator[str]:
    yield "Brackets: 95 % intervals, bootstrap by patient. Micro: mean over queries; macro: over classes."
    yield (
        "F1: micro-F1 of a vote of the nearest and of a linear probe, on the official split or five patient-disjoint "
        "folds; how many vote is chosen on validation records. Its chance: always the most frequent label."
    )
    for run in result.runs:
        if few := narrow_note(run.report["patients"] + run.report["audit"]["unknown"]):
            yield f"{run.dataset}, {run.protocol}: {few}"
        if run.probes.get("unscored"):
            yield f"{run.dataset}, {run.protocol}: no F1: {run.probes['unscored']}"
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
    yield DISCLAIMER
