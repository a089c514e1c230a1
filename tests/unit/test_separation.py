"""Silhouettes equal scikit-learn's where every record is of another patient, and are by hand where two are of one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import silhouette_samples

from filled import unit
from lookalike.evaluation.separation import silhouettes


@given(st.integers(0, 1000), st.integers(6, 30), st.integers(2, 4))
def test_they_are_scikit_learns(seed: int, count: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.repeat(np.arange(classes), 2), rng.integers(classes, size=count)])
    vectors = unit(rng.normal(size=(len(labels), 5)))
    found = silhouettes(vectors, labels[:, None] == np.arange(classes), [f"p{i}" for i in range(len(labels))])
    assert found == pytest.approx(silhouette_samples(vectors, labels, metric="cosine"), abs=1e-5)


def test_the_own_patient_makes_no_cluster() -> None:
    """Four pictures at 0, 0, 60 and 90 degrees; a a b a, the first two of one patient. The first: to its own label 1 -
    cos 90 = 1, to the other 1 - cos 60 = 1/2: (1/2 - 1) / 1. The third has nobody else of its label.
    """
    radians = np.radians([0, 0, 60, 90])
    vectors = np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)
    members = np.array([[True, False], [True, False], [False, True], [True, False]])
    found = silhouettes(vectors, members, ["p", "p", "q", "r"])
    assert found[:2] == pytest.approx([-0.5, -0.5], abs=1e-6)
    assert np.isnan(found[2])
    assert found[3] == pytest.approx((1 - np.cos(np.pi / 6) - 1) / 1, abs=1e-6)
