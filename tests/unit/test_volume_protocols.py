"""The protocols of volumes and of graded relevance, each against figures that were worked out by hand on four records.

Vectors are directions in a plane, written as angles: the cosine of two slices is that of the angle between them, so
that the nearest is the one with the closest number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filled import fill
from lookalike.errors import UsageError
from lookalike.evaluation.protocols.ct_clip import MEAN_JACCARD, REPORT_TO_VOLUME
from lookalike.evaluation.protocols.findings import figures_of
from lookalike.gallery import Gallery
from lookalike.indexes.approximate import SMALLEST
from lookalike.indexes.parameters import checked_index, made_index
from lookalike.slices import slice_weights
from lookalike.sources.collections.segmented import coarse_name
from lookalike.verbs.evaluate import evaluate

Make = Callable[..., Gallery]
VOLUMES = {"A": (0, 10), "B": (12, 40), "C": (43, 60), "D": (62, 11)}
STAGES = {"A": "1", "B": "1", "C": "2", "D": "2"}
KIDNEY = {"A": "0", "B": "1", "C": "0-1", "D": ""}


def at(*degrees: float) -> np.ndarray:
    """(slices, 2) unit vectors."""
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def planted(
    make: Make, volumes: Mapping[str, Sequence[float]], about: Mapping[str, Mapping[str, str]], **more: Sequence[str]
) -> Gallery:
    gallery = make(encoder="imported:angles:2")
    attributes = [{"slices": float(len(volumes[name])), "plane": "axial", **about[name]} for name in volumes]
    labels = [tuple(more[name]) if name in more else () for name in volumes]
    fill(gallery, [at(*angles) for angles in volumes.values()], list(volumes), labels, attributes)
    return gallery


def staged(make: Make, absent: bool = False) -> Gallery:
    volumes = {**VOLUMES, **({"E": (90, 95), "F": (97, 170)} if absent else {})}
    about = {name: {"stage": STAGES[name]} if name in STAGES else {} for name in volumes}
    return planted(make, volumes, about)


def test_stage_by_slice_hits_and_by_late_interaction(make_gallery: Make) -> None:
    """count: A's slices 0 and 10 both have D's 11 nearest: D, then B, C by their best slice: of stage 1 as A is, B at
    rank 2. B (12, 40): 12 votes for D (11), 40 for C (43), D the closer: D, C, A. C (43, 60): B (40) and D (62), D the
    closer: D, B, A. D (62, 11): C (60); A (10) and B (12) are as near as each other and share a vote: C, A, B.
    maxsim differs for B: D (cos 1 + cos 22), A (cos 2 + cos 30), C (cos 31 + cos 3); and for D: B (cos 22 + cos 1),
    C (cos 2 + cos 32), A (cos 52 + cos 1).
    """
    report = evaluate(staged(make_gallery), protocol="c-mir", levels=["stage"], k=[1, 2, 3])
    count, maxsim = report.scores
    assert (count.rank, maxsim.rank) == ("count", "maxsim")
    assert count.class_sizes == {"1": 2, "2": 2}
    # P@1: A 0, B 0, C 1, D 1. P@2: .5, 0, .5, .5. AP@3: rank 2 -> 1/2, rank 3 -> 1/3, rank 1 -> 1, 1.
    assert count.scores.per_class == {
        "1": pytest.approx({"P@1": 0, "P@2": 1 / 4, "P@3": 1 / 3, "AP@3": 5 / 12}, abs=1e-6),
        "2": pytest.approx({"P@1": 1, "P@2": 1 / 2, "P@3": 1 / 3, "AP@3": 1}, abs=1e-6),
    }
    # P@1: A 0, B 0, C 1, D 0. P@2: all .5. AP@3: 1/2, 1/2, 1, 1/2.
    assert maxsim.scores.per_class == {
        "1": pytest.approx({"P@1": 0, "P@2": 1 / 2, "P@3": 1 / 3, "AP@3": 1 / 2}, abs=1e-6),
        "2": pytest.approx({"P@1": 1 / 2, "P@2": 1 / 2, "P@3": 1 / 3, "AP@3": 3 / 4}, abs=1e-6),
    }
    assert count.chance == pytest.approx({"macro": 1 / 3, "micro": 1 / 3}, abs=1e-6)
    (gain,) = report.gains
    # maxsim - count: P@1 -1 of four queries, D's; P@2 + 1/2, B's. One patient alone may as well have either sign.
    assert (gain.macro["P@1"].value, gain.macro["P@1"].p) == (pytest.approx(-1 / 4), 1)
    assert gain.macro["P@2"].value == pytest.approx(1 / 8)
    assert "maxsim - count" in report.tables()


def test_absent_is_a_class_where_it_is_asked_for(make_gallery: Make) -> None:
    """E (90, 95) and F (97, 170) have no stage. E's nearest is F (97), then D (62); F's E (95)."""
    gallery = staged(make_gallery, absent=True)
    without = evaluate(gallery, protocol="c-mir", levels=["stage"], k=[1], ranks=["count"])
    assert without.scores[0].queries == 4
    named = evaluate(gallery, protocol="c-mir", levels=["stage"], k=[1], ranks=["count"], absent=True)
    assert named.scores[0].class_sizes == {"1": 2, "2": 2, "absent": 2}
    assert named.scores[0].scores.per_class["absent"]["P@1"] == 1


def test_a_region_asks_by_its_slices_alone(make_gallery: Make) -> None:
    """A asks by 0 alone: D (11), B (12). B by 40: C (43), D. C by both slices, as before. D shows no kidney."""
    about = {name: {"stage": STAGES[name], "axial slices of kidney": KIDNEY[name]} for name in VOLUMES}
    gallery = planted(make_gallery, VOLUMES, about)
    report = evaluate(gallery, protocol="c-mir", levels=["stage"], k=[1, 2], ranks=["count"], region="kidney")
    assert report.left_out == {"no slices of kidney": 1}
    # A: D, B -> 0, .5; B: C, D -> 0, 0; C: D, B -> 1, .5
    assert report.scores[0].scores.per_class["1"] == pytest.approx({"P@1": 0, "P@2": 1 / 4, "AP@2": 1 / 4}, abs=1e-6)
    assert report.scores[0].scores.per_class["2"] == pytest.approx({"P@1": 1, "P@2": 1 / 2, "AP@2": 1}, abs=1e-6)
    with pytest.raises(UsageError, match="no volume can ask: all have no slices of spleen"):
        evaluate(gallery, protocol="c-mir", levels=["stage"], region="spleen")
    with pytest.raises(UsageError, match="takes no text"):
        evaluate(gallery, protocol="c-mir", levels=["stage"], text="stage")


class Angles:
    """Stands for an encoder that takes text: a text is its angle in degrees."""

    logit_scale = 1.0

    def __init__(self, gallery: Gallery) -> None:
        self.spec = gallery.spec

    def encode_inputs(self, inputs: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def encode_images(self, images: Sequence[object]) -> np.ndarray:
        raise NotImplementedError

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        return at(*map(float, texts)).astype(np.float32)


def test_a_text_asks_in_place_of_its_volume(make_gallery: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A's caption is 41: B (40), C (43); B's 44: C (43), D (62); C's 9: A (10), D (11); D has none. Of A's stage is its
    first answer, of B's none, of C's the second.
    """
    captions = {"A": "41", "B": "44", "C": "9", "D": ""}
    about = {name: {"stage": STAGES[name], "caption": captions[name]} for name in VOLUMES}
    gallery = planted(make_gallery, VOLUMES, about, **dict.fromkeys(VOLUMES, ("x",)))
    monkeypatch.setattr(Gallery, "encoder", property(Angles))
    report = evaluate(gallery, protocol="c-mir", levels=["stage"], k=[1, 2], ranks=["max"], text="caption")
    assert report.left_out == {"no caption": 1}
    assert report.scores[0].scores.per_class["1"] == pytest.approx(
        {"P@1": 1 / 2, "P@2": 1 / 4, "AP@2": 1 / 2}, abs=1e-6
    )
    assert report.scores[0].scores.per_class["2"] == pytest.approx({"P@1": 0, "P@2": 1 / 2, "AP@2": 1 / 2}, abs=1e-6)
    found = evaluate(gallery, protocol="ct-clip", k=[1], report="caption")
    assert any("3 reports asked for their own volume among as many" in note for note in found.notes)
    assert found.measures[REPORT_TO_VOLUME].micro["R@5"] == 1


