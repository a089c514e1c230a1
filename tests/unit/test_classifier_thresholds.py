"""Sensitivity and specificity of each label at its two thresholds, counted fold by fold, one query at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import lookalike
from filled import fill
from lookalike.classifiers import Settings
from lookalike.evaluation.labelled import labelled
from lookalike.evaluation.trained_classifier import fitting, splits_of, train_calibrated, training_examples
from lookalike.gallery import Gallery

FOLDS, SEED = 3, 1
NAMES = ("edema", "mass", "nodule")


@pytest.fixture
def gallery(make_gallery: Callable[..., Gallery]) -> Gallery:
    """Three labels that overlap, so that no threshold is faultless; two records a patient."""
    made, rng = make_gallery(), np.random.default_rng(3)
    centres = rng.normal(size=(3, 6)) * 1.2
    vectors = [np.pad(centres[i // 2 % 3] + rng.normal(size=6), (0, 378)) for i in range(180)]
    fill(made, vectors, [f"p{i // 2}" for i in range(180)], [(NAMES[i // 2 % 3],) for i in range(180)])
    return made


def counted(gallery: Gallery, method: str) -> dict[str, dict[str, float]]:
    """Shares at the thresholds that each fold's training gave, over the queries of all folds."""
    data, told = training_examples(labelled(gallery)), {name: {"youden": [], "sensitive": []} for name in NAMES}
    fit = fitting(gallery, method, None, Settings(None, "distance", SEED))
    for split in splits_of(data, FOLDS, SEED):
        trained, asked = train_calibrated(fit, data.take(split.gallery), SEED), data.take(split.queries)
        p = trained.calibration.probabilities(trained.fitted.logits(asked.vectors))
        for column, name in enumerate(NAMES):
            cut = trained.thresholds[column]
            assert cut is not None
            for row in range(len(p)):
                for which, found in told[name].items():
                    positive = p[row, column] >= getattr(cut, which)
                    found.append((bool(asked.members[row, column]), bool(positive)))

    def share(pairs: list[tuple[bool, bool]], bears: bool) -> float:
        found = [positive == bears for member, positive in pairs if member == bears]
        return sum(found) / len(found)

    return {
        name: {
            "sensitivity": share(found["youden"], True),
            "specificity": share(found["youden"], False),
            "sensitivity_at_90": share(found["sensitive"], True),
            "specificity_at_90": share(found["sensitive"], False),
        }
        for name, found in told.items()
    }


@pytest.mark.parametrize("method", ["knn", "linear"])
def test_the_four_shares_of_each_label(gallery: Gallery, method: str) -> None:
    options = {"methods": [method], "folds": FOLDS, "seed": SEED, "samples": 2}
    scores = lookalike.evaluate(gallery, protocol="classifiers", **options).methods[method]
    expected = counted(gallery, method)
    found = {
        name: {each: getattr(scores.per_label[name], each) for each in expected[name]} for name in scores.per_label
    }
    assert found == {name: pytest.approx(shares) for name, shares in expected.items()}
    # The thresholds differ here, so that one cannot be told for the other.
    assert any(abs(shares["specificity"] - shares["specificity_at_90"]) > 0.02 for shares in expected.values())
    assert any(abs(shares["sensitivity"] - shares["sensitivity_at_90"]) > 0.02 for shares in expected.values())
