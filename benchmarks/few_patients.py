"""Of how many patients can an interval be believed, and how often is a gain found in labels that mean nothing?

Coverage: patients whose queries agree more than those of others are simulated, with a known mean of P@5; how often do
95 % intervals hold it? Gains: patients of a collection, or simulated ones, exchange their labels, an adapter learns
them, and ``adapt`` compares its space with base; how often does the interval of the gain lie above 0, and how often
does p say so as well, which is the rule?
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks import heads
from benchmarks.data import folder
from benchmarks.report import Figure
from lookalike import adapters, metrics
from lookalike.encoders.runtimes.vectors import unit
from lookalike.evaluation.inner_folds import InnerFolds, inner_folds
from lookalike.evaluation.labelled import Labelled
from lookalike.evaluation.scores import FEW

DEPTH: Final = 5
PATIENTS: Final = (5, 10, 15, 20, 25, 30, 40, 60, 100)
CLASSES: Final = (1, 2, 5)
MEANS: Final = (0.5, 0.8, 0.95)
AGREEMENT: Final = 0.3  # the correlation of the P@5 of two queries of one patient
RUNS: Final = 1000
LEAST: Final = 0.88  # of 95 %, of intervals that are shown without a warning; a share of 1,000 runs is off by .02
FITS: Final = 200
KINDS: Final = ("linear", "lda")
DRAWN: Final = (10, 20, 40)
"""Patients whose labels are exchanged."""


def run(data: Path | None) -> Iterator[Figure]:
    """Coverage by patients, then false gains by patients and kind of adapter."""
    yield _coverage()
    found = heads.embedded(heads.COLLECTIONS[0], folder(heads.COLLECTIONS[0].name, data), "lite0")
    for patients in DRAWN:
        for kind in KINDS:
            yield _false_gains("simulated", kind, [_simulated(patients, run) for run in range(FITS)])
            yield _false_gains(heads.COLLECTIONS[0].name, kind, [_dealt(found, patients, run) for run in range(FITS)])


def _coverage() -> Figure:
    """The lowest coverage at middling means from FEW patients on; a line for each mean and number of classes."""
    notes, trusted = [f"{'mean':5} {'classes':8}" + "".join(f"{count:>7}" for count in PATIENTS) + " patients"], []
    for mean in MEANS:
        for classes in CLASSES:
            shares = {count: _covered(count, classes, mean) for count in PATIENTS if count >= 2 * classes}
            cells = (f"{shares[count]:7.3f}" if count in shares else f"{'-':>7}" for count in PATIENTS)
            notes.append(f"{mean:<5g} {classes:<8}" + "".join(cells))
            trusted += [share for count, share in shares.items() if count >= FEW and mean < MEANS[-1]]
    return Figure(
        f"95 % intervals of {FEW} patients and more, lowest coverage at means to {MEANS[-2]}",
        min(trusted),
        LEAST,
        "",
        notes=tuple(notes),
    )


def _covered(patients: int, classes: int, mean: float) -> float:
    rng, held = np.random.default_rng([patients, classes, round(100 * mean)]), 0
    for run in range(RUNS):
        values, groups, labels = _queries(rng, patients, classes, mean)
        low, high = metrics.bootstrap_interval(values, groups, "macro", labels, samples=500, seed=run)
        held += bool(low <= mean <= high)
    return held / RUNS


def _queries(rng: np.random.Generator, patients: int, classes: int, mean: float) -> tuple[NDArray[Any], ...]:
    """The P@5 (q,) of 1.5 queries a patient on average, whose they are, and their classes (q, c), dealt evenly."""
    groups = np.repeat(np.arange(patients), 1 + rng.poisson(0.5, patients))
    strength = 1 / AGREEMENT - 1
    hits = rng.beta(mean * strength, (1 - mean) * strength, patients)
    return rng.binomial(DEPTH, hits[groups]) / DEPTH, groups, np.eye(classes, dtype=bool)[groups % classes]


def _simulated(patients: int, seed: int) -> Labelled:
    """Four records a patient, which lie near each other, and one of two labels for each patient, at random."""
    rng = np.random.default_rng([patients, seed])
    rows = np.repeat(rng.normal(size=(patients, 8)), 4, axis=0)
    owners = tuple(f"p{i // 4}" for i in range(len(rows)))
    labels = rng.permutation(np.arange(patients) % 2)
    return Labelled(
        unit((rows + 0.3 * rng.normal(size=rows.shape)).astype(np.float32)),
        tuple(("ab"[labels[i // 4]],) for i in range(len(rows))),
        owners,
        tuple(map(str, range(len(rows)))),
    )


def _dealt(found: Labelled, patients: int, seed: int) -> Labelled:
    """Some patients with all of their records, and one of two labels for each, at random."""
    rng = np.random.default_rng([patients, seed])
    names = rng.permutation(sorted(set(found.patients)))[:patients].tolist()
    label = dict(zip(names, rng.permutation(np.arange(patients) % 2).tolist(), strict=True))
    some = found.take(np.array([i for i, patient in enumerate(found.patients) if patient in label]))
    return replace(some, labels=tuple(("ab"[label[patient]],) for patient in some.patients))


def _false_gains(name: str, kind: str, draws: list[Labelled]) -> Figure:
    judged = [each for seed, data in enumerate(draws) if (each := _judged(kind, data, seed)) is not None]
    above = sum(each.gain[1] > 0 for each in judged)
    accepted = sum(each.accepted for each in judged)
    many = len(set(draws[0].patients))
    note = f"interval of the gain above 0: {above} of {len(judged)}; by p and above chance as well: {accepted}"
    share = accepted / len(judged)
    title = f"false gains, {name}, {kind}, {many} patients"
    return Figure(title, share, 0.05, "accepted", at_least=False, notes=(note,))


def _judged(kind: str, data: Labelled, seed: int) -> InnerFolds | None:
    adapter = adapters.fit_adapter(kind, data.vectors, data.labels, data.patients, encoder={"name": "lite0"}, seed=seed)
    return inner_folds("s", adapter, data, seed)
