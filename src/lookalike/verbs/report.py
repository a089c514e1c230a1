"""What an evaluation says, with everything that is needed to repeat it, and its tables."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike import metrics
from lookalike.store import BASE
from lookalike.verbs.audit import LeakageAudit

if TYPE_CHECKING:
    from lookalike.adapters import Adapter
    from lookalike.gallery import Gallery
    from lookalike.verbs.evaluate import Outcome

Figures: TypeAlias = dict[str, float | None]  # "P@1" -> value; None where no query could be scored
Interval: TypeAlias = tuple[float | None, float | None]
Format: TypeAlias = Literal["text", "markdown", "csv"]
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

    def tables(self, form: Format = "text") -> str:
        """The class table and the overall table, adapted beside baseline where there is both."""
        tables = [_class_table(self), _overall_table(self)]
        return "\n".join(_render(title, rows, form) for title, rows in tables)

    def __str__(self) -> str:
        return self.tables() + "\n" + "\n".join(self.notes)


def make_report(
    gallery: Gallery, space: str, outcomes: Mapping[str, Outcome], labels: NDArray[np.bool_],
    classes: Sequence[str], patients: NDArray[np.str_], ks: Sequence[int], seed: int, samples: int, *,
    rule: str, split_hash: str, audit: LeakageAudit, query_ids: Sequence[str], adapter: Adapter | None,
) -> Report:  # fmt: skip
    """Figures, intervals and provenance from ranked outcomes; labels (q, c) say what the queries bear."""
    outcome = outcomes[space]
    names = [f"P@{k}" for k in ks]
    per_query = {name: _per_query(o, ks) for name, o in outcomes.items()}
    present = labels.any(axis=0)
    labels, classes = labels[:, present], [classes[int(i)] for i in np.flatnonzero(present)]
    scores = {
        name: _scores(values, labels, classes, patients, names, seed, samples)
        for name, values in per_query.items()
    }
    chance = metrics.chance(outcome.totals, outcome.open)
    gain = {}
    if space != BASE:
        gain = _gain(per_query[space] - per_query[BASE], labels, patients, names, seed, samples)
    spec = gallery.spec
    return Report(
        queries=len(query_ids), micro=scores[space].micro, macro=scores[space].macro,
        per_class=scores[space].per_class,
        chance={"micro": _number(metrics.micro(chance)), "macro": _number(metrics.macro(chance, labels))},
        intervals=scores[space], space=space,
        class_sizes={c: int(n) for c, n in zip(classes, labels.sum(axis=0), strict=True)},
        unscored=int((outcome.totals == 0).sum()), patients=len(set(patients.tolist())), split=rule,
        split_hash=split_hash, seed=seed, bootstrap_samples=samples,
        encoder={**spec.identity, "trained_on": sorted(spec.trained_on), "note": spec.note},
        adapter=_adapter_facts(gallery, space, adapter), index="exact cosine", audit=audit,
        worst=_worst(per_query[space][:, -1], query_ids), notes=_notes(gallery, rule, seed, split_hash, audit),
        baseline=scores[BASE] if space != BASE else None, gain=gain,
    )  # fmt: skip


def _per_query(outcome: Outcome, ks: Sequence[int]) -> NDArray[np.float64]:
    columns = [metrics.precision_at(outcome.relevance, outcome.totals, k) for k in ks]
    return np.stack(columns, axis=1)


def _scores(
    per_query: NDArray[np.float64], labels: NDArray[np.bool_], classes: Sequence[str],
    patients: NDArray[np.str_], names: Sequence[str], seed: int, samples: int,
) -> Scores:  # fmt: skip
    def interval(statistic: metrics.Statistic) -> NDArray[np.float64]:
        return metrics.bootstrap_interval(
            per_query, patients, statistic, labels=labels, samples=samples, seed=seed
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
    difference: NDArray[np.float64], labels: NDArray[np.bool_], patients: NDArray[np.str_],
    names: Sequence[str], seed: int, samples: int,
) -> dict[str, tuple[float | None, float | None, float | None]]:  # fmt: skip
    middle = metrics.macro(difference, labels)
    low, high = metrics.bootstrap_interval(
        difference, patients, "macro", labels=labels, samples=samples, seed=seed
    )
    return {name: (_number(middle[i]), _number(low[i]), _number(high[i])) for i, name in enumerate(names)}


def _number(value: Any) -> float | None:
    return None if math.isnan(value) else round(float(value), 6)


def _figures(names: Sequence[str], values: NDArray[np.float64]) -> Figures:
    return {name: _number(value) for name, value in zip(names, values, strict=True)}


def _intervals(names: Sequence[str], bounds: NDArray[np.float64]) -> dict[str, Interval]:
    return {name: (_number(bounds[0][i]), _number(bounds[1][i])) for i, name in enumerate(names)}


def _worst(deepest: NDArray[np.float64], query_ids: Sequence[str]) -> tuple[str, ...]:
    order = np.argsort(np.where(np.isnan(deepest), np.inf, deepest), kind="stable")[:_WORST]
    return tuple(query_ids[i] for i in order)


def _adapter_facts(gallery: Gallery, space: str, adapter: Adapter | None) -> dict[str, Any] | None:
    if adapter is None:
        return None
    return {"kind": adapter.kind, "sha256": gallery.space(space).adapter, "training": dict(adapter.training)}


def _notes(gallery: Gallery, rule: str, seed: int, split_hash: str, audit: LeakageAudit) -> tuple[str, ...]:
    spec = gallery.spec
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
        [label, str(size), *[
            _cell(scores.per_class[label][name], scores.per_class_intervals[label][name])
            for _, scores in columns for name in names
        ]]
        for label, size in report.class_sizes.items()
    ]  # fmt: skip
    return "Precision by class", [head, *rows]


def _overall_table(report: Report) -> tuple[str, Rows]:
    rows = [["overall", *report.micro]]
    for space, scores in _columns(report):
        for kind, figures, intervals in (
            ("macro", scores.macro, scores.macro_intervals),
            ("micro", scores.micro, scores.micro_intervals),
        ):
            rows.append([f"{space}, {kind}", *[_cell(figures[n], intervals[n]) for n in figures]])
    if report.gain:
        rows.append(["gain, macro", *[_cell(g[0], g[1:], sign=True) for g in report.gain.values()]])
    for kind in ("macro", "micro"):
        rows.append([f"chance, {kind}", *[_cell(report.chance[kind])] * len(report.micro)])
    return "Overall", rows


def _cell(value: float | None, interval: Sequence[float | None] = (), *, sign: bool = False) -> str:
    if value is None:
        return "-"
    text = f"{value:+.3f}" if sign else f"{value:.3f}"
    if len(interval) == 2 and interval[0] is not None and interval[1] is not None:
        text += f" [{interval[0]:.2f}, {interval[1]:.2f}]"
    return text


def _render(title: str, rows: Rows, form: Format) -> str:
    if form == "csv":
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows(rows)
        return out.getvalue()
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    if form == "markdown":
        lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
        return "\n".join([f"**{title}**", "", lines[0], "|---" * len(widths) + "|", *lines[1:], ""])
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    return "\n".join([title, lines[0], rule, *lines[1:], ""])