def test_the_owners_split_is_kept(make_gallery: Make) -> None:
    about = {name: {"stage": STAGES[name], "split": "test" if name == "A" else "train"} for name in VOLUMES}
    gallery = planted(make_gallery, VOLUMES, about)
    report = evaluate(gallery, protocol="c-mir", levels=["stage"], k=[1])
    assert (report.scores[0].queries, report.rule) == (1, "official split, test asks train")
    assert evaluate(gallery, protocol="c-mir", levels=["stage"], k=[1], split="none").scores[0].queries == 4


def test_recall_of_structures_by_the_slices_that_show_them(make_gallery: Make) -> None:
    """A asks by 0: D (11), B (12), C (43); matching slices 11, 12 (B shows it at 40 only) and 43, which shows it.
    B asks by 40: C (43), which shows it, D, A (10; it shows it at 0). C by 43 and 60: D, B (both match 40, which shows
    it), A (10).
    """
    about = {name: {"axial slices of kidney": KIDNEY[name]} for name in VOLUMES}
    report = evaluate(planted(make_gallery, VOLUMES, about), protocol="regions", k=[1, 2, 3], ranks=["count"])
    (score,) = report.scores
    assert score.queries == {"kidney": 3}
    assert {name: mean for name, (mean, _sd) in score.figures.items()} == pytest.approx(
        {
            "R@1": 1 / 3,  # of A, B, C: B
            "R@2": 1,
            "R@3": 1,
            "L@1": 1 / 3,  # B
            "L@2": 2 / 3,  # B, C
            "L@3": 1,
            "ratio": 1 / 3,  # one of three hits of each, wholly
            "ratio by chance": (1 / 2 + 1 / 2 + 1 / 3) / 3,  # of D, B, C; of C, D, A; of D, B, A
        },
        abs=1e-6,
    )
    assert "kidney" in report.tables()
    with pytest.raises(UsageError, match="which of its slices show what"):
        evaluate(staged(lambda **o: make_gallery("other", **o)), protocol="regions")


