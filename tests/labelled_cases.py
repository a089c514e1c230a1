"""Records that cluster loosely by class, and plain Python that evaluates them: the oracle of ``evaluate``."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from lookalike.evaluation.report import Report
from lookalike.gallery import Gallery
from lookalike.pixels import thumbnail
from lookalike.store import Batch, NewRecord

CLASSES = ("effusion", "mass", "edema", "a|b, c")
MakeGallery = Callable[..., Gallery]


class Case:
    """A record as the oracle sees it."""

    def __init__(
        self,
        number: int,
        vector: NDArray[np.float32],
        labels: Sequence[str],
        patient: str,
        shown: NDArray[np.uint8] | None = None,
    ) -> None:
        self.number, self.shown = number, shown
        self.sha256 = hashlib.sha256(str(number).encode()).hexdigest()
        self.vector, self.labels, self.patient = vector, tuple(labels), patient or f"alone-{number}"
        self.named = patient

    def new(self) -> NewRecord:
        small = b"" if self.shown is None else thumbnail(PIL.Image.fromarray(self.shown))
        return NewRecord(
            f"/data/{self.sha256[:6]}", self.sha256, 0, self.named, self.labels, {}, self.vector[None], small
        )


def unit(vectors: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


def cases(count: int = 70, *, several: bool = False, patients: int = 22, seed: int = 0) -> list[Case]:
    """Random records of a few classes that cluster loosely; the last class is borne once only."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((3, 384)) * 0.25
    made = []
    for number in range(count):
        first = int(rng.choice(3, p=[0.55, 0.25, 0.2]))
        labels = [CLASSES[first]]
        if several and rng.random() < 0.4:
            labels.append(CLASSES[int(rng.integers(3))])
        vector = unit(centres[first] + rng.standard_normal(384))
        patient = "" if number % 9 == 0 else f"patient-{int(rng.integers(patients))}"
        made.append(Case(number, vector, list(dict.fromkeys(labels)), patient))
    made.append(Case(count, unit(rng.standard_normal(384)), [CLASSES[3]], "only"))
    return made


def filled(gallery: Gallery, made: Iterable[Case]) -> Gallery:
    """A gallery that holds these records; beside them one without a label, which takes no part."""
    rows = [case.new() for case in made]
    rows.append(Case(10_000, rows[0].vectors[0], [], "").new())
    gallery.store.write(Batch(records=rows))
    return gallery


def precision(query: Case, among: Sequence[Case], k: int) -> float | None:
    """Of the k nearest of other patients, how many share a label; None if none of them could."""
    allowed = [case for case in among if case.patient != query.patient]
    if not any(set(case.labels) & set(query.labels) for case in allowed):
        return None
    asked = query.vector.astype(np.float64)
    ranked = sorted(allowed, key=lambda case: -float(asked @ case.vector.astype(np.float64)))[:k]
    return sum(bool(set(case.labels) & set(query.labels)) for case in ranked) / k


def chance(query: Case, among: Sequence[Case]) -> float | None:
    allowed = [case for case in among if case.patient != query.patient]
    shared = sum(bool(set(case.labels) & set(query.labels)) for case in allowed)
    return shared / len(allowed) if shared else None


def mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def by_class(asked: Sequence[Case], values: Sequence[float | None]) -> dict[str, float | None]:
    return {
        label: mean(value for case, value in zip(asked, values, strict=True) if label in case.labels)
        for label in {label for case in asked for label in case.labels}
    }


def check(
    report: Report, asked: Sequence[Case], values: Callable[[Case, int], float | None], ks: Sequence[int]
) -> None:
    """Every figure of a report against the oracle's value of each query."""
    assert report.queries == len(asked)
    assert report.class_sizes == Counter(label for case in asked for label in case.labels)
    for k in ks:
        of_each = [values(case, k) for case in asked]
        of_class = by_class(asked, of_each)
        assert report.unscored == of_each.count(None)
        assert report.micro[f"P@{k}"] == pytest.approx(mean(of_each), abs=1e-6)
        assert report.macro[f"P@{k}"] == pytest.approx(mean(of_class.values()), abs=1e-6)
        assert {label: figures[f"P@{k}"] for label, figures in report.per_class.items()} == {
            label: value if value is None else pytest.approx(value, abs=1e-6) for label, value in of_class.items()
        }
    assert report.micro.keys() == report.macro.keys() == {f"P@{k}" for k in ks}
