"""One tuning, from the parts of a gallery to the changes of the network and what they are worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from lookalike import metrics
from lookalike.encoders import EncoderEntry
from lookalike.encoders.families.tuned import WeightChanges, changed_encoder
from lookalike.tuning.judged import Trial, TuningJudgement, judge
from lookalike.tuning.networks import TrainableNetwork
from lookalike.tuning.parts import Parts, TuningMethod
from lookalike.tuning.pictures import PreparedPictures, encoded_records
from lookalike.tuning.tasks import TrainingTask, by_labels, by_views
from lookalike.tuning.training import TrainingRecipe, device_here, train
from lookalike.types import Vectors


@dataclass(frozen=True, slots=True, eq=False)
class TuningFit:
    """changes: of the network, learnt from ``parts.trained`` alone. base, tuned: the vectors of all records before, and
    by the very encoder that would be kept.
    """

    changes: WeightChanges
    epochs: int
    base: Vectors
    tuned: Vectors

    def judged(self, parts: Parts, encoder: Mapping[str, str], seed: int) -> TuningJudgement:
        """Judge it on what it did not learn from."""
        rows, split = parts.judged()
        return judge(replace(parts.data, vectors=self.base).take(rows), [Trial(split, self.tuned[rows])], encoder, seed)


def fit(
    entry: EncoderEntry,
    network: TrainableNetwork,
    parts: Parts,
    pictures: PreparedPictures,
    method: TuningMethod,
    recipe: TrainingRecipe,
) -> TuningFit:
    """Train an encoder's network, in place. parts: every record has a picture. Deterministic for a seed on the same
    machine.
    """
    base = encoded_records(entry.build(), pictures)
    task = by_views(metrics.numbered(parts.data.patients)) if method == "views" else _by_labels(parts, base)
    epochs = train(network, entry.spec.preprocessing, pictures, parts.trained, task, recipe)
    changes = network.changed()
    return TuningFit(changes, epochs, base, encoded_records(changed_encoder(entry, entry.spec, changes), pictures))


def _by_labels(parts: Parts, base: Vectors) -> TrainingTask:
    learnt = {label for i in parts.trained for label in parts.data.labels[i]}
    labels = [learnt.intersection(names) for names in parts.data.labels]  # some may stand in the untouched part alone
    targets = metrics.membership(labels, tuple(sorted(learnt))).astype(np.float32)
    return by_labels(targets, base, parts.trained, device_here())
