"""The confound audit on planted confounds, on the library it uses, and on the real chest radiographs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from lookalike.errors import MissingExtraError, UsageError
from lookalike.evaluation.confound_report import AuditSample, ConfoundAudit, FieldAudit, confound_audit
from lookalike.evaluation.confounds import audit_field
from lookalike.evaluation.recorded_fields import RecordedField
from lookalike.gallery import Gallery
from lookalike.store import Batch, NewRecord
from lookalike.types import Record
from lookalike.verbs.audit import audit as audit_confounds

pytest.importorskip("croma", reason="the confound audit needs: pip install 'lookalike[audit]'")

Rows = Sequence[tuple[str, dict[str, str], np.ndarray[Any, Any]]]  # label, attributes, vector


def fill(gallery: Gallery, rows: Rows, patients: Sequence[str] = ()) -> None:
    batch = Batch()
    for i, (label, attributes, vector) in enumerate(rows):
        unit = (vector / np.linalg.norm(vector)).astype(np.float32)
        patient = patients[i] if patients else str(i)
        batch.records.append(NewRecord(f"{i}.png", f"{i:064x}", 0, patient, (label,), attributes, unit[None], b""))
    gallery.store.write(batch)


def planted(follow: str, nested: bool = False, count: int = 80) -> Rows:
    """Two labels, two sites; the vectors follow the label or the site. nested: one label, one site."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(count):
        label = i % 2
        site = label if nested else (i // 2) % 2
        vector = rng.normal(size=16)
        vector[0] += 12 * (label if follow == "label" else site) - 6
        vector[1] += 2 * (site if follow == "label" else label) - 1
        rows.append((f"label {label}", {"hospital": ["north", "south"][site], "noise": "xyz"[i % 3]}, vector))
    return rows


def of_field(audit: ConfoundAudit, name: str) -> FieldAudit:
    return next(each for each in audit.fields if each.field == name)


# --- what it must find, and must not --------------------------------------------------------------------------


def test_a_label_of_one_site_is_separable_by_where_it_was_taken(make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery()
    fill(gallery, planted("site", nested=True))
    audit = audit_confounds(gallery)
    hospital = audit.fields[0]
    assert (hospital.field, hospital.kind) == ("hospital", "where")
    assert hospital.separability == {"label 0": 1.0, "label 1": 1.0}
    assert hospital.predictability is not None
    assert hospital.predictability.accuracy > 0.98
    assert audit.warnings[0].startswith(
        "label 0 is separable by where it was taken: hospital is north in 40 of its 40 records and in 0 of the 40"
    )
    assert hospital.robustness.ri is None
    assert hospital.robustness.reason.startswith("no label was recorded with two values")


def test_neighbours_that_follow_the_site_are_said(make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery()
    fill(gallery, planted("site"))
    robustness = of_field(audit := audit_confounds(gallery), "hospital").robustness
    assert robustness.ri is not None
    assert robustness.mari is not None
    assert robustness.croma is not None
    assert robustness.ri < 0.1
    assert robustness.mari < 0.1
    assert robustness.croma < 0
    assert robustness.support > 0.9
    assert audit.warnings[0].startswith("Neighbours follow hospital rather than label: robustness index 0.0")


def test_vectors_that_follow_the_label_raise_no_warning(make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery()
    fill(gallery, planted("label"))
    audit = audit_confounds(gallery)
    hospital = of_field(audit, "hospital")
    assert hospital.separability == {"label 0": 0.5, "label 1": 0.5}
    assert hospital.robustness.ri is not None
    assert hospital.robustness.ri > 0.9
    assert hospital.robustness.croma is not None
    assert hospital.robustness.croma > 0
    assert audit.warnings == ("No recorded field separates a value of label. What nobody recorded cannot be audited.",)
    noise = of_field(audit, "noise").predictability
    assert noise is not None
    assert noise.chance == pytest.approx(1 / 3, abs=1e-6)
    assert noise.accuracy < 0.45


def audited(labels: Sequence[int], sites: Sequence[int], patients: Sequence[int], seed: int = 0) -> ConfoundAudit:
    """The audit of one field over records whose vectors follow the label, in part, and the patient."""
    rng = np.random.default_rng(seed)
    people = rng.normal(size=(max(patients) + 1, 24))
    vectors = people[list(patients)] + rng.normal(size=(len(labels), 24))
    vectors[np.arange(len(labels)), list(labels)] += 2
    found = [
        Record(i, str(i), "", 0, (f"label {label}",), f"p{patient}", {})
        for i, (label, patient) in enumerate(zip(labels, patients, strict=True))
    ]
    members = np.eye(max(labels) + 1, dtype=bool)[list(labels)]
    classes = tuple(f"label {label}" for label in range(max(labels) + 1))
    sample = AuditSample("label", "base", found, vectors.astype(np.float32), classes, members)
    field = RecordedField("site", "where", tuple(f"site {site}" for site in sites))
    return confound_audit(sample, [(field, audit_field(field, sample, seed=0))], {})


def test_patients_that_nobody_named_are_said() -> None:
    found = audited([0, 1] * 20, [0, 1, 1, 0] * 10, list(range(40)))
    assert (found.patients, "is not known" in " ".join(found.warnings)) == (40, False)
    nobody = [Record(i, str(i), "", 0, (f"label {i % 2}",), str(i), {}) for i in range(40)]
    vectors, members = np.eye(40, dtype=np.float32), np.eye(2, dtype=bool)[[i % 2 for i in range(40)]]
    unnamed = confound_audit(AuditSample("label", "base", nobody, vectors, ("label 0", "label 1"), members), [], {})
    assert unnamed.patients == 0
    assert unnamed.warnings[-1].startswith("No patient is known")


@pytest.mark.parametrize("by_patient", [True, False])
@pytest.mark.parametrize("classes", [2, 5])
def test_coins_raise_no_warning(by_patient: bool, classes: int) -> None:
    """Fair coins, by patient or by record, of patients with three records each: at most one false warning in ten."""
    patients = [i // 3 for i in range(90)]
    labels = [patient % classes for patient in patients]
    warned = []
    for seed in range(10):
        coins = np.random.default_rng(seed).integers(0, 2, 90)
        sites = coins[patients] if by_patient else coins
        warned.append(any("site" in sentence for sentence in audited(labels, sites.tolist(), patients, seed).warnings))
    assert sum(warned) <= 1


@pytest.mark.parametrize("classes", [2, 5])
def test_a_site_that_tells_the_label_is_said(classes: int) -> None:
    patients = [i // 3 for i in range(180)]
    labels = [patient % classes for patient in patients]
    always = audited(labels, [label % 2 for label in labels], patients)
    assert always.fields[0].association.function_of_label
    assert always.fields[0].association.cramers_v > 0.95  # the correction takes a little
    assert any("site is a function of the label: the two cannot be told apart" in said for said in always.warnings)
    other = np.random.default_rng(0).random(60) < 0.1
    sites = [(label % 2) ^ int(other[patient]) for label, patient in zip(labels, patients, strict=True)]
    mostly = audited(labels, sites, patients)
    assert not mostly.fields[0].association.function_of_label
    assert mostly.warnings[0].startswith("label goes with site: Cramer's V 0.")


def test_every_index_stands_beside_its_null(make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery()
    fill(gallery, planted("site"))
    found = of_field(audit_confounds(gallery), "hospital")
    robust, told = found.robustness, found.predictability
    nulls = robust.ri_null, robust.mari_null, robust.croma_null
    for value, null in zip((robust.ri, robust.mari, robust.croma), nulls, strict=True):
        assert value is not None
        assert null is not None
        assert value < null.low < null.high
        assert null.p < 0.01
    assert told is not None
    assert told.null.low < 0.5 < told.null.high < told.accuracy
    assert found.separability_null is not None
    assert found.separability_null.p > 0.1
    assert found.association.null.p > 0.1


def test_two_attributes_against_each_other(make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery()
    rows = [(label, {**said, "scanner": said["hospital"][:1]}, vector) for label, said, vector in planted("site")]
    fill(gallery, rows)
    audit = audit_confounds(gallery, "scanner", "hospital")
    assert [each.field for each in audit.fields] == ["hospital"]
    assert audit.warnings[0].startswith("n is separable by where it was taken: hospital is north in 40 of its 40")
    assert audit_confounds(gallery, "hospital", "label").fields[0].separability == {"north": 0.5, "south": 0.5}


def test_the_index_is_the_librarys(make_gallery: Callable[..., Gallery]) -> None:
    """Every record can be compared here, so the audit must say just what the library says."""
    import croma
    import pandas as pd

    gallery = make_gallery()
    rows = planted("site")
    fill(gallery, rows)
    features = gallery.store.vectors().vectors.astype(np.float64)
    names = [str(i) for i in range(len(rows))]
    manifest = pd.DataFrame(
        {
            "sample_id": names,
            "image_path": names,
            "label": [row[0] for row in rows],
            "group_id": names,
            "center": [row[1]["hospital"] for row in rows],
        }
    )
    shared = {"confounder_column": "center"}
    found = of_field(audit_confounds(gallery), "hospital").robustness
    assert found.ri == pytest.approx(croma.RI.compute(features, manifest, k_candidates=[5, 11, 21], **shared).value)
    mari = croma.MaRI.compute(features, manifest, k_candidates=[5, 11, 21], **shared)
    margin = croma.CRoMa.compute(features, manifest, **shared)
    assert found.mari == pytest.approx(mari.value, abs=1e-6)
    assert found.croma == pytest.approx(margin.value, abs=1e-6)
    assert found.tail == pytest.approx(margin.ltm_alpha, abs=1e-6)


def test_a_patients_own_pictures_tell_nothing(make_gallery: Callable[..., Gallery]) -> None:
    """The site is told by the person alone: with patients kept apart it cannot be told better than chance."""
    rng = np.random.default_rng(0)
    people = rng.normal(size=(40, 64)) * 5
    vectors = [people[i // 4] + rng.normal(size=64) for i in range(160)]
    rows = [(f"label {i % 2}", {"site": "ab"[(i // 4) % 2]}, vector) for i, vector in enumerate(vectors)]
    gallery, apart = make_gallery("grouped"), make_gallery("apart")
    fill(gallery, rows, [f"p{i // 4}" for i in range(160)])
    fill(apart, rows)
    grouped, single = (of_field(audit_confounds(each), "site").predictability for each in (gallery, apart))
    assert grouped is not None
    assert single is not None
    assert single.accuracy > 0.95
    assert grouped.accuracy < 0.75


def test_the_interval_is_resampled_by_patient(make_gallery: Callable[..., Gallery]) -> None:
    """Four times the same record of the same person is no more than once: the interval stays as wide."""
    rng = np.random.default_rng(4)
    vectors = [rng.normal(size=16) + (0.35 if i % 2 else -0.35) for i in range(60)]
    rows = [(f"label {i // 2 % 2}", {"site": "ab"[i % 2]}, vector) for i, vector in enumerate(vectors)]
    once, often = make_gallery("once"), make_gallery("often")
    fill(once, rows)
    fill(often, [row for row in rows for _ in range(4)], [f"p{i // 4}" for i in range(240)])
    told = [of_field(audit_confounds(each), "site").predictability for each in (once, often)]
    widths = [one.high - one.low for one in told if one and one.high is not None and one.low is not None]
    assert len(widths) == 2
    assert all(one is not None and 0.6 < one.accuracy < 0.95 for one in told)
    assert widths[1] > 0.75 * widths[0]  # resampled by record it would be half as wide


# --- results and errors ---------------------------------------------------------------------------------------


def test_every_form(make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery()
    fill(gallery, planted("site"))
    audit = audit_confounds(gallery)
    for form in ("text", "markdown", "csv", "latex"):
        assert "hospital" in audit.tables(form)
    assert json.loads(audit.tables("json")) == json.loads(json.dumps(asdict(audit)))


def test_the_same_seed_gives_the_same_audit(make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery()
    fill(gallery, planted("site"))
    assert audit_confounds(gallery) == audit_confounds(gallery)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("label", "hospitl"), "Did you mean 'hospital'"),
        (("nothing",), "no field is called 'nothing'"),
        (("label", "constant"), "one value only"),
        (("constant",), "nothing to tell"),
    ],
)
def test_what_cannot_be_audited_is_said(
    make_gallery: Callable[..., Gallery], arguments: tuple[str, ...], says: str
) -> None:
    gallery = make_gallery()
    fill(gallery, [(label, {**about, "constant": "x"}, vector) for label, about, vector in planted("site")])
    with pytest.raises(UsageError, match=says):
        audit_confounds(gallery, *arguments)


def test_a_gallery_without_labels_is_said(make_gallery: Callable[..., Gallery]) -> None:
    with pytest.raises(UsageError, match="no record of this gallery bears 'label'"):
        audit_confounds(make_gallery())


def test_without_the_library_it_says_what_to_install(
    make_gallery: Callable[..., Gallery], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "croma", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'lookalike\[audit\]'"):
        audit_confounds(make_gallery())


def test_covid19_is_separable_by_where_it_was_taken(shared_data: Any, make_gallery: Callable[..., Gallery]) -> None:
    from lookalike.verbs.index import index

    gallery = make_gallery()
    folder = shared_data / "chest-xray-dicom5"
    index(gallery, [folder / "files"], labels=folder / "labels.csv")
    audit = audit_confounds(gallery)
    about_covid = [sentence for sentence in audit.warnings if sentence.startswith("covid19")]
    assert len(about_covid) == 1
    assert "covid19 is separable by where it was taken" in about_covid[0]
    assert "in 20 of its 20 records and in 0 of the 80 others" in about_covid[0]
    for field in ("cols", "rows", "Modality"):
        assert field in about_covid[0]
    others = {"no_finding", "pneumonia", "edema", "effusion"}
    assert not any(f"{name} is separable" in sentence for name in others for sentence in audit.warnings)
    told = audit.fields[0].predictability
    assert told is not None
    assert told.accuracy > 0.95
    assert audit.skipped["all_labels"] == "restates the labels"
