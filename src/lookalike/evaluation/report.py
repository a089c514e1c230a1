"""What an evaluation says, with everything that is needed to repeat it, and its tables."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike import metrics
from lookalike.evaluation.leakage import LeakageAudit
from lookalike.evaluation.tables import Format, cell, render
from lookalike.store import BASE
from lookalike.types import EncoderSpec

if TYPE_CHECKING:
    from lookalike.adapters import Adapter
    from lookalike.gallery import Gallery
    from lookalike.verbs.evaluate import Outcome

Figures: TypeAlias = dict[str, float | None]  # "P@1" -> value; None where no query could be scored
Interval: TypeAlias = tuple[float | None, float | None]
_WORST: Final = 10


@dataclass(frozen=True, slots=True)
class Scores:
    """Precision at each k of one space. intervals: 95 %, by the same keys as the figures."""

    micro: Figures
    macro: Figures
    per_class: dict[str, Figures]
    micro_intervals: dict[str, Interval]
    macro_intervals: dict[str, Interval]
    per_class_intervals: dict[str, dict[str, Interval]]


@dataclass(frozen=True, slots=True)
class Report:
    """micro: mean over queries; macro: mean over classes; per_class: mean over a class's queries (a query
    with several labels counts in each). chance: the expected precision of a random order, micro and macro.
    unscored: queries with no relevant record open to them; they count nowhere. baseline: the base space on
    the same queries, and gain: adapted minus base, macro, with its interval. worst: the queries with the
    lowest precision at the deepest k.

    With a protocol: its name, its further measures by name, and how many records it left out, by reason.
    """

    queries: int
    micro: Figures
    macro: Figures
    per_class: dict[str, Figures]
    chance: Figures
    intervals: Scores
    space: str
    class_sizes: dict[str, int]
    unscored: int
    patients: int
    split: str
    split_hash: str
    seed: int
    bootstrap_samples: int
    encoder: Mapping[str, Any]
    adapter: Mapping[str, Any] | None
    index: str
    audit: LeakageAudit
    worst: tuple[str, ...]
    notes: tuple[str, ...]
    baseline: Scores | None = None
    gain: dict[str, tuple[float | None, float | None, float | None]] = field(default_factory=dict)
    protocol: str = ""
    measures: dict[str, Scores] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)

    def tables(self, form: Format = "text") -> str:
        """The class table and the overall table, adapted beside baseline where there is both; then a table
        for each further measure. "json": every field, as ``dataclasses.asdict`` gives them.
        """
        if form == "json":
            return json.dumps(asdict(self), indent=2, ensure_ascii=False)
        tables = [_class_table(self), _overall_table(self)]
        tables += [_measure_table(name, scores) for name, scores in self.measures.items()]
        return "\n".join(render(title, rows, form) for title, rows in tables)

    def __str__(self) -> str:
        return self.tables() + "\n" + "\n".join(self.notes)


def make_report(
    gallery: Gallery,
    space: str,
    outcomes: Mapping[str, Outcome],
    labels: NDArray[np.bool_],
    classes: Sequence[str],
    patients: NDArray[np.str_],
    ks: Sequence[int],
    seed: int,
    samples: int,
    *,
    rule: str,
    split_hash: str,
    audit: LeakageAudit,
    query_ids: Sequence[str],
    adapter: Adapter | None,
) -> Report:
    """Figures, intervals and provenance from ranked outcomes; labels (q, c) say what the queries bear."""
    outcome = outcomes[space]
    return report_of(
        gallery.spec,
        space,
        {name: _per_query(o, ks) for name, o in outcomes.items()},
        metrics.chance(outcome.totals, outcome.open),
        labels,
        classes,
        patients,
        [f"P@{k}" for k in ks],
        seed,
        samples,
        rule=rule,
        split_hash=split_hash,
        audit=audit,
        query_ids=query_ids,
        adapter=adapter_facts(gallery, space, adapter),
    )


def report_of(
    spec: EncoderSpec,
    space: str,
    per_query: Mapping[str, NDArray[np.float64]],
    chance: NDArray[np.float64],
    labels: NDArray[np.bool_],
    classes: Sequence[str],
    patients: NDArray[np.str_],
    names: Sequence[str],
    seed: int,
    samples: int,
    *,
    rule: str,
    split_hash: str,
    audit: LeakageAudit,
    query_ids: Sequence[str],
    adapter: Mapping[str, Any] | None,
) -> Report:
    """The same from scores: per_query[space] (q, names), nan where a query could not be scored."""
    present = labels.any(axis=0)
    labels, classes = labels[:, present], [classes[int(i)] for i in np.flatnonzero(present)]
    scores = {
        name: scores_of(values, labels, classes, patients, names, seed, samples) for name, values in per_query.items()
    }
    gain = {}
    if space != BASE:
        gain = _gain(per_query[space] - per_query[BASE], labels, patients, names, seed, samples)
    return Report(
        queries=len(query_ids),
        micro=scores[space].micro,
        macro=scores[space].macro,
        per_class=scores[space].per_class,
        chance={"micro": _number(metrics.micro(chance)), "macro": _number(metrics.macro(chance, labels))},
        intervals=scores[space],
        space=space,
        class_sizes={c: int(n) for c, n in zip(classes, labels.sum(axis=0), strict=True)},
        unscored=int(np.isnan(chance).sum()),
        patients=len(set(patients.tolist())),
        split=rule,
        split_hash=split_hash,
        seed=seed,
        bootstrap_samples=samples,
        encoder={**spec.identity, "trained_on": sorted(spec.trained_on), "note": spec.note},
        adapter=adapter,
        index="exact cosine",
        audit=audit,
        worst=_worst(per_query[space][:, -1], query_ids),
        notes=_notes(spec, rule, seed, split_hash, audit),
        baseline=scores[BASE] if space != BASE else None,
        gain=gain,
    )


def _per_query(outcome: Outcome, ks: Sequence[int]) -> NDArray[np.float64]:
    columns = [metrics.precision_at(outcome.relevance, outcome.totals, k) for k in ks]
    return np.stack(columns, axis=1)


def scores_of(
    per_query: NDArray[np.float64],
    labels: NDArray[np.bool_],
    classes: Sequence[str],
    patients: NDArray[np.str_],
    names: Sequence[str],
    seed: int,
    samples: int,
) -> Scores:
    """Micro, macro and per class with their intervals. per_query (q, names), labels (q, c)."""

    def interval(statistic: metrics.Statistic) -> NDArray[np.float64]:
        return metrics.bootstrap_interval(
            per_query, metrics.numbered(patients), statistic, labels=labels, samples=samples, seed=seed
        )

    by_class, class_interval = metrics.per_class(per_query, labels), interval("per_class")
    return Scores(
        micro=_figures(names, metrics.micro(per_query)),
        macro=_figures(names, metrics.macro(per_query, labels)),
        per_class={c: _figures(names, by_class[i]) for i, c in enumerate(classes)},
        micro_intervals=_intervals(names, interval("micro")),
        macro_intervals=_intervals(names, interval("macro")),
        per_class_intervals={c: _intervals(names, class_interval[:, i]) for i, c in enumerate(classes)},
    )


def _gain(
    difference: NDArray[np.float64],
    labels: NDArray[np.bool_],
    patients: NDArray[np.str_],
    names: Sequence[str],
    seed: int,
    samples: int,
) -> dict[str, tuple[float | None, float | None, float | None]]:
    middle = metrics.macro(difference, labels)
    low, high = metrics.bootstrap_interval(
        difference, metrics.numbered(patients), "macro", labels=labels, samples=samples, seed=seed
    )
    return {name: (_number(middle[i]), _number(low[i]), _number(high[i])) for i, name in enumerate(names)}


def _number(value: Any) -> float | None:
    return None if math.isnan(value) else round(float(value), 6)


def _figures(names: Sequence[str], values: NDArray[np.float64]) -> Figures:
    return {name: _number(value) for name, value in zip(names, values, strict=True)}


def _intervals(names: Sequence[str], bounds: NDArray[np.float64]) -> dict[str, Interval]:
    return {name: (_number(bounds[0][i]), _number(bounds[1][i])) for i, name in enumerate(names)}


def _worst(deepest: NDArray[np.float64], query_ids: Sequence[str]) -> tuple[str, ...]:
    order = np.argsort(deepest, kind="stable")  # nan, a query that was not scored, comes last
    return tuple(query_ids[i] for i in order[: min(_WORST, int(np.isfinite(deepest).sum()))])


def hash_of(parts: Iterable[str]) -> str:
    """What names a split: the same parts in the same order give the same 16 hex digits."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def adapter_facts(gallery: Gallery, space: str, adapter: Adapter | None) -> dict[str, Any] | None:
    """What a report says of an adapter."""
    if adapter is None:
        return None
    return {"kind": adapter.kind, "sha256": gallery.space(space).adapter, "training": dict(adapter.training)}


