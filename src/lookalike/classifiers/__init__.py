"""Classifiers: each learns from labelled vectors and then gives logits for others.

All are used alike: ``fit(method, examples, settings)`` -> ``Fitted``. Methods are plug-ins (entry point group
``lookalike.classifiers``, see ``ClassifierMethod``). The settings of ours were chosen over seven public collections
and two encoders by patient-disjoint folds, not for any one of them; docs/classify.md has the figures.
"""

from lookalike.classifiers.examples import Examples, Fitted, Settings, logits_of
from lookalike.classifiers.learning import MOST_RECORDS, ClassifierMethod, fit_classifier, limited, methods, trains

__all__ = [
    "MOST_RECORDS",
    "ClassifierMethod",
    "Examples",
    "Fitted",
    "Settings",
    "fit_classifier",
    "limited",
    "logits_of",
    "methods",
    "trains",
]
