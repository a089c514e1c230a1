"""Another encoder for a gallery whose index is in a real Milvus: its collection is full before its vectors answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from migrated import NEW, OLD, filled, write_sources
from running import answers, ids_of

from lookalike import reencoding
from lookalike.gallery import Gallery, open_gallery
from lookalike.indexes.milvus import filling
from lookalike.indexes.milvus.collection import MilvusIndex
from lookalike.store.prepared import prepared_collection, switched_collection
from lookalike.verbs import migrate as verb
from lookalike.verbs.curation.labelling import label
from lookalike.verbs.erase import erase_patient
from lookalike.verbs.migrate import migrate
from peers.milvus import Milvus

pytestmark = pytest.mark.slow


class Killed(BaseException):
    """What ends a run, wherever it is."""


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sources(tmp_path_factory.mktemp("migrated") / "sources")


@pytest.fixture
def gallery(milvus_server: Milvus, sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gallery]:
    monkeypatch.setenv("LOOKALIKE_ENGINE", milvus_server.address)
    monkeypatch.setattr(reencoding, "TOGETHER", 5)
    monkeypatch.setattr(filling, "_TOGETHER", 5)
    with filled(tmp_path / "engine", sources) as opened:
        monkeypatch.delenv("LOOKALIKE_ENGINE")
        assert opened.engine.address == milvus_server.address
        yield opened
        opened.engine.name("embedded")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done, in its order: "put" for vectors that went into the engine, "switch" for the switch."""
    seen: list[str] = []
    upsert, switch = MilvusIndex.upsert, verb.switch_to_beside

    def noted_upsert(index: MilvusIndex, *given: Any) -> None:
        seen.append("put")
        upsert(index, *given)

    def noted_switch(*given: Any, **options: Any) -> None:
        switch(*given, **options)
        seen.append("switch")

    monkeypatch.setattr(MilvusIndex, "upsert", noted_upsert)
    monkeypatch.setattr(verb, "switch_to_beside", noted_switch)
    return seen


def collections(gallery: Gallery) -> list[str]:
    spaces = gallery.engine.spaces
    assert spaces is not None
    return [each for each in spaces.connection.call("list_collections") if each.startswith(spaces._prefix(""))]


def said(gallery: Gallery) -> list[Any]:
    ids = ids_of(gallery)
    return [answers(gallery, ids), answers(gallery, ids[:3], where="label=even or label=late")]


@pytest.fixture
def after(sources: Path, tmp_path: Path) -> Callable[..., list[Any]]:
    """What a gallery without an engine says once it was changed so."""

    def changed(change: Callable[[Gallery], object]) -> list[Any]:
        with filled(tmp_path / "own", sources, NEW) as own:
            change(own)
            return said(own)

    return changed


def test_everything_is_in_the_engine_before_the_switch(
    gallery: Gallery, told: list[str], monkeypatch: pytest.MonkeyPatch, after: Callable[..., list[Any]]
) -> None:
    """What is written between the filling and the switch is brought in step alone."""
    first = ids_of(gallery)[0]

    def late(changed: Gallery) -> None:
        label(changed, [first], add=["late"], by="reader")

    def switch(*given: Any, **options: Any) -> None:
        late(gallery)
        switched(*given, **options)

    switched = verb.switch_to_beside
    monkeypatch.setattr(verb, "switch_to_beside", switch)
    before = collections(gallery)
    assert migrate(gallery, NEW).switched
    assert told == [*["put"] * 5, "switch", "put"]  # 21 vectors by fives, then the record of the label
    found = collections(gallery)
    assert (len(found), prepared_collection(gallery.store), switched_collection(gallery.store)) == (1, None, None)
    assert found != before
    assert said(gallery) == after(late)
    told.clear()
    assert migrate(gallery, back=True).switched
    assert told == [*["put"] * 5, "switch"]
    assert collections(gallery) == before
    assert gallery.check_engine().endswith("21 vectors in base")


def test_a_run_that_is_killed_loses_nothing_and_leaves_nothing(
    gallery: Gallery, told: list[str], monkeypatch: pytest.MonkeyPatch, after: Callable[..., list[Any]]
) -> None:
    old, before = collections(gallery), said(gallery)

    def killed_at(place: str, many: int) -> None:
        def dies(*given: Any, **options: Any) -> Any:
            nonlocal many
            if (many := many - 1) < 0:
                raise Killed
            return whole(*given, **options)

        with pytest.MonkeyPatch.context() as patch:
            owner, _, name = place.rpartition(".")
            where = {"MilvusIndex": MilvusIndex, "verb": verb, "Gallery": Gallery}[owner]
            whole = getattr(where, name)
            patch.setattr(where, name, dies)
            with pytest.raises(Killed):
                migrate(gallery, NEW)

    killed_at("MilvusIndex.upsert", 2)  # while it is filled
    assert len(collections(gallery)) == 2
    assert gallery.check_engine().endswith("21 vectors in base")  # the old one's; the other stays for the next run
    killed_at("verb.switch_to_beside", 0)  # when it is full
    assert (said(gallery), gallery.spec.name, len(collections(gallery))) == (before, OLD, 2)
    told.clear()
    patient = gallery.store.record(ids_of(gallery)[0]).patient
    assert erase_patient(gallery, patient=patient).clean  # out of the vectors beside, too
    killed_at("Gallery.index", 0)  # when it answers
    assert (told.count("switch"), gallery.spec.name) == (1, NEW)
    assert "put" not in told
    with open_gallery(gallery.folder) as again:
        assert said(again) == after(lambda own: erase_patient(own, patient=own.store.record(ids_of(own)[0]).patient))
        assert len(collections(again)) == 1
        assert collections(again) != old
    assert "put" not in told[told.index("switch") :]


def test_what_is_dropped_leaves_the_engine(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    before = collections(gallery)

    def dies(*_given: Any, **_options: Any) -> None:
        raise Killed

    monkeypatch.setattr(verb, "switch_to_beside", dies)
    with pytest.raises(Killed):
        migrate(gallery, NEW)
    assert len(collections(gallery)) == 2
    migrate(gallery, drop=True)
    assert collections(gallery) == before
