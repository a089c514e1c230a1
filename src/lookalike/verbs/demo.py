"""demo: index, search, evaluate and adapt on a labelled folder, or on synthetic radiographs if none is given."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lookalike.errors import MissingExtraError, UsageError
from lookalike.evaluation.report import Report
from lookalike.gallery import Gallery, open_gallery
from lookalike.readers.events import Frame
from lookalike.sources.files import walk
from lookalike.sources.labels import LabelTable, labels_of_folders, read_label_table
from lookalike.text import absolute
from lookalike.verbs.adapt import DEFAULT_KIND, AdaptResult, adapt
from lookalike.verbs.evaluate import evaluate
from lookalike.verbs.index import IndexResult, index

SPACE: Final = "findings"
_Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class DemoResult:
    """Where everything was written, and the two evaluations: of the base space and of the adapted one.

    examples: a query of each class, in the order of their labels. figure: where ``lookalike demo`` drew their hits;
    "" from Python.
    """

    gallery: str
    figure: str
    synthetic: bool
    indexed: IndexResult
    adapter: AdaptResult
    baseline: Report
    adapted: Report
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """A query with its labels."""

    query: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Case:
    path: Path
    label: str
    patient: str


def demo(
    folder: str | os.PathLike[str] = "lookalike-demo",
    *,
    data: str | os.PathLike[str] | None = None,
    label_columns: Sequence[str] = (),
    seed: int = 0,
    say: _Say = lambda _line: None,
) -> DemoResult:
    """Index four fifths of a labelled collection, evaluate it with the rest, train an adapter, evaluate again.

    data: a folder with ``labels.csv``, or with one sub-folder a class; without it 100 synthetic chest
    radiographs are drawn. The split is patient-disjoint, the adapter sees the gallery only. say: called with each
    step, a sentence. Raises UsageError if the folder has no labels or too few patients.
    """
    out = absolute(folder)
    out.mkdir(parents=True, exist_ok=True)
    root = absolute(data) if data is not None else _draw(out, seed, say)
    table = _table(root, label_columns)
    with open_gallery(_fresh(out / "gallery"), create=True) as gallery:
        kept, queries = _split(_cases(gallery, root, table), seed)
        say(f"Indexing {len(kept)} images; {len(queries)} images of other patients will ask.")
        indexed = index(gallery, kept, labels=table, patches=True)  # the page can search regions too
        say(f"Indexed {indexed.added} records in {indexed.seconds:.1f} s, {len(indexed.refused)} refused.\n")
        baseline = evaluate(gallery, queries=queries, query_labels=table)
        say(f"BASELINE: the encoder's own vectors\n\n{baseline}\n")
        adapter = _train(gallery, say)
        adapted = evaluate(gallery, space=SPACE, queries=queries, query_labels=table)
        say(f"WITH THE ADAPTER, beside the baseline\n\n{adapted}\n")
    examples = _examples(queries, table)
    return DemoResult(str(gallery.folder), "", data is None, indexed, adapter, baseline, adapted, examples)


def _draw(out: Path, seed: int, say: _Say) -> Path:
    from lookalike.sources.collections.synthetic import write_collection

    say("Drawing 100 SYNTHETIC chest radiographs (schematic, no patient's image) as DICOM files.")
    return write_collection(out / "synthetic", count=100, seed=seed).parent


def _fresh(folder: Path) -> Path:
    """An empty gallery folder: each demo starts anew, and earlier ones stay."""
    number, free = 1, folder
    while free.exists():
        number += 1
        free = folder.with_name(f"{folder.name}-{number}")
    return free


def _table(root: Path, label_columns: Sequence[str]) -> LabelTable:
    if not root.is_dir():
        raise UsageError(f"no such folder: {root}; give a folder of labelled images")
    if (root / "labels.csv").is_file():
        return read_label_table(root / "labels.csv", label_columns)
    table = labels_of_folders(root, walk([root]))
    if len(table) == 0:
        raise UsageError(
            f"{root} has neither a labels.csv nor sub-folders named after classes; "
            "add a table with the columns file and label"
        )
    return table


def _cases(gallery: Gallery, root: Path, table: LabelTable) -> list[_Case]:
    """The labelled files with their patient (the table takes precedence over the file)."""
    cases: dict[Path, _Case] = {}
    files = walk([root])
    rows = table.match(map(str, files)).rows
    for event in gallery.readers.read(files):
        row = rows.get(event.source)
        if isinstance(event, Frame) and row is not None and row.labels:
            path = Path(event.source)
            cases[path] = _Case(path, row.labels[0], row.patient or event.patient or event.source)
    return list(cases.values())


def _split(cases: Sequence[_Case], seed: int) -> tuple[list[Path], list[Path]]:
    """Four fifths and one fifth, patient-disjoint, with about the same mix of classes."""
    from sklearn.model_selection import StratifiedGroupKFold

    patients, labels = [case.patient for case in cases], [case.label for case in cases]
    if len(set(patients)) < 10 or len(set(labels)) < 2:
        raise UsageError(
            f"the demo needs at least 10 patients and 2 classes, got {len(set(patients))} and {len(set(labels))}"
        )
    splitter = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    kept, queries = next(splitter.split(labels, labels, patients))
    return [cases[i].path for i in kept], [cases[i].path for i in queries]


def _train(gallery: Gallery, say: _Say) -> AdaptResult:
    try:
        adapter = adapt(gallery, SPACE, kind=DEFAULT_KIND)
    except MissingExtraError as error:
        say(f"{error}. Training the linear adapter instead.")
        adapter = adapt(gallery, SPACE, kind="linear")
    say(f"Trained a {adapter.kind} adapter on {adapter.records} records in {adapter.seconds:.1f} s.\n")
    return adapter


def _examples(queries: Sequence[Path], table: LabelTable) -> tuple[Example, ...]:
    """The first query of each class."""
    found: dict[str, Example] = {}
    rows = table.match(map(str, queries)).rows
    for query in queries:
        if (row := rows.get(str(query))) is not None:
            found.setdefault(row.labels[0], Example(str(query), row.labels))
    return tuple(found[label] for label in sorted(found))
