"""Groups of a map: found where points lie together, named by what stands out, and by nothing where nothing does."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.gallery import Gallery
from lookalike.mapping.groups import Borne, by_words, find_groups, in_bands, traits_of
from lookalike.mapping.kept import UNGROUPED
from lookalike.store import Batch, NewRecord
from lookalike.verbs.map import kept_drawing, map_gallery
from lookalike.verbs.map.fields import map_column, map_errors, map_groups

MakeGallery = Callable[..., Gallery]
SHUFFLES = 100


def blobs(count: int, groups: int, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    of = np.arange(count) % groups
    angles = 2 * np.pi * np.arange(groups) / groups
    centres = np.stack([np.cos(angles), np.sin(angles)], axis=1) * 0.35 + 0.5
    return (centres[of] + rng.normal(0, 0.02, (count, 2))).astype(np.float32), of


def borne(field: str, values: NDArray[np.int64]) -> Borne:
    texts = tuple(f"{field} {value}" for value in range(int(values.max()) + 1))
    return Borne(field, np.arange(len(values)), values, texts)


@pytest.mark.parametrize("count", [300, 12_000])
def test_groups_are_what_lies_together(count: int) -> None:
    plane, of = blobs(count, 6)
    found = find_groups(plane)
    assert set(found) <= {*range(6), UNGROUPED}
    assert (found == UNGROUPED).mean() < 0.1
    for group in range(6):
        assert len(np.unique(of[found == group])) == 1


def test_few_points_make_no_group() -> None:
    assert (find_groups(blobs(29, 2)[0]) == UNGROUPED).all()


def test_a_planted_group_is_named_by_what_was_planted() -> None:
    rng = np.random.default_rng(0)
    groups, patients = np.repeat(np.arange(4), 60).astype(np.uint8), np.arange(240)
    label = np.where(groups == 2, np.where(rng.random(240) < 0.9, 0, 1), rng.integers(1, 4, 240))
    view = np.where((groups == 1) == (rng.random(240) < 0.95), 0, 1)
    named = traits_of(
        groups, patients, [borne("label", label), borne("View", view), borne("site", rng.integers(0, 5, 240))]
    )
    assert [[each.name for each in traits] for traits in named] == [[], ["View View 0"], ["label 0"], []]
    trait = named[2][0]
    bearers = label == 0
    assert trait.share == pytest.approx(bearers[groups == 2].mean())
    assert trait.elsewhere == pytest.approx(bearers[groups != 2].mean())
    assert trait.patients == bearers[groups == 2].sum()


def test_labels_without_meaning_name_nothing() -> None:
    """Over 100 maps, whose groups have nothing to do with labels, a field of two values and one of many."""
    cried = 0
    for seed in range(SHUFFLES):
        rng = np.random.default_rng(seed)
        groups = rng.integers(0, 12, 600).astype(np.uint8)
        said = [borne(name, rng.integers(0, many, 600)) for name, many in (("label", 3), ("sex", 2), ("site", 40))]
        cried += any(traits_of(groups, np.arange(600), said))
    assert cried <= 4  # one in a hundred is allowed for


def test_the_many_pictures_of_a_patient_prove_nothing() -> None:
    """Each group is two patients, each of whom has a label of his own: a hundred records say no more than these two."""
    patients = np.repeat(np.arange(16), 50)
    groups = (patients // 2).astype(np.uint8)
    label = (patients // 2) % 3
    assert not any(traits_of(groups, patients, [borne("label", label)]))
    # As records of a patient each they would say a lot.
    assert all(traits_of(groups, np.arange(800), [borne("label", groups.astype(np.int64))]))


def test_a_patient_counts_in_each_group_that_it_has_pictures_in() -> None:
    """Of each patient a frontal and a lateral picture, which lie in two groups: both have a name."""
    patients, view = np.repeat(np.arange(100), 2), np.tile([0, 1], 100)
    assert [
        [each.name for each in traits] for traits in traits_of(view.astype(np.uint8), patients, [borne("v", view)])
    ] == [["v v 0"], ["v v 1"]]


def test_long_texts_count_by_their_words_and_numbers_in_bands() -> None:
    texts = tuple(f"CT abdomen {number:03} with contrast" for number in range(80))
    words = by_words(Borne("StudyDescription", np.arange(80), np.arange(80), texts))
    assert set(words.texts) == {"abdomen", "with", "contrast"}
    assert np.bincount(words.codes).tolist() == [80, 80, 80]
    assert np.bincount(words.rows).tolist() == [3] * 80
    few = Borne("View", np.arange(3), np.arange(3), ("AP upright", "PA", "LL"))
    assert by_words(few) is few
    ages = np.arange(100, dtype=float)
    banded = in_bands("age", np.arange(100), ages)
    assert banded.texts == ("≤ 24.75", "24.75 to 49.5", "49.5 to 74.25", "> 74.25")
    assert np.bincount(banded.codes).tolist() == [25] * 4
    assert in_bands("sex", np.arange(4), np.array([0.0, 1, 1, 0])).texts == ("0", "1")


def filled(gallery: Gallery, count: int = 120) -> None:
    """Three kinds of vectors, whose label says which; of every twentieth it says another."""
    centres = np.random.default_rng(9).standard_normal((3, gallery.spec.dim)).astype(np.float32)
    rows = []
    for i in range(count):
        vector = centres[i % 3] + 0.3 * np.random.default_rng(i).standard_normal((1, gallery.spec.dim)).astype(
            np.float32
        )
        vector /= np.linalg.norm(vector)
        said = {"PatientAge": float(20 + i), "View": "AP" if i % 2 else "PA"}
        label = f"c{(i + (i % 20 == 0)) % 3}"
        rows.append(NewRecord(f"/{i}", f"{i:064x}", 0, f"p{i}", (label,) if i % 10 != 5 else (), said, vector, b""))
    gallery.store.write(Batch(records=rows))


def test_the_groups_of_a_gallery_bear_the_names_of_its_labels(make_gallery: MakeGallery) -> None:
    gallery = make_gallery()
    filled(gallery)
    found = map_groups(gallery, method="tsne")
    assert {each.name for each in found} == {"c0", "c1", "c2"}
    assert sum(each.records for each in found) + found.ungrouped == 120
    assert all(each.traits[0].share > 0.7 and each.traits[0].elsewhere < 0.2 for each in found)
    drawn = kept_drawing(gallery, method="tsne")
    assert drawn is not None
    assert [int((drawn.groups == each.number).sum()) for each in found] == [each.records for each in found]


def test_columns_say_what_the_records_say(make_gallery: MakeGallery) -> None:
    gallery = make_gallery()
    filled(gallery)
    map_gallery(gallery, method="tsne")
    drawn = kept_drawing(gallery, method="tsne")
    assert drawn is not None
    known = {record.id: record for record in gallery.store.records().values()}
    records = [known[identity] for identity in drawn.ids]
    label = map_column(gallery, drawn)
    assert label.kind == "text"
    said = [label.names[code] if code != 255 else None for code in label.codes]
    assert said == [record.labels[0] if record.labels else None for record in records]
    assert dict(zip(label.names, label.counts, strict=True)) == {name: said.count(name) for name in set(said) - {None}}
    age = map_column(gallery, drawn, "PatientAge")
    assert (age.kind, age.low, age.high) == ("number", 20, 139)
    ages = np.array([record.attributes["PatientAge"] for record in records], float)
    np.testing.assert_allclose(20 + age.codes / 253 * 119, ages, atol=0.5 * 119 / 253 + 1e-9)
    assert map_column(gallery, drawn, "patient").others == 0
    with pytest.raises(UsageError, match=r"no record has a field 'Veiw'.*Did you mean 'View'"):
        map_column(gallery, drawn, "Veiw")


def test_errors_are_what_the_votes_of_other_patients_say(make_gallery: MakeGallery) -> None:
    gallery = make_gallery()
    filled(gallery)
    map_gallery(gallery, method="tsne")
    drawn = kept_drawing(gallery, method="tsne")
    assert drawn is not None
    found = map_errors(gallery, drawn)
    assert (found.kind, found.low, found.high) == ("number", 0.0, 1.0)
    known = {record.id: record for record in gallery.store.records().values()}
    number = np.array([int(known[identity].source[1:]) for identity in drawn.ids])
    bare, wrong = number % 10 == 5, number % 20 == 0
    assert (found.codes[bare] == 255).all()
    assert found.codes[wrong].min() > 126 > found.codes[~bare & ~wrong].max()
    assert found.sampled is None


def test_errors_of_many_records_are_told_of_a_sample_of_patients(make_gallery: MakeGallery) -> None:
    gallery = make_gallery()
    filled(gallery)
    map_gallery(gallery, method="tsne")
    drawn = kept_drawing(gallery, method="tsne")
    assert drawn is not None
    found = map_errors(gallery, drawn, most=60)
    told = np.flatnonzero(found.codes != 255)
    assert found.sampled == len(told) == 60
    known = {record.id: record for record in gallery.store.records().values()}
    number = np.array([int(known[identity].source[1:]) for identity in drawn.ids])
    assert (number[told] % 10 != 5).all()  # those bear no label
    wrong = number[told] % 20 == 0
    assert wrong.any()
    assert found.codes[told[wrong]].min() > 126 > found.codes[told[~wrong]].max()
    again, other = (map_errors(gallery, drawn, most=60, seed=seed).codes for seed in (0, 1))
    assert (again == found.codes).all()
    assert ((other != 255) != (found.codes != 255)).any()
