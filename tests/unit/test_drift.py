"""Two parts of a gallery: patients of one kind, and of two."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from filled import fill, unit
from lookalike.errors import UsageError
from lookalike.evaluation.discrepancy import discrepancy_test
from lookalike.gallery import Gallery
from lookalike.verbs.audit import audit_drift


def halves(make: Callable[..., Gallery], away: float, ill: float, seed: int = 0) -> Gallery:
    """Forty patients of three records each, half of them at each site; the second half lies away, and has more ill."""
    rng, gallery = np.random.default_rng(seed), make(encoder="imported:x:8")
    second = np.repeat(np.arange(40) % 2, 3)
    patients = np.repeat(rng.normal(size=(40, 8)) * 0.5, 3, axis=0)
    vectors = unit(patients + rng.normal(size=(120, 8)) * 0.2 + np.outer(1.0 - second, np.eye(8)[0] * 2))
    if not away:
        vectors = unit(patients + rng.normal(size=(120, 8)) * 0.2 + np.eye(8)[0] * 2)
    share = np.repeat(rng.random(40), 3) < np.where(second, ill, 0.3)
    labels = [("ill",) if each else ("well",) for each in share]
    sites = [{"site": "south" if each else "north"} for each in second]
    fill(gallery, list(vectors), [f"p{i // 3}" for i in range(120)], labels, sites)
    return gallery


def test_pictures_and_shares_that_drift_are_told(make_gallery: Callable[..., Gallery]) -> None:
    audit = audit_drift(halves(make_gallery, 1.0, 0.95), "site=north", "site=south")
    assert (audit.before, audit.after) == (60, 60)
    assert audit.pictures is not None
    assert audit.pictures.shifted
    assert audit.differ
    ill = next(each for each in audit.shares if (each.field, each.value) == ("label", "ill"))
    assert ill.after - ill.before > 0.3
    assert ill.p < 0.05
    assert "differ from those before" in str(audit).replace("\n", " ")


def test_without_drift_no_alarm_is_raised(make_gallery: Callable[..., Gallery]) -> None:
    audit = audit_drift(halves(make_gallery, 0.0, 0.3), "site=north", "site=south")
    assert audit.pictures is not None
    assert not audit.pictures.shifted
    assert not audit.differ
    assert all(each.p >= 0.05 for each in audit.shares if each.field == "label")


def test_sides_that_cannot_be_compared_are_said(make_gallery: Callable[..., Gallery]) -> None:
    gallery = halves(make_gallery, 0.0, 0.3)
    with pytest.raises(UsageError, match="60 records before, 0 after"):
        audit_drift(gallery, "site=north", "site=east")
    with pytest.raises(UsageError, match="60 in both"):
        audit_drift(gallery, "site=north", "label!=x")


def test_the_discrepancy_is_what_a_loop_gives_and_sees_what_moves_all_a_little() -> None:
    rng = np.random.default_rng(4)
    away = np.array([1.8, 1, 1, 1, 1, 1])
    first, second = unit(rng.normal(size=(12, 6)) + 1), unit(rng.normal(size=(9, 6)) + away)
    both = np.concatenate([first, second]).astype(np.float64)
    apart = [[float(np.sum((a - b) ** 2)) for b in both] for a in both]
    width = np.median([apart[i][j] for i in range(21) for j in range(i)])

    def mean(rows: range, columns: range) -> float:
        return float(np.mean([np.exp(-apart[i][j] / width) for i in rows for j in columns if i != j]))

    found = discrepancy_test(first, [f"a{i // 2}" for i in range(12)], second, [f"b{i // 3}" for i in range(9)], 0)
    assert found is not None
    one, two = range(12), range(12, 21)
    assert found.squared == pytest.approx(mean(one, one) + mean(two, two) - 2 * mean(one, two), abs=1e-6)
    assert discrepancy_test(first, ["a"] * 12, second, [f"b{i}" for i in range(9)], 0) is None


def test_permutations_of_patients_hold_the_level() -> None:
    """Of groups of one kind about a twentieth are called different, though a patient's vectors are alike."""
    alarms = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        patients = np.repeat(rng.normal(size=(20, 6)), 3, axis=0)
        vectors, names = unit(patients + 0.1 * rng.normal(size=(60, 6))), [f"p{i // 3}" for i in range(60)]
        found = discrepancy_test(vectors[:30], names[:30], vectors[30:], names[30:], seed)
        assert found is not None
        alarms += found.p < 0.05
    assert alarms <= 8