LABELS = {"A": ("x", "y"), "B": ("x",), "C": ("y", "z"), "D": ("z",)}
SINGLE = {"A": (0,), "B": (10,), "C": (30,), "D": (70,)}


def test_overlap_of_labels_over_the_first_k(make_gallery: Make) -> None:
    """A: B 1/2, C 1/3, D 0. B: A 1/2, C 0, D 0. C: B 0, A 1/3, D 1/2. D: C 1/2, B 0, A 0."""
    gallery = planted(make_gallery, SINGLE, {name: {} for name in SINGLE}, **LABELS)
    report = evaluate(gallery, protocol="ct-clip", k=[1, 2])
    assert report.measures[MEAN_JACCARD].micro == pytest.approx(
        {"MAP@1": 3 / 8, "MAP@2": (5 / 12 + 1 / 4 + 1 / 6 + 1 / 4) / 4}, abs=1e-6
    )
    assert REPORT_TO_VOLUME not in report.measures


def test_each_report_asks_for_its_own_volume(make_gallery: Make, tmp_path: Path) -> None:
    """Counted by a loop over the similarities."""
    rng = np.random.default_rng(4)
    gallery = make_gallery(encoder="imported:x:6")
    volumes = rng.normal(size=(60, 6))
    fill(gallery, list(volumes), [f"p{i // 2}" for i in range(60)], [("a",) if i % 2 else ("b",) for i in range(60)])
    texts = volumes + 1.5 * rng.normal(size=volumes.shape)
    order = rng.permutation(60)
    ids = np.array([f"filled:{i}.txt" for i in order])
    np.savez(tmp_path / "texts.npz", vectors=texts[order].astype("f4"), ids=ids)
    report = evaluate(gallery, protocol="ct-clip", k=[1], texts=f"vectors:{tmp_path / 'texts.npz'}")
    unit = [each / np.linalg.norm(each) for each in volumes]
    places = [sorted(range(60), key=lambda j: -float(texts[i] @ unit[j])).index(i) for i in range(60)]
    found = report.measures[REPORT_TO_VOLUME].micro
    assert found == pytest.approx({f"R@{k}": np.mean([place < k for place in places]) for k in (5, 10, 50, 100)})
    assert 0 < (found["R@5"] or 0) < 1
    np.savez(tmp_path / "other.npz", vectors=texts.astype("f4"), ids=np.array([f"o{i}" for i in range(60)]))
    with pytest.raises(UsageError, match="none of the ids"):
        evaluate(gallery, protocol="ct-clip", texts=f"vectors:{tmp_path / 'other.npz'}")


def test_graded_relevance_of_one_anatomy(make_gallery: Make) -> None:
    """A: B 1/2, C 0, D 1 (the same findings in another order); B: A 1/2, C 0, D 1/2; D: C 0, B 1/2, A 1. C overlaps
    nobody. With d = 1 / log2(3): A 1/2 of 1 + d/2; B 1/2 of 1/2 + d/2; D d/2 of 1 + d/2.
    """
    found = {"A": "opacity|nodule", "B": "opacity", "C": "normal", "D": "nodule | opacity"}
    about = {name: {"findings of lung": found[name], "findings of heart": "large"} for name in SINGLE}
    report = evaluate(planted(make_gallery, SINGLE, about), protocol="radir", k=[2])
    d = 1 / np.log2(3)
    lung = next(score for score in report.scores if score.anatomy == "lung")
    expected = [0.5 / (1 + d / 2), 0.5 / (0.5 + d / 2), (d / 2) / (1 + d / 2)]
    assert (lung.queries, lung.unscored) == (4, 1)
    assert lung.figures["nDCG@2"] == pytest.approx(np.mean(expected), abs=1e-6)
    # A random order: A and D expect 1/2 at each rank, B 1/3.
    by_chance = [0.5 * (1 + d) / (1 + d / 2), (1 / 3) * (1 + d) / (0.5 + d / 2), 0.5 * (1 + d) / (1 + d / 2)]
    assert lung.figures["chance@2"] == pytest.approx(np.mean(by_chance), abs=1e-6)
    heart = next(score for score in report.scores if score.anatomy == "heart")
    assert heart.figures["nDCG@2"] == 1
    assert report.mean["nDCG@2"] == pytest.approx((np.mean(expected) + 1) / 2, abs=1e-6)


