"""Galleries whose indexes are in a real Milvus, against the same galleries with their own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from conftest import write_pictures
from filled import fill, unit
from filter_trees import WORDS, compares, trees
from lookalike.collection import Collection
from lookalike.errors import EngineError, UsageError
from lookalike.filters import MOST_NESTED, MOST_TERMS, And, Compare, Filter, Not, Or, checked, parse
from lookalike.gallery import Gallery, open_gallery
from lookalike.indexes.milvus import expression
from lookalike.indexes.milvus.address import engine_address
from lookalike.indexes.milvus.collection import MilvusIndex
from lookalike.indexes.milvus.connection import EngineConnection
from lookalike.store import Batch, NewRecord
from lookalike.verbs.adapt import adapt
from lookalike.verbs.curation.labelling import label
from lookalike.verbs.doctor import doctor
from lookalike.verbs.erase import erase_patient
from lookalike.verbs.gallery import adopt, drop_space
from lookalike.verbs.index import index
from lookalike.verbs.records import remove
from lookalike.verbs.search import SearchResult, search
from peers.milvus import Milvus

COUNT, K = 90, 7
AWAY = "milvus://127.0.0.1:9"
WHERES = (
    "Modality=CT",
    "age>=30 and not label=x",
    "Modality!=CT or age<5",
    "label=effusion and (age>10 or patient=nobody)",
    "odd~A and age<80",
    "source~1 and Modality=MR",
    "label<3",
)


@dataclass(frozen=True)
class Pair:
    """The same records in a gallery with an index of its own and in one with an engine."""

    own: Gallery
    engine: Gallery
    ids: list[str]

    @property
    def both(self) -> tuple[Gallery, Gallery]:
        return self.own, self.engine

    def assert_same(self, **asked: Any) -> None:
        own, theirs = (search(each, pictures=False, **asked) for each in self.both)
        assert told(theirs) == told(own), asked
        assert (theirs.note, theirs.records) == (own.note, own.records)


def told(result: SearchResult) -> list[tuple[Any, ...]]:
    return [(hit.id, round(hit.score, 6), hit.match) for hit in result.hits]


def planted(seed: int, count: int = COUNT, volumes: int = 3) -> dict[str, Any]:
    """Pictures of a few clusters, each ``volumes``-th a volume of up to 9 slices; three have equal vectors."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((6, 384))
    depth = [int(rng.integers(2, 9)) if i % volumes == 0 else 1 for i in range(count)]
    vectors = [centres[i % 6] + 1.2 * rng.standard_normal((depth[i], 384)) for i in range(count)]
    vectors[11] = vectors[23] = vectors[5][:1]
    modality = [{"Modality": ["CT", "MR"][i % 2], "age": float(i % 90), "odd": "a b"} for i in range(count)]
    return {
        "vectors": vectors,
        "patients": [f"p{i // 4}" for i in range(count)],
        "labels": [("effusion",) if i % 2 else ("normal", "x") for i in range(count)],
        "attributes": [said if i % 5 else {} for i, said in enumerate(modality)],
    }


def added(gallery: Gallery, numbers: range) -> None:
    """Pictures more, each of another patient."""
    batch = Batch()
    for number in numbers:
        vectors = unit(np.random.default_rng(number).standard_normal((1, 384)))
        batch.records.append(NewRecord(f"{number}.png", f"{number:064x}", 0, f"q{number}", ("new",), {}, vectors, b""))
    gallery.store.write(batch)


Make = Callable[..., Pair]


@pytest.fixture
def make_pair(milvus_server: Milvus, tmp_path: Path) -> Iterator[Make]:
    opened: list[Gallery] = []

    def make(**filled: Any) -> Pair:
        named = (f"g{len(opened)}", "embedded"), (f"g{len(opened) + 1}", milvus_server.address)
        galleries = [open_gallery(tmp_path / name, create=True, engine=engine) for name, engine in named]
        opened.extend(galleries)
        ids = [fill(each, **filled) for each in galleries]
        assert ids[0] == ids[1]
        return Pair(galleries[0], galleries[1], ids[0])

    yield make
    for each in opened:
        each.engine.name("embedded")  # which takes its collections out of the engine
        each.close()


