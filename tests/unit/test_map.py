"""Maps: repeatable, faithful to the neighbours, kept while they are true, and fine with a handful of records."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from lookalike.errors import MissingExtraError, NotFoundError, UsageError
from lookalike.evaluation.benchmarks.indexes import clustered
from lookalike.gallery import Gallery
from lookalike.mapping import layout
from lookalike.mapping.layout import FEWEST_RECORDS, lay_out, unit_square
from lookalike.store import Batch, NewRecord
from lookalike.verbs.adapt import adapt
from lookalike.verbs.map import MapResult, kept_drawing, kept_map, map_gallery
from started import ran

MakeGallery = Callable[..., Gallery]
# UMAP is compiled first, for ten seconds and more, in each process of a test run.
COMPILED = pytest.mark.slow
METHODS = ["tsne", pytest.param("umap", marks=COMPILED)]
INTERPRETED = """
import json, sys
from lookalike.gallery import open_gallery
from lookalike.verbs.map import map_gallery
maps, told = [], []
with open_gallery(sys.argv[1]) as gallery:
    for seed in (0, 0, 1):
        made = map_gallery(gallery, method="umap", seed=seed, progress=lambda *done: told.append(done))
        maps.append([made.cached, made.method, made.parameters["seed"], made.ids, made.x, made.y])
        for path in (gallery.folder / "maps").iterdir():
            path.unlink()
