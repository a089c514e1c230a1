"""Volumes by the overlap of their labels, and reports that ask for their own volume (CT-CLIP, arXiv 2403.17834).

MAP@k as its authors compute it: the mean over the first k of the Jaccard overlap of the query's labels with the
answer's, then the mean over the queries. Volumes without a label take no part. Theirs lets a volume answer itself; here
its patient's never do. R@k: the share of reports whose own volume is among the first k, of all that have a report.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final

import numpy as np

from lookalike import encoders, metrics
from lookalike.asking.pooling import pooled_vectors
from lookalike.errors import UsageError
from lookalike.evaluation.contamination import untouched, with_remark
from lookalike.evaluation.experiment import Askers
from lookalike.evaluation.labelled import Labelled, every_record
from lookalike.evaluation.measures import Measure, PerQuery, RankedQueries, shared_label
from lookalike.evaluation.protocols.declared import CT_CLIP, CtClipOptions, PublishedOptions
from lookalike.evaluation.protocols.published import PublishedProtocol, all_labels
from lookalike.evaluation.report import Report
from lookalike.evaluation.scores import Scoring, scores_of
from lookalike.gallery import Gallery
from lookalike.sources.source import source_of
from lookalike.types import Record, Vectors
from lookalike.voting import unit_rows

MEAN_JACCARD: Final = "MAP@k, mean Jaccard overlap"
REPORT_TO_VOLUME: Final = "R@k, report to volume"
_REPORT_DEPTHS: Final = (5, 10, 50, 100)


def overlaps_of_labels(ranked: RankedQueries, ks: tuple[int, ...]) -> dict[str, PerQuery]:
    """P@k by any shared label, and the mean Jaccard overlap of the first k; nan where no record could overlap."""
    plain = shared_label(ranked, ks)
    gains = metrics.jaccard_gain(ranked.asking, ranked.members) * ranked.open
    at_rank = np.where(ranked.order >= 0, np.take_along_axis(gains, ranked.order, axis=1), 0)
    means = np.stack([at_rank[:, :k].sum(axis=1) / k for k in ks], axis=1)
    return {**plain, MEAN_JACCARD: np.where(gains.max(axis=1, keepdims=True, initial=0) > 0, means, np.nan)}


CT_CLIP_MEASURED: Final = PublishedProtocol(
    CT_CLIP, (1, 5, 10, 50), all_labels, Measure(overlaps_of_labels, {MEAN_JACCARD: "MAP"})
)


def evaluate_ct_clip(gallery: Gallery, options: CtClipOptions) -> Report:
    """Score a gallery. Raises UsageError: no labels, an encoder without text, texts that are of no record here."""
    published = PublishedOptions(options.space, options.folds, options.k, options.seed, options.samples)
    report = CT_CLIP_MEASURED.run(gallery, published)
    if not (options.report or options.texts):
        return report
    if options.report and options.texts:
        raise UsageError("give either the attribute of the reports, or their vectors")
    texts, data = _texts_of_reports(gallery, options) if options.report else _texts_published(gallery, options.texts)
    return _with_reports(report, gallery, texts, data, options)


def _with_reports(report: Report, gallery: Gallery, texts: Vectors, data: Labelled, options: CtClipOptions) -> Report:
    places = np.array([*_places(gallery.project(texts, options.space), gallery.project(data.vectors, options.space))])
    kept, told = untouched(gallery.spec.name, [*zip(data.ids, data.patients, strict=True)])
    asked = data.take(np.flatnonzero(kept))
    values = np.stack([places[kept] < k for k in _REPORT_DEPTHS], axis=1).astype(np.float64)
    one = Askers(np.ones((len(values), 1), bool), ("report",), np.array(asked.patients), asked.ids)
    scoring = Scoring(_REPORT_DEPTHS, options.samples, options.seed)
    scores = scores_of(values, [f"R@{k}" for k in _REPORT_DEPTHS], one, scoring)
    chance = ", ".join(f"{min(1, k / len(places)):.3f}" for k in _REPORT_DEPTHS)
    many = "as many" if kept.all() else len(places)
    who = with_remark(f"{len(values)} reports asked for their own volume among {many}", told)
    note = f"{who}; a random order gives R@k {chance}."
    measures = {**report.measures, REPORT_TO_VOLUME: scores}
    return replace(report, measures=measures, notes=(*report.notes[:-1], note, report.notes[-1]))


def _places(texts: Vectors, volumes: Vectors) -> Iterator[int]:
    """How many volumes each text finds before its own, which stands at the text's own number; equals in their order."""
    for row, text in enumerate(texts):
        similar = volumes @ text
        yield int((similar > similar[row]).sum() + (similar[:row] == similar[row]).sum())


def _texts_of_reports(gallery: Gallery, options: CtClipOptions) -> tuple[Vectors, Labelled]:
    encoder = gallery.encoder
    if not isinstance(encoder, encoders.TextEncoder):
        raise UsageError(f"the encoder {gallery.spec.name} takes no text; give the vectors of the reports: --texts")
    records = _records(gallery)
    rows = [row for row, record in enumerate(records) if record.attributes.get(options.report)]
    if not rows:
        raise UsageError(f"no volume has the attribute {options.report!r}; index with a table that has this column")
    texts = encoder.encode_texts([str(records[row].attributes[options.report]) for row in rows])
    return texts, every_record(gallery).take(np.array(rows, np.int64))


def _texts_published(gallery: Gallery, source: str) -> tuple[Vectors, Labelled]:
    """Vectors of texts, each with the record of the same id, or else of the same file name."""
    records = _records(gallery)
    by_name = {name: row for row, record in enumerate(records) for name in (_stem(record.source), record.source)}
    rows, texts = [], []
    for item in source_of(source).items():
        row = by_name.get(item.name, by_name.get(_stem(item.name)))
        if row is not None and item.vectors is not None:
            rows.append(row)
            texts.append(item.vectors().vectors[0])
    if not rows:
        raise UsageError(f"none of the ids of {source} is a record here; the texts need the volumes' ids")
    found = unit_rows(np.stack(texts))
    if found.shape[1] != gallery.spec.dim:
        raise UsageError(f"the texts have {found.shape[1]} numbers each, the volumes {gallery.spec.dim}")
    return found, every_record(gallery).take(np.array(rows, np.int64))


def _records(gallery: Gallery) -> Sequence[Record]:
    """The records in the order of ``every_record``."""
    stored = gallery.store.records()
    return [stored[int(key)] for key in pooled_vectors(gallery).records]


def _stem(name: str) -> str:
    return PurePosixPath(name).name.partition(".")[0]