@given(st.lists(st.booleans(), min_size=1, max_size=12))
def test_average_precision_over_the_hits_is_sklearns(right: list[bool]) -> None:
    """3D-MIR calls scikit-learn's, with the places as scores, and takes nan for 0."""
    from sklearn.metrics import average_precision_score

    flags = np.array(right)
    expected = average_precision_score(flags, np.arange(len(flags))[::-1]) if flags.any() else 0.0
    assert figures_of(flags, [1, len(flags)]) == pytest.approx([float(flags[0]), float(flags.mean()), expected])


def test_the_centre_of_the_gaussian_moves() -> None:
    z = np.linspace(0, 1, 11)
    for centre in (0.0, 0.3, 1.0):
        bell = np.exp(-((z - centre) ** 2) / (2 * 0.1**2))
        assert slice_weights(f"gaussian:0.1:{centre}", z) == pytest.approx(bell / bell.sum())
    assert np.array_equal(slice_weights("gaussian:0.2", z), slice_weights("gaussian:0.2:0.5", z))
    for text in ("gaussian:0.1:2", "gaussian:0.1:x", "gaussian:0.1:0.5:3"):
        with pytest.raises(UsageError, match="CENTRE from 0 to 1"):
            slice_weights(text, z)


def test_height_counts_where_it_is_asked_for(make_gallery: Make) -> None:
    """Q (20, 50) and W (52, 22) look alike upside down: 2 apart, V (26, 44) is 6 and 4 apart from Q and W. At equal
    heights W's slices are 32 and 28 from Q's, and V's no more than 26 from either: with height V comes first for both.
    """
    volumes = {"Q": (20, 50), "V": (26, 44), "W": (52, 22)}
    about = {name: {"organ": "a" if name != "V" else "b"} for name in volumes}
    gallery = planted(make_gallery, volumes, about)
    asked = {"protocol": "khun-jush", "levels": ["organ"], "k": [1], "ranks": ["max", "maxsim"]}
    plain = evaluate(gallery, **asked)
    placed = evaluate(gallery, position=0.5, **asked)
    assert [score.per_class["a"]["R@1"] for score in plain.scores] == [1, 1]
    assert [score.per_class["a"]["R@1"] for score in placed.scores] == [0, 0]


@pytest.mark.parametrize("kind", ["hnsw:m=8,ef_search=400", "hnsw:ef_construction=64", "lsh:bits=256", "flat"])
def test_an_index_takes_its_parameters(kind: str) -> None:
    vectors = np.random.default_rng(0).normal(size=(SMALLEST + 200, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index = made_index(kind, 16)
    index.upsert(np.arange(len(vectors)), vectors)
    keys, _ = index.search(vectors[:40], 1)
    assert (keys[:, 0] == np.arange(40)).mean() > 0.9


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("hnsw:m=1", "m of hnsw is from 2 to 256, got 1"),
        ("hnsw:bits=8", "hnsw takes m=NUMBER"),
        ("lsh:bits=many", "lsh takes bits=NUMBER"),
        ("flat:m=8", "the kind 'flat' has no parameters"),
        ("hnws", "no index is called 'hnws'"),
    ],
)
def test_a_parameter_that_is_none_is_said(kind: str, message: str) -> None:
    with pytest.raises(UsageError, match=r".*") as caught:
        checked_index(kind)
    assert message in str(caught.value)


SIDES = [f"{name}_{side}" for side in ("left", "right") for name in ("kidney", "adrenal_gland", "iliac_artery", "hip")]


@settings(max_examples=20)
@given(st.sampled_from([*SIDES, "rib_left_7", "vertebrae_T12", "lung_upper_lobe_left", "heart_atrium_left"]))
def test_coarse_classes_have_no_sides_and_no_numbers(fine: str) -> None:
    assert not {"left", "right"} & set(coarse_name(fine).split("_"))
    assert not any(letter.isdigit() for letter in coarse_name(fine))