def _notes(spec: EncoderSpec, rule: str, seed: int, split_hash: str, audit: LeakageAudit) -> tuple[str, ...]:
    seen = ", ".join(sorted(spec.trained_on)) or "unknown"
    return (
        f"Encoder {spec.name} (weights {spec.revision[:12]}, preprocessing {spec.preprocessing.hash}): "
        f"{spec.note or 'trained on ' + seen}.",
        f"Split: {rule}; seed {seed}, split {split_hash}. Intervals: 95 %, bootstrap by patient.",
        audit.sentence,
        "Research software, not a medical device.",
    )


Rows: TypeAlias = list[list[str]]


def _columns(report: Report) -> list[tuple[str, Scores]]:
    """The spaces to show side by side, the base first."""
    if report.baseline is None:
        return [(report.space, report.intervals)]
    return [(BASE, report.baseline), (report.space, report.intervals)]


def _class_table(report: Report) -> tuple[str, Rows]:
    columns, names = _columns(report), list(report.micro)
    head = ["class", "queries", *[f"{name} {space}" for space, _ in columns for name in names]]
    rows = [
        [
            label,
            str(size),
            *[
                cell(scores.per_class[label][name], scores.per_class_intervals[label][name])
                for _, scores in columns
                for name in names
            ],
        ]
        for label, size in report.class_sizes.items()
    ]
    return "Precision by class", [head, *rows]


def _overall_table(report: Report) -> tuple[str, Rows]:
    rows = [["overall", *report.micro]]
    for space, scores in _columns(report):
        for kind, figures, intervals in (
            ("macro", scores.macro, scores.macro_intervals),
            ("micro", scores.micro, scores.micro_intervals),
        ):
            rows.append([f"{space}, {kind}", *[cell(figures[n], intervals[n]) for n in figures]])
    if report.gain:
        rows.append(["gain, macro", *[cell(g[0], g[1:], sign=True) for g in report.gain.values()]])
    for kind in ("macro", "micro"):
        rows.append([f"chance, {kind}", *[cell(report.chance[kind])] * len(report.micro)])
    return "Overall", rows


def _measure_table(name: str, scores: Scores) -> tuple[str, Rows]:
    rows = [["", *scores.micro]]
    parts: list[tuple[str, Figures, dict[str, Interval]]] = [
        ("macro", scores.macro, scores.macro_intervals),
        ("micro", scores.micro, scores.micro_intervals),
        *((label, scores.per_class[label], scores.per_class_intervals[label]) for label in scores.per_class),
    ]
    rows += [[label, *[cell(figures[n], intervals[n]) for n in figures]] for label, figures, intervals in parts]
    return name, rows
