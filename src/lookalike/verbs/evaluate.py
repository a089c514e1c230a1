"""evaluate: score a gallery by a protocol; without one, precision at k."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, TypeAlias, overload

from lookalike.asking.one_encoder import of_one_encoder
from lookalike.evaluation.protocols.protocol import (
    PRECISION,
    EvaluationReport,
    checked_options,
    protocol_named,
    told_options,
)
from lookalike.evaluation.report import Report
from lookalike.gallery import Gallery
from lookalike.progress import Progress, followed_by
from lookalike.sources.labels import LabelTable
from lookalike.store import BASE

Nearest: TypeAlias = Literal["precision", "denner", "medimageinsight", "multilabel", "3d-mir", "ct-clip"]


@overload
def evaluate(gallery: Gallery, *, protocol: Nearest = ..., **options: Any) -> Report: ...


@overload
def evaluate(gallery: Gallery, *, protocol: str, **options: Any) -> EvaluationReport: ...


@of_one_encoder
def evaluate(
    gallery: Gallery,
    *,
    protocol: str = PRECISION,
    space: str = BASE,
    folds: int | None = None,
    queries: Sequence[str | os.PathLike[str]] = (),
    query_labels: str | os.PathLike[str] | LabelTable | None = None,
    label_columns: Sequence[str] = (),
    patient_column: str | None = None,
    queries_from: str | os.PathLike[str] | None = None,
    against: str | os.PathLike[str] | None = None,
    fused: bool = False,
    by: Sequence[str] = (),
    levels: Sequence[str] = (),
    sizes: Sequence[int] = (),
    draws: int = 5,
    k: Sequence[int] | None = None,
    seed: int = 0,
    samples: int = 2000,
    progress: Progress | None = None,
    **options: Any,
) -> EvaluationReport:
    """Score a gallery by a protocol (``precision``, ``denner``, ``khun-jush``, ... or a plug-in's).

    Most protocols take space, folds, k (depths; the protocol's own if None), seed and samples (of the bootstrap);
    ``precision`` takes queries, query_labels, label_columns and patient_column too: outside files as queries to the
    whole gallery. It scores further parts if they are asked for: against (a space, or a gallery of the same records;
    fused: its ranking fused with this one's), by (fields of subgroups), levels (fields of relevance), sizes and draws
    (of sub-galleries), queries_from (a gallery whose records ask this one). options: further ones of the protocol;
    ``lookalike evaluate --protocol NAME --help`` lists them.
    progress: called with how many parts are done, of how many.

    Raises UsageError: an unknown protocol, an option that it does not take, nothing to measure, an adapted
    space without folds or queries (it has seen its own queries).
    """
    common = {
        "space": (space, BASE),
        "folds": (folds, None),
        "queries": (queries, ()),
        "query_labels": (query_labels, None),
        "label_columns": (label_columns, ()),
        "patient_column": (patient_column, None),
        "queries_from": (queries_from, None),
        "against": (against, None),
        "fused": (fused, False),
        "by": (by, ()),
        "levels": (levels, ()),
        "sizes": (sizes, ()),
        "draws": (draws, 5),
        "k": (k, None),
        "seed": (seed, 0),
        "samples": (samples, 2000),
    }
    given = {name: value for name, (value, default) in common.items() if value is not default and value != default}
    chosen = protocol_named(protocol)
    asked = checked_options(chosen, {**given, **options})
    with followed_by(progress):
        report = chosen.run(gallery, asked)
    return replace(report, options=told_options(chosen, asked)) if isinstance(report, Report) else report
