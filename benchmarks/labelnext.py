"""How many labels ``records next`` saves against records drawn at random.

A labeller starts with none and is given five records at a time, by ``label_next`` or at random; after each five a
logistic regression is trained on what is labelled and scored on patients set aside, whom nobody chose from (balanced
accuracy). Ten seeds, each with another 40 % of the patients set aside; random is the mean of five draws a seed. Labels
needed: where the mean curve first reaches a target, between steps by a straight line; the targets are what random has
at the end of the budget, and nine tenths of the way from chance to what all labels give. Intervals: 1,000 times, seeds
and patients are drawn anew, the curves and the target made again.

The rule was chosen on other collections (``CHOSEN_ON``), not on those that are told of. Encoder: lite0, trained on
photographs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from benchmarks import data, heads
from benchmarks.report import Figure
from lookalike import classifiers, metrics
from lookalike.classifiers import Settings
from lookalike.evaluation.label_order import next_batch, uncertainty
from lookalike.evaluation.labelled import Labelled
from lookalike.evaluation.splits import split_folds
from lookalike.evaluation.trained_classifier import training_examples
from lookalike.metrics import Floats

STEP, DRAWS, SAMPLES, ENOUGH = 5, 5, 1000, 0.9
_BOUNDS: Final = (0.025, 0.975)
MOST: Final = 100  # labels
SHARE: Final = 0.6  # of the records to choose from, at most
LARGEST: Final = 600  # records of a collection

Rows: TypeAlias = NDArray[np.int64]
Choose: TypeAlias = Callable[[Labelled, Rows, int], Sequence[int]]


@dataclass(frozen=True, slots=True)
class Collection:
    """table: how it is labelled. labels: of which a record has one; () for any single one. judged: it is told of."""

    table: heads.Collection
    labels: tuple[str, ...] = ()
    judged: bool = True

    @property
    def name(self) -> str:
        """As on the command line."""
        return self.table.name


NIH: Final = ("No Finding", "Pneumonia")
COLLECTIONS: Final = (
    Collection(heads.Collection("brain-mri-tumor", "class")),
    Collection(heads.Collection("breast-us-busi", "class")),
    Collection(heads.Collection("chest-xray-nih", "labels"), NIH),
)
CHOSEN_ON: Final = (
    Collection(heads.Collection("brain-mri-archive", "class", "patient_id"), judged=False),
    Collection(heads.Collection("mednist", "class"), judged=False),
    Collection(heads.Collection("chest-xray-dicom5", "class"), judged=False),
)


def run(given: Path | None, seeds: int = 10, collections: Sequence[str] = ()) -> list[Figure]:
    """A figure a collection: random's labels for each of ``label_next`` at the accuracy that random has in the end."""
    every = COLLECTIONS if not collections else (*COLLECTIONS, *CHOSEN_ON)
    return [_figure(each, data.folder(each.name, given), seeds) for each in data.wanted(collections, every)]


def _figure(collection: Collection, folder: Path, seeds: int) -> Figure:
    found = _single(heads.embedded(collection.table, folder, "lite0"), collection.labels)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        runs = list(pool.map(partial(_run, found), range(seeds)))
    compared = _Compared(found, runs)
    at = f"of {len(found.ids)} records, {len(set(found.patients))} patients"
    notes = [f"{at}; labels {STEP} to {len(compared.steps) * STEP}; all labels {compared.full():.3f} balanced accuracy"]
    notes.append(f"{'labels':10}" + "".join(f"{step:>6}" for step in compared.steps))
    for name, curve in zip(("random", "next"), compared.curves(), strict=True):
        notes.append(f"{name:10}" + "".join(f"{value:6.3f}" for value in curve))
    told = [compared.told(end) for end in (True, False)]
    ratio = told[0].ratio
    lines = (*notes, compared.gain(), *(each.line for each in told))
    return Figure(f"labelnext, {collection.name}", ratio, 1.0, notes=lines)


def _single(found: Labelled, labels: Sequence[str]) -> Labelled:
    """The records with one label, or with one of some; of a large collection some."""
    borne = [[name for name in each if not labels or name in labels] for each in found.labels]
    rows = np.array([row for row, names in enumerate(borne) if len(names) == 1], np.int64)
    if len(rows) > LARGEST:
        rows = np.sort(np.random.default_rng(0).permutation(rows)[:LARGEST])
    some = found.take(rows)
    return Labelled(some.vectors, tuple((borne[row][0],) for row in rows), some.patients, some.ids)


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """One seed. asked: rows set aside. full (q,), random (draws, steps, q), chosen (steps, q): what was right there."""

    asked: Rows
    full: Floats
    random: Floats
    chosen: Floats


def _run(found: Labelled, seed: int) -> _Run:
    os.environ["OMP_NUM_THREADS"] = "1"
    folds = list(split_folds(found, 5, seed))
    asked = np.sort(np.concatenate([folds[0].queries, folds[1].queries]))
    pool = np.setdiff1d(np.arange(len(found.ids)), asked)
    steps = int(min(MOST, SHARE * len(pool))) // STEP
    draws = [_curve(found, pool, asked, steps, partial(_at_random, [seed, draw])) for draw in range(DRAWS)]
    chosen = _curve(found, pool, asked, steps, partial(_by_rule, seed))
    return _Run(asked, _right(found, pool, asked), np.array(draws), np.array(chosen))


def _curve(found: Labelled, pool: Rows, asked: Rows, steps: int, choose: Choose) -> list[Floats]:
    given: list[int] = []
    right = []
    for _ in range(steps):
        known = set(given)
        seen = Labelled(
            found.vectors[pool],
            tuple(found.labels[row] if row in known else () for row in pool),
            tuple(found.patients[row] for row in pool),
            tuple(found.ids[row] for row in pool),
        )
        bare = np.flatnonzero([row not in known for row in pool])
        given += [int(pool[place]) for place in choose(seen, bare, STEP)]
        right.append(_right(found, np.array(given), asked))
    return right


