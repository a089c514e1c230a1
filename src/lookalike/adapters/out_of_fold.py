"""Linear heads whose logits are made probabilities on patients that they have not seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.adapters.layers import Arrays
from lookalike.adapters.samples import Samples, patient_folds
from lookalike.calibration import calibrate

Head: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64]]  # weight (features, classes), bias (classes,)
FitHead: TypeAlias = Callable[[NDArray[np.floating], Arrays], Head]
"""Features (n, f) and targets (n, classes) of 0 and 1 -> a head. A class may have no row, or every row."""

_FOLDS: Final = 5


def calibrated_head(fit: FitHead, features: NDArray[np.floating], data: Samples, seed: int) -> Head:
    """A head trained on all rows (n, f), scaled and shifted so that its logits are calibrated: by one temperature and
    biases, with several labels by Platt's scaling of each, on patients left out (``calibration.calibrate``).

    Where nothing can be learnt the scale is 0: every row has the labels' shares, and the adapter changes nothing.
    """
    weight, bias = fit(features, data.targets)
    if data.patients < 2:
        return weight, bias
    folds, logits = patient_folds(data.groups, _FOLDS, seed), np.empty(data.targets.shape)
    for fold in range(int(folds.max()) + 1):
        left_out = folds == fold
        part = fit(features[~left_out], data.targets[~left_out])
        logits[left_out] = features[left_out] @ part[0] + part[1]
    found = calibrate(logits, data.targets > 0.5, multi_label=data.multi_label)
    return weight * found.slope, bias * found.slope + found.bias
