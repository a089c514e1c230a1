"""What a tuning is judged by: precision on the part that it did not learn from, beside the base and adapters on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lookalike import adapters
from lookalike.adapters.auto import BY_SIMPLICITY
from lookalike.evaluation.experiment import Askers, Experiment, Round, ranked
from lookalike.evaluation.labelled import Labelled, asking
from lookalike.evaluation.measures import PLAIN, Measure, PerQuery, shared_label
from lookalike.evaluation.paired import differences, shown_p
from lookalike.evaluation.scores import Scoring, gain_of, scores_of
from lookalike.evaluation.splits import Split, hash_of
from lookalike.evaluation.tables import cell
from lookalike.metrics import sure_gain
from lookalike.store import BASE
from lookalike.types import Vectors

TUNED: Final = "tuned"
HEADS: Final = (*BY_SIMPLICITY, "auto")
"""The kinds of adapters that a tuned network stands beside: each, and the one that chooses among them."""
DEPTHS: Final = (1, 5)
JUDGED_BY: Final = "P@5"
_NAMES: Final = tuple(f"P@{k}" for k in DEPTHS)
_SAMPLES: Final = 2000

Figure = tuple[float | None, float | None, float | None]  # value, and its 95 % interval


@dataclass(frozen=True, slots=True)
class TuningJudgement:
    """figures: of base, of each adapter on base vectors and of the tuned network: macro P@1 and P@5 of the untouched
    records, asked against all others of other patients. gain: tuned less base; over_adapter: tuned less the adapter
    that does best there. Each with its interval, resampled by patient. p: of the gain in P@5, two-sided, by flipping
    the signs of patients (``evaluation.paired``).
    """

    queries: int
    patients: int
    figures: dict[str, dict[str, Figure]]
    gain: dict[str, Figure]
    best_adapter: str
    over_adapter: dict[str, Figure]
    split_hash: str
    p: float | None = None

    def table(self) -> list[list[str]]:
        """The figures as rows of a table, the first its head."""
        rows = [
            [space, *(cell(each[name][0], each[name][1:]) for name in _NAMES)] for space, each in self.figures.items()
        ]
        gains = {"gain over base": self.gain, f"gain over {self.best_adapter}": self.over_adapter}
        more = [[name, *(cell(each[k][0], each[k][1:], sign=True) for k in _NAMES)] for name, each in gains.items()]
        return [["macro", *_NAMES], *rows, *more, ["p of the gain over base", "", shown_p(self.p)]]

    @property
    def beside_adapter(self) -> str:
        """How it stands beside the best adapter, for people."""
        value, low, high = self.over_adapter[JUDGED_BY]
        gain = cell(value, (low, high), sign=True)
        found = f"{JUDGED_BY} {gain} beside the adapter that does best there, {self.best_adapter}"
        if low is not None and low > 0:
            return f"{found}: better than any head on base."
        much = "more" if high is not None and high < 0 else "as much"
        return (
            f"{found}: the head gives {much} for less, in seconds and without encoding anew: lookalike adapt --kind "
            f"{self.best_adapter}"
        )

    @property
    def better(self) -> bool:
        """Whether it is surely better than the base (``metrics.sure_gain``)."""
        return sure_gain(self.gain[JUDGED_BY][1], self.p)


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A network that was trained on ``split.gallery`` alone. tuned (n, dim): its vectors of all records."""

    split: Split
    tuned: Vectors


def judge(data: Labelled, trials: Sequence[Trial], encoder: Mapping[str, str], seed: int) -> TuningJudgement:
    """Judge networks, each on what it did not learn from; the queries of all together. data: labelled records with base
    vectors. Adapters are trained on the same records; which of these is the best is chosen where it is judged, to its
    own advantage.
    """
    rounds = tuple(_round(data, trial, encoder, seed) for trial in trials)
    split_hash = hash_of(identity for each in rounds for identity in each.queries.data.ids)
    measured = ranked(Experiment(rounds, "untouched part", split_hash), Measure(shared_label), DEPTHS)
    values = {space: found[PLAIN] for space, found in measured.per_query.items()}
    scoring = Scoring(DEPTHS, _SAMPLES, seed)
    figures = {space: _figures(each, measured.askers, scoring) for space, each in values.items()}
    best = max(HEADS, key=lambda kind: figures[kind][JUDGED_BY][0] or 0.0)
    return TuningJudgement(
        len(measured.askers.ids),
        len(set(measured.askers.patients.tolist())),
        figures,
        gain_of(values[TUNED] - values[BASE], _NAMES, measured.askers, scoring),
        best,
        gain_of(values[TUNED] - values[best], _NAMES, measured.askers, scoring),
        split_hash,
        differences(values[TUNED], values[BASE], _NAMES, measured.askers, scoring, "macro")[JUDGED_BY].p,
    )


def _round(data: Labelled, trial: Trial, encoder: Mapping[str, str], seed: int) -> Round:
    asked, tuned = trial.split.queries, trial.tuned
    queries, known = data.take(asked), data.take(trial.split.gallery)

    def spaces() -> Iterator[tuple[str, Vectors, Vectors]]:
        yield BASE, queries.vectors, data.vectors
        for kind in HEADS:
            adapter = adapters.fit_adapter(
                kind, known.vectors, known.labels, known.patients, encoder=encoder, seed=seed
            )
            moved = adapters.transform(adapter, data.vectors)
            yield kind, moved[asked], moved
        yield TUNED, tuned[asked], tuned

    return Round(asking(queries), data, spaces)


def _figures(values: PerQuery, askers: Askers, scoring: Scoring) -> dict[str, Figure]:
    scores = scores_of(values, _NAMES, askers, scoring)
    return {name: (scores.macro[name], *scores.macro_intervals[name]) for name in _NAMES}