def _at_random(seed: Sequence[int], _seen: Labelled, bare: Rows, count: int) -> Sequence[int]:
    # One order a draw: what is left keeps its order as others are taken
    order = np.random.default_rng([*seed]).permutation(len(_seen.ids))
    return [int(place) for place in order[np.isin(order, bare)][:count]]


def _by_rule(seed: int, seen: Labelled, bare: Rows, count: int) -> Sequence[int]:
    return next_batch(seen, bare, count, uncertainty(seen, seed), seed)


def _right(found: Labelled, known: Rows, asked: Rows) -> Floats:
    """Which of the rows set aside (q,) a classifier tells that learnt from the rows that are known."""
    labels = np.array([each[0] for each in found.labels])
    if len({*labels[known]}) < 2:
        return np.asarray(labels[asked] == labels[known[0]], np.float64)
    examples = training_examples(found.take(known))
    logits = classifiers.fit_classifier("linear", examples, Settings()).logits(found.vectors[asked])
    return np.asarray(np.array(examples.classes)[logits.argmax(axis=1)] == labels[asked], np.float64)


@dataclass(frozen=True, slots=True)
class _Told:
    ratio: float
    line: str


class _Compared:
    """The curves of all seeds, and what is left of them when seeds and patients are drawn anew."""

    def __init__(self, found: Labelled, runs: Sequence[_Run]) -> None:
        self._runs, self._groups = runs, metrics.numbered(found.patients)
        classes = sorted({label for labels in found.labels for label in labels})
        self._members = metrics.membership(found.labels, classes).astype(np.float64)
        self.steps = [STEP * (step + 1) for step in range(len(runs[0].chosen))]
        self._every = range(len(runs))

    def full(self) -> float:
        """The balanced accuracy with all labels."""
        return float(self._mean(lambda run: run.full[None], self._every, None)[0])

    def curves(self) -> tuple[Floats, Floats]:
        """Balanced accuracy by step: random, chosen."""
        return self._both(self._every, None)

    def gain(self) -> str:
        """How much more balanced accuracy there is over all steps."""
        random, chosen = self.curves()
        drawn = [float((b - a).mean()) for a, b, _ in self._drawn]
        low, high = np.quantile(drawn, _BOUNDS)
        return f"gain over all steps {(chosen - random).mean():+.3f} [{low:+.3f}, {high:+.3f}]"

    def told(self, end: bool) -> _Told:
        """Labels needed by both, and their ratio, with intervals. end: the target is random's last; else of all."""
        target, needed = self._needed(*self.curves(), self.full(), end)
        drawn = [self._needed(*each, end)[1] for each in self._drawn]
        low, high = np.quantile([random / chosen for random, chosen in drawn], _BOUNDS)
        never = sum(max(each) > self.steps[-1] for each in drawn)
        name = "random's at its end" if end else f"{ENOUGH:g} of the way to all labels"
        told = [f"more than {self.steps[-1]}" if each > self.steps[-1] else f"{each:.1f}" for each in needed]
        ratio = needed[0] / needed[1]
        line = f"{name} ({target:.3f}): random {told[0]} labels, next {told[1]}; random / next {ratio:.2f} "
        line += f"[{low:.2f}, {high:.2f}]"
        line += f"; not reached within the budget, which counts as {STEP} more, in {never} of {SAMPLES} samples"
        return _Told(ratio, line)

    def _needed(self, random: Floats, chosen: Floats, full: float, end: bool) -> tuple[float, tuple[float, float]]:
        chance = 1 / self._members.shape[1]
        target = float(random[-1]) if end else chance + ENOUGH * (full - chance)
        return target, (_reaches(random, target), _reaches(chosen, target))

    @cached_property
    def _drawn(self) -> list[tuple[Floats, Floats, float]]:
        """Both curves and what all labels give, for each sample of seeds and patients."""
        rng, patients, drawn = np.random.default_rng(0), int(self._groups.max()) + 1, []
        for _ in range(SAMPLES):
            weights = np.bincount(rng.integers(0, patients, patients), minlength=patients)[self._groups]
            seeds = rng.integers(0, len(self._runs), len(self._runs))
            full = float(self._mean(lambda run: run.full[None], seeds, weights)[0])
            drawn.append((*self._both(seeds, weights), full))
        return drawn

    def _both(self, seeds: Sequence[int] | Rows, weights: Rows | None) -> tuple[Floats, Floats]:
        random = self._mean(lambda run: run.random.mean(axis=0), seeds, weights)
        return random, self._mean(lambda run: run.chosen, seeds, weights)

    def _mean(self, of: Callable[[_Run], Floats], seeds: Sequence[int] | Rows, weights: Rows | None) -> Floats:
        """The mean over seeds of balanced accuracy (steps,). weights: how often each record is drawn."""
        each = []
        for seed in seeds:
            run = self._runs[seed]
            members = self._members[run.asked] * (1 if weights is None else weights[run.asked, None])
            there = members.sum(axis=0) > 0
            each.append(((of(run) @ members)[:, there] / members.sum(axis=0)[there]).mean(axis=1))
        return np.asarray(np.mean(each, axis=0))


def _reaches(curve: Floats, target: float) -> float:
    """Labels after which a curve first reaches a target; a step beyond the budget if it never does."""
    at = np.flatnonzero(curve >= target)
    if not len(at):
        return float(STEP * (len(curve) + 1))
    step = int(at[0])
    before = 1.0 if step == 0 else float((target - curve[step - 1]) / (curve[step] - curve[step - 1]))
    return STEP * (step + before)
