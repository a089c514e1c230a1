"""Recorded values that neighbours contradict: votes against a loop, planted errors, and values that nobody can tell."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from filled import fill, unit
from lookalike.errors import UsageError
from lookalike.evaluation.metadata_report import MetadataAudit
from lookalike.evaluation.metadata_votes import Neighbourhood, leads, neighbours_vote
from lookalike.gallery import Gallery
from lookalike.verbs.audit import audit_metadata

PARTS = ("CHEST", "HEAD", "KNEE")


def clouds(count: int, seed: int = 0, spread: float = 0.2) -> tuple[NDArray[np.float32], list[str], list[str]]:
    """Vectors around one place a part of the body, their parts, and patients of three records each."""
    rng = np.random.default_rng(seed)
    parts = [PARTS[i % 3] for i in range(count)]
    places = np.eye(3, 8)[[PARTS.index(part) for part in parts]]
    vectors = unit(places + rng.normal(size=(count, 8)) * spread)
    return vectors, parts, [f"p{i // 3}" for i in range(count)]


def planted(parts: Sequence[str], share: float, seed: int) -> tuple[list[str], set[int]]:
    rng = np.random.default_rng(seed)
    rows = set(rng.choice(len(parts), round(share * len(parts)), replace=False).tolist())
    others = [[each for each in PARTS if each != part] for part in parts]
    return [str(rng.choice(others[i])) if i in rows else part for i, part in enumerate(parts)], rows


def gallery_of(
    make: Callable[..., Gallery], vectors: NDArray[np.float32], patients: list[str], values: Sequence[str]
) -> tuple[Gallery, list[str]]:
    gallery = make(encoder="imported:x:8")
    told = [{"BodyPartExamined": value} if value else {"other": 1.0} for value in values]
    return gallery, fill(gallery, list(vectors), patients, attributes=told)


def found(audit: MetadataAudit) -> set[str]:
    return {each.id for each in audit.suspects}


def test_votes_are_what_a_loop_gives() -> None:
    vectors, parts, patients = clouds(40)
    values = np.array([-1 if i % 7 == 0 else PARTS.index(part) for i, part in enumerate(parts)])
    near = Neighbourhood(vectors, patients, 4).among(values >= 0)
    votes = neighbours_vote(near, values)
    for row in range(40):
        others = [i for i in range(40) if values[i] >= 0 and patients[i] != patients[row]]
        nearest = sorted(others, key=lambda i: -float(vectors[row] @ vectors[i]))[:4]
        assert near.rows[row].tolist() == nearest
        weights = near.weights[row]
        assert weights.sum() == pytest.approx(1)
        for value in range(3):
            share = sum(w for w, i in zip(weights, nearest, strict=True) if values[i] == value)
            assert votes.shares[row, value] == pytest.approx(share)
    lead, best = leads(votes.shares[near.known], votes.recorded)
    for place, row in enumerate(near.known):
        own, shares = values[row], votes.shares[row]
        assert best[place] != own
        assert lead[place] == pytest.approx(max(np.delete(shares, own)) - shares[own])


@pytest.mark.parametrize("share", [0.02, 0.05, 0.1])
def test_planted_errors_are_listed_with_evidence(make_gallery: Callable[..., Gallery], share: float) -> None:
    vectors, parts, patients = clouds(300)
    values, wrong = planted(parts, share, seed=1)
    gallery, ids = gallery_of(make_gallery, vectors, patients, values)
    audit = audit_metadata(gallery)
    expected = {ids[i] for i in wrong}
    assert len(found(audit) & expected) >= 0.8 * len(expected)
    assert len(found(audit) - expected) <= 0.1 * len(expected)
    row = {identity: i for i, identity in enumerate(ids)}
    for each in audit.suspects:
        assert each.recorded == values[row[each.id]] != each.suggested
        assert not {patients[row[voter.id]] for voter in each.neighbours} & {patients[row[each.id]]}
        assert each.suggested in {voter.value for voter in each.neighbours}
        assert each.share > each.recorded_share
    assert audit.suspects[0].suggested == parts[row[audit.suspects[0].id]]


def test_nothing_is_listed_where_nothing_is_wrong(make_gallery: Callable[..., Gallery]) -> None:
    vectors, parts, patients = clouds(300)
    gallery, _ = gallery_of(make_gallery, vectors, patients, parts)
    audit = audit_metadata(gallery)
    assert len(audit.suspects) <= 3
    assert audit.fields[0].agree > 0.97


def test_what_pictures_do_not_tell_is_not_listed(make_gallery: Callable[..., Gallery]) -> None:
    """Sides by a coin: every other neighbour says otherwise, and nobody is accused."""
    vectors, _, patients = clouds(240)
    sides = np.random.default_rng(3).choice(["L", "R"], 240).tolist()
    gallery = make_gallery(encoder="imported:x:8")
    fill(gallery, list(vectors), patients, attributes=[{"Laterality": side} for side in sides])
    audit = audit_metadata(gallery)
    assert audit.suspects == ()
    assert "do not tell" in audit.fields[0].note


def test_missing_values_are_proposed(make_gallery: Callable[..., Gallery]) -> None:
    vectors, parts, patients = clouds(300)
    values = ["" if i % 10 == 0 else part for i, part in enumerate(parts)]
    gallery, ids = gallery_of(make_gallery, vectors, patients, values)
    audit = audit_metadata(gallery)
    row = {identity: i for i, identity in enumerate(ids)}
    assert len(audit.proposed) >= 20
    assert {row[each.id] % 10 for each in audit.proposed} == {0}
    right = [each.suggested == parts[row[each.id]] for each in audit.proposed]
    assert np.mean(right) >= 0.9
    assert {each.recorded for each in audit.proposed} == {""}


def test_a_picture_unlike_all_others_is_no_evidence(make_gallery: Callable[..., Gallery]) -> None:
    vectors, parts, patients = clouds(300)
    far = unit(np.array([[0, 0, 0, 1.0, -1, 1, -1, 1]]))
    gallery, ids = gallery_of(
        make_gallery, np.concatenate([vectors, far.astype(np.float32)]), [*patients, "alone"], [*parts, "HEAD"]
    )
    assert ids[-1] not in found(audit_metadata(gallery))


def test_two_fields_are_audited_as_one(make_gallery: Callable[..., Gallery]) -> None:
    vectors, parts, patients = clouds(300)
    modality = ["CR" if part == "CHEST" else "MR" for part in parts]
    sequence = ["none" if part == "CHEST" else "T1" if part == "HEAD" else "T2" for part in parts]
    sequence[1] = "T2"
    gallery = make_gallery(encoder="imported:x:8")
    told = [{"Modality": m, "sequence": s} for m, s in zip(modality, sequence, strict=True)]
    ids = fill(gallery, list(vectors), patients, attributes=told)
    audit = audit_metadata(gallery)
    assert [each.field for each in audit.fields] == ["Modality", "sequence", "Modality+sequence"]
    joined = [each for each in audit.suspects if each.field == "Modality+sequence"]
    assert (joined[0].id, joined[0].recorded, joined[0].suggested) == (ids[1], "MR T2", "MR T1")


def test_the_table_holds_every_row(make_gallery: Callable[..., Gallery]) -> None:
    vectors, parts, patients = clouds(300)
    values, _ = planted(parts, 0.05, seed=2)
    values[::10] = [""] * 30
    gallery, _ = gallery_of(make_gallery, vectors, patients, values)
    before = {record.id: dict(record.attributes) for record in gallery.store.records().values()}
    audit = audit_metadata(gallery, ["BodyPartExamined"])
    rows = list(csv.DictReader(io.StringIO(audit.table())))
    assert len(rows) == len(audit.suspects) + len(audit.proposed)
    assert Counter(row["field"] for row in rows) == {"BodyPartExamined": len(rows)}
    assert rows[0]["neighbours"].startswith(f"{audit.suspects[0].neighbours[0].id}=")
    assert str(audit).count("wrong") >= 1
    assert before == {record.id: dict(record.attributes) for record in gallery.store.records().values()}


def test_what_cannot_be_audited_is_said(make_gallery: Callable[..., Gallery]) -> None:
    vectors, _, patients = clouds(300)
    gallery, _ = gallery_of(make_gallery, vectors, patients, ["CHEST"] * 300)
    assert audit_metadata(gallery).fields[0].note == "not audited: every record says the same"
    with pytest.raises(UsageError, match="no record has a field 'BodyPart'"):
        audit_metadata(gallery, ["BodyPart"])
    with pytest.raises(UsageError, match="at least 3"):
        audit_metadata(gallery, neighbours=2)