def test_hits_are_those_of_the_own_index(make_pair: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """With filters, the own patient left out or let in, unlike others; pictures and volumes, whole and as a part."""
    pair = make_pair(**planted(1))
    assert isinstance(pair.engine.index(), MilvusIndex)
    for i, where in enumerate([None, *WHERES]):
        pair.assert_same(id=pair.ids[5 + i], k=K, where=where)
    for asked in ({"same_patient": True}, {"negative": pair.ids[30:33]}, {"k": 200}, {"rank": "count"}):
        pair.assert_same(**{"id": pair.ids[11], "k": K, **asked})
    part = Pair(*(Collection(each, parse("age<60")) for each in pair.both), pair.ids)
    part.assert_same(id=pair.ids[6], k=K)
    part.assert_same(id=pair.ids[7], k=K, where="Modality=CT or source~2")
    # Volumes that the deepest answer does not name are asked for by themselves.
    monkeypatch.setattr(MilvusIndex, "deepest", 40)
    pair.assert_same(id=pair.ids[6], k=200)
    monkeypatch.undo()
    # A store's list that is too long for the engine is said, and not cut.
    monkeypatch.setattr(expression, "MOST_NAMED", 5)
    with pytest.raises(UsageError, match=r"does not look into texts .* finds \d+ vectors .* at most 5 can be named"):
        search(pair.engine, id=pair.ids[5], where="odd~A")


def test_changes_are_in_the_engine_at_once(make_pair: Make) -> None:
    """Labels, records and removals, also those that another process made; and an adapted space."""
    pair = make_pair(**planted(2))
    pair.assert_same(id=pair.ids[4], k=K)
    for each in pair.both:
        label(each, pair.ids[40:50], add=["seen"])
    pair.assert_same(id=pair.ids[4], k=20, where="label=seen")
    for each in pair.both:
        remove(each, ids=pair.ids[42:44])
        added(each, range(1000, 1040))
    pair.assert_same(id=pair.ids[4], k=20, where="label=seen or label=new")
    pair.assert_same(id=pair.ids[4], k=2 * COUNT)
    with open_gallery(pair.engine.folder) as another:
        label(another, pair.ids[60:62], add=["seen"])
        added(another, range(1040, 1050))
    label(pair.own, pair.ids[60:62], add=["seen"])
    added(pair.own, range(1040, 1050))
    pair.assert_same(id=pair.ids[4], k=20, where="label=seen or label=new")
    held = pair.engine.index()
    assert isinstance(held, MilvusIndex)
    assert len(held) == held.count() == len(pair.own.index())


@pytest.mark.slow
def test_a_lost_or_foreign_collection_is_made_anew(make_pair: Make, tmp_path: Path) -> None:
    """Dropped, emptied behind the store's back, filled by a copy of the gallery: none of it shows in an answer."""
    pair = make_pair(**planted(3))
    pair.assert_same(id=pair.ids[4], k=K)
    found = pair.engine.index()
    assert isinstance(found, MilvusIndex)
    pair.engine.close()
    shutil.copytree(pair.engine.folder, tmp_path / "copy")

    found.drop()
    with open_gallery(pair.engine.folder) as again:
        Pair(pair.own, again, pair.ids).assert_same(id=pair.ids[4], k=K)
    with open_gallery(tmp_path / "copy") as copy:
        remove(copy, ids=pair.ids[:40])
        assert len(copy.index()) < len(pair.own.index())
    with open_gallery(pair.engine.folder) as again:
        Pair(pair.own, again, pair.ids).assert_same(id=pair.ids[4], k=K)
        assert again.check_engine().endswith(f"{len(pair.own.index())} vectors in base")


@pytest.mark.slow
def test_an_adapted_space_is_a_collection_of_its_own_and_the_erased_are_in_none(make_pair: Make) -> None:
    pair = make_pair(**planted(4))
    for each in pair.both:
        adapt(each, name="seen", kind="lda")
    pair.assert_same(id=pair.ids[8], k=K, space="seen", where="Modality=MR")
    patient = pair.engine.store.record(pair.ids[40]).patient
    held = [pair.engine.index(space) for space in ("base", "seen")]
    gone = pair.engine.store.keys_of_patient(patient)
    assert [len(each.few(Compare("patient", "=", patient), 100)) for each in held] == [len(gone)] * 2
    assert pair.engine.engine.count(pair.ids[40:41]) == 2
    proofs = [erase_patient(each, patient=each.store.record(pair.ids[40]).patient) for each in pair.both]
    assert all(proof.erased and proof.clean for proof in proofs)
    assert [(proof.engine, proof.left_in_engine, proof.beyond[:26]) for proof in proofs] == [
        ("", None, ""),
        (pair.engine.engine.address, 0, "the files of the index eng"),
    ]
    for each in held:
        assert each.count() == len(pair.own.index())
        assert not len(each.few(Or((Compare("patient", "=", patient), Compare("id", "=", pair.ids[40]))), 100))
    pair.assert_same(id=pair.ids[8], k=K, space="seen")
    drop_space(pair.engine, "seen")
    with pytest.raises(EngineError):
        held[1].count()


def test_an_engine_that_is_away_is_said_and_replaced_only_if_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost: what was written meanwhile is in the store."""
    folder = write_pictures(tmp_path / "pictures")
    with open_gallery(tmp_path / "g", create=True, engine=AWAY) as gallery:
        with pytest.raises(EngineError, match=r"index engine milvus://127.0.0.1:9 gave no answer .* start it"):
            index(gallery, [folder], labels=folder / "labels.csv")
        assert gallery.store.count() == 12
        asked = next(iter(gallery.store.records().values())).id
        with pytest.raises(EngineError, match="LOOKALIKE_ENGINE_FALLBACK=1"):
            search(gallery, id=asked)
        failed = [check for check in doctor(gallery).checks if check.state == "failed"]
        assert {check.name for check in failed} == {"engine", "space base"}
        monkeypatch.setenv("LOOKALIKE_ENGINE_FALLBACK", "1")
        result = search(gallery, id=asked)
        assert len(result.hits) == 5
        assert f"answered from the gallery's own index, since the index engine {AWAY} gives no" in result.note
        # An engine that goes away between being looked at and being asked.
        dead = MilvusIndex(EngineConnection(engine_address(AWAY)), "none", lambda keys: (keys, None), lambda _: None)
        dead.moved_to(12, graph=False)
        with pytest.raises(
            UsageError, match=r"at most 16384 hits of a query, got 16385; ask for fewer, or .* embedded"
        ):
            dead.search(np.ones((1, 384), np.float32), 16_385)
        own = gallery.index()
        monkeypatch.setattr(gallery, "index", lambda *_: own if gallery.engine_away else dead)
        gallery.engine._away_since = None
        assert told(search(gallery, id=asked)) == told(result)
        monkeypatch.undo()
        gallery.engine.name("embedded")
        assert search(gallery, id=asked).note == ""


def test_an_engine_is_asked_for_by_the_galleries_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever makes a gallery could name a machine of his own in it."""
    with open_gallery(tmp_path / "g", create=True, engine=AWAY) as gallery:
        fill(gallery, [np.ones(384), np.arange(384)], ["p", "q"])
    monkeypatch.setenv("LOOKALIKE_CONFIG", str(tmp_path / "somebody else's"))
    with open_gallery(tmp_path / "g") as foreign:
        assert (foreign.engine.address, foreign.engine.named, foreign.owned) == ("", AWAY, False)
        assert len(foreign.index()) == 2
        assert any("not asked while the gallery is not yours" in check.detail for check in doctor(foreign).checks)
    assert adopt(tmp_path / "g").engine == AWAY
    with open_gallery(tmp_path / "g") as own:
        assert (own.engine.address, own.engine.named, own.owned) == ("", "", True)


def test_new_galleries_have_the_configured_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_gallery(tmp_path / "before", create=True):
        pass
    monkeypatch.setenv("LOOKALIKE_ENGINE", AWAY)
    for name, engine in (("before", ""), ("new", AWAY)):
        with open_gallery(tmp_path / name, create=True) as gallery:
            assert gallery.engine.address == engine
    for wrong in ("milvus://me:secret@host:1", "http://host:1", "milvus://host", "milvus://host:0", "milvus://h:1/a b"):
        with pytest.raises(UsageError, match="engine"):
            open_gallery(tmp_path / "wrong", create=True, engine=wrong)
        assert not (tmp_path / "wrong").exists()


@pytest.fixture(scope="module")
def said(milvus_server: Milvus, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    """Records that say odd things."""
    rng = np.random.default_rng(0)
    names = ["Modality", "age", "odd name", "not", "é", 'a"b', "a\\b", "a/b", "~"]
    with open_gallery(tmp_path_factory.mktemp("said") / "g", create=True, engine=milvus_server.address) as gallery:
        said = [
            {name: rng.choice(WORDS) if rng.random() < 0.7 else float(rng.integers(-20, 20)) for name in names[:count]}
            for count in rng.integers(0, len(names) + 1, 300)
        ]
        labels = [tuple({str(word) for word in rng.choice(WORDS[:16], rng.integers(0, 4)) if word}) for _ in said]
        fill(gallery, [rng.standard_normal(384) for _ in said], [f"p{i % 40}" for i in range(300)], labels, said)
        yield gallery


def test_the_largest_filters_that_may_be_asked_are(said: Gallery) -> None:
    """A hundred comparisons in a row, and twenty levels of brackets and nots."""
    words = [word or "x" for word in (WORDS * 3)[:MOST_TERMS]]
    deep: Filter = Compare("age", ">", "3")
    for level in range(MOST_NESTED):
        deep = Not(Or((deep, And((Compare("Modality", "=", words[level]), Compare("label", "!=", "x"))))))
    wide = [tuple(Compare(name, "=", word) for word in words) for name in ("age", "label", "id", "patient")]
    held = said.index()
    assert isinstance(held, MilvusIndex)
    for tree in (deep, *map(Or, wide), *(And(tuple(map(Not, parts))) for parts in wide)):
        found = held.few(checked(tree), 1000)
        assert found is not None
        np.testing.assert_array_equal(found, said.store.keys_where(tree))


@given(tree=trees(compares(), least=0))
@settings(max_examples=60)
def test_a_filter_selects_in_the_engine_what_it_selects_in_the_store(said: Gallery, tree: Filter) -> None:
    held = said.index()
    assert isinstance(held, MilvusIndex)
    found = held.few(tree, 1000)
    assert found is not None
    np.testing.assert_array_equal(found, said.store.keys_where(tree))


def test_an_empty_gallery_is_empty_in_the_engine(make_pair: Make) -> None:
    pair = make_pair(vectors=[], patients=[])
    held = pair.engine.index()
    assert isinstance(held, MilvusIndex)
    assert len(held) == held.count() == 0
    fill(pair.engine, [np.ones(384)], ["p"])
    assert len(pair.engine.index()) == 1