print(json.dumps([maps, told]))
"""


def add(gallery: Gallery, start: int, count: int, groups: int = 3) -> None:
    """Records whose vectors lie about a few centres; the label says which."""
    centres = np.random.default_rng(9).standard_normal((groups, gallery.spec.dim)).astype(np.float32)
    rows = []
    for i in range(start, start + count):
        noise = np.random.default_rng(i).standard_normal((1, gallery.spec.dim)).astype(np.float32)
        vector = centres[i % groups] + 0.5 * noise
        vector /= np.linalg.norm(vector)
        age = {"PatientAge": float(20 + i)}
        rows.append(NewRecord(f"/{i}", f"{i:064x}", 0, f"p{i}", (f"c{i % groups}",), age, vector, b""))
    gallery.store.write(Batch(records=rows))


def places(result: MapResult) -> np.ndarray:
    return np.array([result.x, result.y]).T


def forget(gallery: Gallery) -> None:
    for path in (gallery.folder / "maps").iterdir():
        path.unlink()


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_map_and_another_seed_another(make_gallery: MakeGallery, method: str) -> None:
    if method == "umap":
        pytest.importorskip("umap", reason="lookalike[maps] is not installed")
    gallery = make_gallery()
    add(gallery, 0, 30)
    first = map_gallery(gallery, method=method)
    forget(gallery)
    again, other = map_gallery(gallery, method=method), map_gallery(gallery, method=method, seed=1)
    assert (again.x, again.y, again.ids) == (first.x, first.y, first.ids)
    assert [first.cached, again.cached, other.cached] == [False] * 3
    assert (first.method, first.space, first.parameters["seed"]) == (method, "base", 0)
    if method == "umap":  # t-SNE starts from the main axes: its seed is rarely felt
        assert other.x != first.x


@pytest.mark.parametrize("method", METHODS)
def test_neighbours_stay_neighbours(method: str) -> None:
    if method == "umap":
        pytest.importorskip("umap", reason="lookalike[maps] is not installed")
    from sklearn.manifold import trustworthiness

    vectors = clustered(150, 96, seed=3)  # twelve groups
    plane = unit_square(lay_out(vectors, method)[0])
    assert trustworthiness(vectors, plane, n_neighbors=5, metric="cosine") > 0.93
    # Noise has no groups to keep: the bound above says something.
    drawn = np.random.default_rng(0).random((150, 2)).astype(np.float32)
    assert trustworthiness(vectors, drawn, n_neighbors=5, metric="cosine") < 0.65


@pytest.mark.skipif(find_spec("umap") is None, reason="lookalike[maps] is not installed")
def test_umap_of_a_seed_is_the_same_and_tells_its_epochs(
    make_gallery: MakeGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")  # of so few records it is done sooner than compiled
    gallery = make_gallery()
    add(gallery, 0, 12)
    done = ran("-c", INTERPRETED, gallery.folder)
    assert done.returncode == 0, done.stderr
    (first, again, other), told = json.loads(done.stdout)
    assert first == again == [False, "umap", 0, *again[3:]]
    assert sorted(first[3]) == sorted(record.id for record in gallery.store.records().values())
    assert (other[:3], other[4] != first[4]) == ([False, "umap", 1], True)
    assert 0 < told[0][1] == told[-1][0]


def test_places_fill_the_unit_square_with_one_scale() -> None:
    plane = np.array([[0, 0], [10, 5], [5, 0]], np.float32)
    np.testing.assert_allclose(unit_square(plane), [[0, 0.25], [1, 0.75], [0.5, 0.25]])
    np.testing.assert_allclose(unit_square(np.full((4, 2), 7, np.float32)), 0.5)


@pytest.mark.parametrize("count", [0, 1, 2, 3, FEWEST_RECORDS - 1, FEWEST_RECORDS])
def test_a_handful_of_records(make_gallery: MakeGallery, count: int) -> None:
    gallery = make_gallery()
    add(gallery, 0, count)
    result = map_gallery(gallery, method="tsne")
    assert len(result.ids) == len(set(result.ids)) == len(result.x) == len(result.y) == count
    assert np.isfinite(places(result)).all()
    assert all(0 <= value <= 1 for value in (*result.x, *result.y))
    if count == 1:
        assert places(result).tolist() == [[0.5, 0.5]]
    if count > 1:
        assert max(np.ptp(result.x), np.ptp(result.y)) == pytest.approx(1, abs=1e-5)
    assert ("layout" in result.parameters) == (count < FEWEST_RECORDS)


@pytest.mark.parametrize("method", METHODS)
def test_pictures_that_are_all_the_same(method: str) -> None:
    if method == "umap":
        pytest.importorskip("umap", reason="lookalike[maps] is not installed")
    vectors = np.tile(np.eye(1, 64, dtype=np.float32), (20, 1))
    assert np.isfinite(unit_square(lay_out(vectors, method)[0])).all()
    opposite = np.concatenate([np.eye(12, 64, dtype=np.float32), -np.eye(12, 64, dtype=np.float32)])
    assert np.isfinite(unit_square(lay_out(opposite, method)[0])).all()


def test_a_map_is_kept_until_the_vectors_change(make_gallery: MakeGallery) -> None:
    gallery = make_gallery()
    add(gallery, 0, 12)
    assert kept_map(gallery, method="tsne") is None
    made, kept = (map_gallery(gallery, method="tsne") for _ in range(2))
    assert (made.cached, kept.cached) == (False, True)
    without = {"cached": None, "seconds": None}
    assert asdict(made) | without == asdict(kept) | without
    assert map_gallery(make_gallery(), method="tsne").cached, "another process finds it too"

    there = kept_map(gallery, method="tsne")
    assert there is not None
    assert asdict(there) | without == asdict(kept) | without

    add(gallery, 12, 3)
    assert kept_map(gallery, method="tsne") is None
    grown = map_gallery(gallery, method="tsne")
    assert not grown.cached
    assert (len(grown.ids), set(made.ids) < set(grown.ids)) == (15, True)
    assert len(list((gallery.folder / "maps").iterdir())) == 1, "the older answer made room"


@pytest.mark.parametrize("harm", ["a place moved", "cut short", "not JSON", "of another gallery", "empty"])
def test_a_file_that_is_not_what_was_written_is_made_anew(make_gallery: MakeGallery, harm: str) -> None:
    gallery, other = make_gallery("one"), make_gallery("other")
    add(gallery, 0, 12)
    add(other, 100, 12)
    truth = map_gallery(gallery, method="tsne")
    (path,) = (gallery.folder / "maps").iterdir()
    whole = path.read_bytes()
    if harm == "a place moved":
        path.write_bytes(whole[:-20] + bytes([whole[-20] ^ 1]) + whole[-19:])
    elif harm == "cut short":
        path.write_bytes(whole[:-20])
    elif harm == "of another gallery":
        map_gallery(other, method="tsne")
        (strange,) = (other.folder / "maps").iterdir()
        path.write_bytes(strange.read_bytes())
    else:
        path.write_text("{" if harm == "not JSON" else "")
    again = map_gallery(gallery, method="tsne")
    assert not again.cached
    assert (again.ids, again.x, again.y) == (truth.ids, truth.x, truth.y)
    assert map_gallery(gallery, method="tsne").cached


def test_an_adapter_trained_anew_has_a_new_map(make_gallery: MakeGallery) -> None:
    gallery = make_gallery()
    add(gallery, 0, 24)
    adapt(gallery, "groups", kind="linear")
    first = map_gallery(gallery, method="tsne", space="groups")
    assert first.x != map_gallery(gallery, method="tsne").x
    assert map_gallery(gallery, method="tsne", space="groups").cached
    add(gallery, 24, 1)  # a linear adapter of the same records would be the same adapter
    adapt(gallery, "groups", kind="linear", replace=True)
    assert not map_gallery(gallery, method="tsne", space="groups").cached


def test_a_filter_lays_out_only_what_it_finds(make_gallery: MakeGallery) -> None:
    gallery = make_gallery()
    add(gallery, 0, 30)
    some = map_gallery(gallery, method="tsne", where="label=c1 and PatientAge>=30")
    known = {record.id: record for record in gallery.store.records().values()}
    assert {(known[i].labels, known[i].attributes["PatientAge"] >= 30) for i in some.ids} == {(("c1",), True)}
    assert len(some.ids) == 7
    assert map_gallery(gallery, method="tsne", where="label=c1 and PatientAge>=30").cached
    assert map_gallery(gallery, method="tsne", where="label=nobody").ids == ()
    with pytest.raises(UsageError, match=r"no record has a field 'PatientAgee'.*Did you mean 'PatientAge'"):
        map_gallery(gallery, method="tsne", where="PatientAgee>3")


def test_a_volume_is_one_point(make_gallery: MakeGallery) -> None:
    gallery = make_gallery()
    add(gallery, 0, 4)
    vectors = np.eye(3, gallery.spec.dim, dtype=np.float32)
    gallery.store.write(
        Batch(records=[NewRecord("/v", "f" * 64, 0, "v", ("c",), {"slices": 3.0}, vectors, b"", views=(0, 1, 2))])
    )
    assert len(map_gallery(gallery, method="tsne").ids) == 5


def test_a_gallery_that_may_not_be_written_to_is_mapped_all_the_same(make_gallery: MakeGallery) -> None:
    gallery = make_gallery()
    add(gallery, 0, 3)
    (gallery.folder / "maps").write_text("a file where the folder should be")
    assert [map_gallery(gallery, method="tsne").cached for _ in range(2)] == [False, False]


def test_maps_do_not_pile_up(make_gallery: MakeGallery) -> None:
    gallery = make_gallery()
    add(gallery, 0, 3)
    for seed in range(40):
        map_gallery(gallery, method="tsne", seed=seed)
    assert len(list((gallery.folder / "maps").iterdir())) == 32
    assert map_gallery(gallery, method="tsne", seed=39).cached


def test_maps_are_the_gallerys_own_files(make_gallery: MakeGallery) -> None:
    gallery = make_gallery()
    add(gallery, 0, 3)
    map_gallery(gallery, method="tsne")
    (path,) = (gallery.folder / "maps").iterdir()
    assert gallery.places.owns(path)
    assert not gallery.places.owns(gallery.folder / "mapsy" / "scan.png")


def test_without_the_extra_one_line_says_what_to_install(
    make_gallery: MakeGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    gallery = make_gallery()
    add(gallery, 0, 12)
    with pytest.raises(MissingExtraError, match=r"pip install 'lookalike\[maps\]'") as caught:
        map_gallery(gallery)
    assert "\n" not in str(caught.value)
    assert not (gallery.folder / "maps").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "unap"}, "no map method is called 'unap'.*Did you mean 'umap'"),
        ({"space": "bass"}, "no space is called 'bass'.*Did you mean 'base'"),
        ({"seed": -1}, "the seed must be from 0"),
        ({"where": "label"}, "the filter cannot be read"),
    ],
)
def test_what_cannot_be_mapped(make_gallery: MakeGallery, options: dict[str, object], message: str) -> None:
    gallery = make_gallery()
    with pytest.raises((UsageError, NotFoundError), match=message):
        map_gallery(gallery, **options)  # type: ignore[arg-type]
    assert not Path(gallery.folder / "maps").exists()


@pytest.mark.parametrize("method", METHODS)
def test_of_many_records_a_sample_is_fitted_and_the_others_lie_beside_their_neighbours(
    monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    if method == "umap":
        pytest.importorskip("umap", reason="lookalike[maps] is not installed")
    from sklearn.manifold import trustworthiness

    vectors = clustered(900, 96, seed=3)  # twelve groups
    monkeypatch.setattr(layout, "MOST_FITTED", 300)
    told: list[tuple[int, int]] = []
    plane, parameters = lay_out(vectors, method, progress=lambda done, total: told.append((done, total)))  # type: ignore[arg-type]
    assert parameters["fitted"] == 300
    assert parameters["records"] == 900
    assert trustworthiness(vectors, unit_square(plane), n_neighbors=5, metric="cosine") > 0.93
    assert len(np.unique(plane, axis=0)) == 900, "no two lie on each other"
    assert told == sorted(told), "progress never goes back"
    assert told[-1] == (1000, 1000)
    again, _ = lay_out(vectors, method)  # type: ignore[arg-type]
    np.testing.assert_array_equal(plane, again)


@COMPILED
def test_the_epochs_of_umap_are_told() -> None:
    pytest.importorskip("umap", reason="lookalike[maps] is not installed")
    told: list[tuple[int, int]] = []
    lay_out(clustered(60, 16, seed=3), "umap", progress=lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert 0 < told[0][1] == told[-1][0]


def test_a_map_is_packed_for_the_page(make_gallery: MakeGallery) -> None:
    gallery = make_gallery()
    add(gallery, 0, 40)
    result, drawn = map_gallery(gallery, method="tsne"), kept_drawing(gallery, method="tsne")
    assert drawn is not None
    packed = drawn.packed()
    assert len(packed) == 40 * 13
    places = np.frombuffer(packed, "<u2", 80).reshape(2, 40) / 65535
    np.testing.assert_allclose(places, [result.x, result.y], atol=1e-5)
    assert packed[160:480].hex() == "".join(result.ids)
    assert set(packed[480:]) <= {0, 1, 2, 3, 255}
