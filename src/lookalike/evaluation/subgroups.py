"""The scores of subgroups by recorded fields (sex, age, site), and whether their spread is more than chance.

The gallery that answers stays whole: only the queries are told apart. The spread of a field is the standard deviation
of its subgroups' mean scores, each weighted by its queries. Were the field nothing to the scores, its values might as
well be dealt to the patients in any other way: p is how often the spread is as large then (``permutations``), adjusted
for the number of fields (Holm). Where labels are dealt unevenly among the subgroups the labels alone can make a spread,
so that a second p deals values among patients of the same labels only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike import metrics
from lookalike.evaluation.experiment import Askers
from lookalike.evaluation.measures import PerQuery
from lookalike.evaluation.paired import shown_p
from lookalike.evaluation.permutations import Codes, holm, permutation_null, shuffles
from lookalike.evaluation.recorded_fields import RecordedValues
from lookalike.evaluation.scores import Figures, ScoreSummary, Scoring, chance_of, mean_rows, scores_of
from lookalike.evaluation.tables import TableRows, cell
from lookalike.metrics import Floats

LEAST: Final = 5
"""Patients that a subgroup must have to be scored."""
_WARNED: Final = 0.05


@dataclass(frozen=True, slots=True)
class Subgroup:
    """Queries that bear one value. queries: those that could be scored, patients: whose they are (one whose patient is
    not known counts as one). chance: of a random order.
    """

    queries: int
    patients: int
    scores: ScoreSummary
    chance: Figures


@dataclass(frozen=True, slots=True)
class SpreadTest:
    """figure: whose micro means are compared. spread: their standard deviation; low, high: its middle 95 % while
    patients exchange values at random. p_adjusted: corrected for the number of fields. p_same_labels: while only
    patients of the same labels exchange.
    """

    figure: str
    spread: float
    low: float
    high: float
    p: float
    p_adjusted: float
    p_same_labels: float


@dataclass(frozen=True, slots=True)
class FieldSubgroups:
    """groups: by value, numbers ascending. too_small: values of fewer patients than are scored, with how many.
    not_recorded: queries without a value. untested: why there is no test, "" where there is one.
    """

    field: str
    groups: dict[str, Subgroup]
    too_small: dict[str, int]
    not_recorded: int
    test: SpreadTest | None
    untested: str = ""

    @property
    def sentence(self) -> str:
        """Whether the subgroups differ by more than chance, and which is the lowest."""
        if self.test is None:
            return f"By {self.field}: no test, {self.untested}."
        test = self.test
        words = (
            f"By {self.field}: the spread of micro {test.figure} is {test.spread:.3f}, by chance {test.low:.3f} to "
            f"{test.high:.3f}; p {shown_p(test.p)}, corrected for the number of fields {shown_p(test.p_adjusted)}"
        )
        if test.p_adjusted >= _WARNED:
            return f"{words}: no difference is shown."
        low = min(self.groups, key=lambda value: self.groups[value].scores.micro[test.figure] or 0.0)
        alike = f"among patients of the same labels (p {shown_p(test.p_same_labels)})"
        why = f"so it is {alike}" if test.p_same_labels < _WARNED else f"not shown {alike}, which may explain it"
        return f"{words}: more than chance, lowest for {low}; {why}."


def subgroups_by(
    fields: Iterable[RecordedValues], askers: Askers, plain: PerQuery, chance: PerQuery, scoring: Scoring
) -> tuple[FieldSubgroups, ...]:
    """The subgroups of each field. fields: the values of the queries, in their order; plain (q, ks): precision;
    chance (q,).
    """
    found = [_subgroups(each, askers, plain, chance, scoring) for each in fields]
    tests = [each.test for each in found if each.test is not None]
    adjusted = iter(holm(np.array([test.p for test in tests])).tolist())
    return tuple(
        each if each.test is None else replace(each, test=replace(each.test, p_adjusted=next(adjusted)))
        for each in found
    )


def _subgroups(
    field: RecordedValues, askers: Askers, plain: PerQuery, chance: PerQuery, scoring: Scoring
) -> FieldSubgroups:
    values, scored = np.array(field.values), ~np.isnan(chance)
    rows = {value: np.flatnonzero(scored & (values == value)) for value in field.order}
    patients = {value: len(set(askers.patients[at].tolist())) for value, at in rows.items()}
    large = [value for value in field.order if patients[value] >= LEAST]
    names = [f"P@{k}" for k in scoring.ks]
    groups = {}
    for value in large:
        at = rows[value]
        own = askers.take(at)
        scores = scores_of(plain[at], names, own, scoring)
        groups[value] = Subgroup(len(at), patients[value], scores, chance_of(chance[at], own))
    test, untested = None, f"fewer than two subgroups have {LEAST} patients"
    if len(large) >= 2:
        test, untested = _test(names[-1], [rows[value] for value in large], askers, plain[:, -1], scoring.seed), ""
    small = {value: count for value, count in patients.items() if value not in groups}
    return FieldSubgroups(field.name, groups, small, int((values == "").sum()), test, untested)


def _test(figure: str, groups: Sequence[NDArray[np.int64]], askers: Askers, scores: Floats, seed: int) -> SpreadTest:
    rows = np.concatenate(groups)
    codes = np.repeat(np.arange(len(groups)), [len(at) for at in groups])
    order = np.argsort(rows, kind="stable")
    rows, codes = rows[order], codes[order]
    patients, values = metrics.numbered(askers.patients[rows]), scores[rows]
    patterns = np.unique(askers.labels[rows], axis=0, return_inverse=True)[1].reshape(-1)
    observed = float(spread(codes[None], values, len(groups))[0])
    free, alike = (
        permutation_null(
            observed, lambda many: spread(many, values, len(groups)), shuffles(codes, patients, strata, seed)
        )
        for strata in (np.zeros_like(codes), patterns)
    )
    return SpreadTest(figure, round(observed, 6), free.low, free.high, free.p, free.p, alike.p)


def spread(codes: Codes, scores: Floats, count: int) -> Floats:
    """The standard deviation of the groups' means about the mean of all, weighted by size. codes (b, n) below count;
    scores (n,). Returns (b,).
    """
    about, total = scores - scores.mean(), np.zeros(len(codes))
    for group in range(count):
        member = codes == group
        size = member.sum(axis=1)
        total += (member @ about) ** 2 / np.maximum(size, 1)
    return np.asarray(np.sqrt(total / len(scores)))


def subgroup_tables(fields: Sequence[FieldSubgroups]) -> list[tuple[str, TableRows]]:
    """A table for each field, and one of the tests."""
    return [*(_table(each) for each in fields), _tests(fields)] if fields else []


def _table(field: FieldSubgroups) -> tuple[str, TableRows]:
    names = list(next(iter(field.groups.values())).scores.micro) if field.groups else []
    rows = [[field.field, "queries", "patients", *names, "chance"]]
    for value, group in field.groups.items():
        rows += mean_rows(value, group.scores, group.chance, str(group.queries), str(group.patients))
    blank = ["-"] * (len(names) + 1)
    rows += [[f"{value} (too few patients)", "-", str(count), *blank] for value, count in field.too_small.items()]
    if field.not_recorded:
        rows.append(["not recorded", str(field.not_recorded), "-", *blank])
    return f"By {field.field}", rows


def _tests(fields: Sequence[FieldSubgroups]) -> tuple[str, TableRows]:
    rows = [["field", "subgroups", "figure", "spread", "by chance", "p", "p, corrected", "p, same labels"]]
    for each in fields:
        cells = ["-"] * 6
        if (test := each.test) is not None:
            p = [shown_p(value) for value in (test.p, test.p_adjusted, test.p_same_labels)]
            cells = [test.figure, cell(test.spread), f"{test.low:.3f} to {test.high:.3f}", *p]
        rows.append([each.field, str(len(each.groups)), *cells])
    return "Spread between subgroups", rows
