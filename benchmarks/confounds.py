"""How often the confound audit warns of sites that were drawn by coins, and of sites that tell the label.

A coin cannot confound: every warning of it is false. On each collection twenty fields are drawn by a fair coin a
patient, by three sites of equal chance a patient, and by a coin a record. Then the truths: a site that is a function
of the label, one that agrees with such a function in nine of ten patients, and the first folder of ``source_image``
in chest-xray-dicom5, where ``covid19`` comes from a hospital of its own.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks import data
from benchmarks.report import Figure
from lookalike.evaluation.confound_report import AuditSample, ConfoundAudit, confound_audit
from lookalike.evaluation.confounds import audit_field, audit_sample
from lookalike.evaluation.recorded_fields import RecordedField
from lookalike.gallery import open_gallery
from lookalike.metrics import numbered
from lookalike.verbs.audit import audit
from lookalike.verbs.index import index

COLLECTIONS = {
    "chest-xray-dicom5": "patient_id",
    "breast-us-busi": None,
    "brain-mri-tumor": None,
    "mammo-mias": "patient_pair",
}
"""By the column that names the patient, where there is one."""
DRAWS = 20
MOST_FALSE = 1  # of them: 5 %
COINS = {"coin a patient": (2, True), "three sites": (3, True), "coin a record": (2, False)}
SOURCE = "source_image"


def run(given: Path | None) -> list[Figure]:
    """False warnings in twenty draws, the worst of all; and planted truths that are found, of all."""
    folders = {name: data.folder(name, given) for name in COLLECTIONS}
    with tempfile.TemporaryDirectory() as temporary:
        found = [_collection(name, folder, Path(temporary) / name) for name, folder in folders.items()]
    false, truths, notes = (list(each) for each in zip(*found, strict=True))
    worst = max(max(each.values()) for each in false)
    seen = [truth for each in truths for truth in each]
    head = "collection              coin a patient  three sites  coin a record   truths found   seconds an audit"
    return [
        Figure("confounds, false", worst, MOST_FALSE, f"of {DRAWS} draws", at_least=False, notes=(head, *notes)),
        Figure("confounds, found", float(np.mean(seen)), 1.0, "of planted truths"),
    ]


def _collection(name: str, folder: Path, gallery: Path) -> tuple[dict[str, int], list[bool], str]:
    """False warnings by kind of coin, whether each truth is found, and a line that says so."""
    with open_gallery(gallery, create=True) as opened:
        index(opened, [folder], labels=folder / "labels.csv", patient_column=COLLECTIONS[name])
        sample = audit_sample(opened, "base", "label", seed=0)
        started = time.monotonic()
        whole = audit(opened)
        seconds = time.monotonic() - started
    false = {kind: sum(_warned(_audited(sample, site)) for site in _coins(sample, *how)) for kind, how in COINS.items()}
    truths = [_warned(_audited(sample, site)) for site in _truths(sample)]
    if name == "chest-xray-dicom5":
        truths.append(any(SOURCE in sentence and "covid19" in sentence for sentence in whole.warnings))
    counts = "  ".join(f"{false[kind]:>{len(kind)}}" for kind in COINS)
    line = f"{name:22}  {counts}   {sum(truths):>6} of {len(truths)}   {seconds:6.1f} ({len(whole.fields)} fields)"
    return false, truths, line


def _coins(sample: AuditSample, sites: int, by_patient: bool) -> Iterator[list[str]]:
    patients = numbered([record.patient for record in sample.records])
    unit = patients if by_patient else np.arange(len(patients))
    for draw in range(DRAWS):
        dealt = np.random.default_rng(draw).integers(0, sites, int(unit.max()) + 1)
        yield [f"site {site}" for site in dealt[unit]]


def _truths(sample: AuditSample) -> Iterator[list[str]]:
    """Half of the labels at one site, the others at another: always, and in nine of ten patients."""
    patients = numbered([record.patient for record in sample.records])
    told = sample.members.argmax(axis=1) % 2
    yield [f"site {site}" for site in told]
    for draw in range(DRAWS):
        other = np.random.default_rng(draw).random(int(patients.max()) + 1) < 0.1
        yield [f"site {site}" for site in np.where(other[patients], 1 - told, told)]


def _audited(sample: AuditSample, values: list[str]) -> ConfoundAudit:
    """The audit against this one field: fewer fields make warnings easier."""
    field = RecordedField("site", "where", tuple(values))
    return confound_audit(sample, [(field, audit_field(field, sample, seed=0))], {})


def _warned(found: ConfoundAudit) -> bool:
    return any("site" in sentence for sentence in found.warnings)
