"""Third parties' plug-ins: the whole of what an encoder needs, and that a broken one hurts nobody else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

import lookalike
from labelled_vectors import planted
from lookalike import adapters, classifiers, encoders, plugins
from lookalike.classifiers.prompts import text_encoder
from lookalike.errors import UsageError
from lookalike.plugins import broken_plugins, distribution_of, load_plugin, load_plugins, plugin_names
from lookalike.verbs.encoders import list_encoders
from plugged import install

ENCODER = '''
import numpy as np
from lookalike.pixels import prepare
from lookalike.types import EncoderSpec, Preprocessing


class Thumbnails:
    """The picture itself, 8 x 8, as a vector."""

    def __init__(self, spec):
        self.spec = spec

    def encode_inputs(self, inputs):
        rows = inputs.mean(-1).reshape(len(inputs), -1).astype(np.float32) + 1
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def encode_images(self, images):
        return self.encode_inputs(np.array([prepare(image, self.spec.preprocessing) for image in images]))


class Entry:
    spec = EncoderSpec("thumbnails", "1", 64, 2, "MIT", Preprocessing(size=(8, 8)), frozenset())

    def build(self):
        return Thumbnails(self.spec)


THUMBNAILS = Entry()


class Raises(Entry):
    @property
    def spec(self):
        raise KeyError("the patient's name")


class OtherName(Entry):
    pass


class NoSpec(Entry):
    spec = "thumbnails"


class CannotBuild(Entry):
    def build(self):
        raise RuntimeError("the patient's name")


class BuildsNothing(Entry):
    def build(self):
        return object()


class HereRaises(Entry):
    @property
    def here(self):
        raise OSError


class Bare:
    spec = Entry.spec


RAISES, OTHER_NAME, NO_SPEC, HERE_RAISES, BARE = Raises(), OtherName(), NoSpec(), HereRaises(), Bare()
CANNOT_BUILD, BUILDS_NOTHING = CannotBuild(), BuildsNothing()
CATALOGUE = {"thumbnails-2": Bare()}
'''
ACME = "acme-imaging"

Declare = Callable[[Mapping[str, Mapping[str, str]]], None]


@pytest.fixture
def declare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Declare]:
    """Install the distribution ``acme-imaging`` for one test, with these entry points."""

    def declared(entry_points: Mapping[str, Mapping[str, str]]) -> None:
        source = {
            "acme_encoders": ENCODER,
            "acme_torn": "import a_package_that_nobody_has\n",
            "acme_exits": "exit(3)\n",
        }
        source["acme_trainers"] = TRAINERS
        monkeypatch.syspath_prepend(install(tmp_path / "site", ACME, entry_points, source))
        plugins._declared.cache_clear()

    yield declared
    plugins._declared.cache_clear()
    for name in [name for name in sys.modules if name.startswith("acme_")]:
        del sys.modules[name]


def test_an_encoder_is_spec_and_build(declare: Declare, tmp_path: Path) -> None:
    declare({"lookalike.encoders": {"thumbnails": "acme_encoders:THUMBNAILS"}})
    for number in range(3):
        plane = np.random.default_rng(number).integers(0, 256, (40, 40)).astype(np.uint8)
        PIL.Image.fromarray(plane).save(tmp_path / f"{number}.png")
    with lookalike.open(tmp_path / "g", create=True, encoder="thumbnails") as gallery:
        lookalike.index(gallery, [tmp_path / f"{number}.png" for number in range(3)])
    with lookalike.open(tmp_path / "g") as gallery:
        found = lookalike.search(gallery, tmp_path / "1.png", k=1, same_patient=True)
    assert [Path(hit.source).name for hit in found.hits] == ["1.png"]
    listed = {item.name: item for item in list_encoders()}
    assert (listed["thumbnails"].dim, listed["thumbnails"].here, listed["thumbnails"].broken) == (64, True, "")
    assert listed["thumbnails"].size == listed["thumbnails"].speed == listed["thumbnails"].checkpoint == ""
    ensemble = encoders.load("thumbnails+lite0-inner")
    assert ensemble.spec.dim == 64 + 384


BROKEN = {
    "acme_torn:ANY": "ModuleNotFoundError when acme_torn:ANY was imported",
    "acme_exits:ANY": "SystemExit when acme_exits:ANY was imported",
    "acme_encoders:GONE": "AttributeError when acme_encoders:GONE was imported",
    "acme_encoders:RAISES": "KeyError when its spec was read",
    "acme_encoders:HERE_RAISES": "OSError when its spec was read",
    "acme_encoders:OTHER_NAME": "its spec says another name, 'thumbnails'",
    "acme_encoders:NO_SPEC": "its spec is a str, no EncoderSpec",
    "acme_encoders:BARE": "a Bare without build",
    "acme_encoders:ACME": "AttributeError",
}


@pytest.mark.parametrize("value", BROKEN)
def test_a_broken_encoder_is_listed_with_the_reason_and_hurts_nobody(declare: Declare, value: str) -> None:
    before = encoders.names()
    declare({"lookalike.encoders": {"aaa": value}})
    (broken,) = [item for item in list_encoders() if item.broken]
    assert broken.name == "aaa"
    assert BROKEN[value] in broken.broken
    assert broken.broken.endswith(f"distribution {ACME}")
    assert "patient" not in broken.broken
    assert "\n" not in broken.broken
    with pytest.raises(UsageError, match=r"^the encoder 'aaa' cannot be used: [^\n]*$") as caught:
        encoders.describe("aaa")
    assert broken.broken in str(caught.value)
    assert encoders.names() == before
    assert [item.name for item in list_encoders() if not item.broken] == before
    assert encoders.load().spec.name == encoders.DEFAULT
    with pytest.raises(UsageError, match="biomedclip"):
        text_encoder(encoders.load())


@pytest.mark.parametrize(
    ("value", "name", "reason"),
    [
        ("acme_torn:ANY", "more", "ModuleNotFoundError when"),
        ("acme_encoders:THUMBNAILS", "more", "a Entry without items, __getitem__"),
        ("acme_encoders:CATALOGUE", "thumbnails-2", "a Bare without build"),
    ],
)
def test_a_broken_catalogue_too(declare: Declare, value: str, name: str, reason: str) -> None:
    declare({"lookalike.encoder_catalogues": {"more": value}})
    assert [(item.name, reason in item.broken) for item in list_encoders() if item.broken] == [(name, True)]
    assert encoders.describe("dinov2-b").dim == 768


@pytest.mark.parametrize(
    ("value", "reason"),
    [("CANNOT_BUILD", "RuntimeError when it was built"), ("BUILDS_NOTHING", "gives a object, which is no Encoder")],
)
def test_what_cannot_be_built_says_so_in_one_line(declare: Declare, value: str, reason: str) -> None:
    declare({"lookalike.encoders": {"thumbnails": f"acme_encoders:{value}"}})
    with pytest.raises(UsageError, match=rf"^the encoder 'thumbnails' cannot be used: [^\n]*{reason}[^\n]*{ACME}"):
        encoders.load("thumbnails")


def test_a_name_of_ours_stays_ours(declare: Declare) -> None:
    declare({"lookalike.encoders": {"lite0-inner": "acme_encoders:THUMBNAILS", "dinov2-b": "acme_encoders:THUMBNAILS"}})
    assert encoders.describe("lite0-inner").dim == 384
    assert encoders.describe("dinov2-b").dim == 768
    (taken,) = broken_plugins("lookalike.encoders")
    assert (taken.name, taken.reason) == ("lite0-inner", f"another plug-in has that name; distribution {ACME}")


@pytest.mark.parametrize("group", ["readers", "indexes"])
def test_ours_come_first_in_every_group(declare: Declare, group: str) -> None:
    ours = plugin_names(f"lookalike.{group}")
    declare({f"lookalike.{group}": {"aaa": "acme_encoders:THUMBNAILS", "aab": "acme_torn:ANY"}})
    assert plugin_names(f"lookalike.{group}") == [*ours, "aaa", "aab"]
    assert list(load_plugins(f"lookalike.{group}")) == [*ours, "aaa"]
    assert distribution_of(f"lookalike.{group}", "aaa") == ACME
    assert [item.name for item in broken_plugins(f"lookalike.{group}")] == ["aab"]
    with pytest.raises(UsageError, match=rf"'aab' cannot be used: ModuleNotFoundError [^\n]*{ACME}[^\n]*$"):
        load_plugin(f"lookalike.{group}", "aab")


TRAINERS = """
import numpy as np
from lookalike.adapters import AdapterNetwork
from lookalike.adapters.layers import Layer, dense
from lookalike.classifiers import Fitted

HEAD = dense(np.ones((4, 2)), np.zeros(2))


def network(*head, reading="probabilities"):
    return AdapterNetwork((), head, (), reading, 0.5)


def raises(data, _):
    raise ZeroDivisionError("the patient's name")


def three_logits(data, seed):
    return network(dense(np.ones((4, 3)), np.zeros(3))), {}


def unknown_layer(data, seed):
    return network(Layer("eval"), HEAD), {}


def infinite(data, seed):
    return network(dense(np.full((4, 2), np.inf), np.full(2, np.nan))), {}


def unknown_reading(data, seed):
    return network(HEAD, reading="pickle"), {}


def unsayable_notes(data, seed):
    return network(HEAD), {"when": object()}


def nothing(data, seed):
    return None


def no_network(data, seed):
    return "network", {}


A_NUMBER = 3
"""
VECTORS = np.eye(4, dtype=np.float32)


@pytest.mark.parametrize(
    ("trainer", "reason"),
    [
        ("raises", "ZeroDivisionError when it was trained"),
        ("three_logits", "not one for each of 2 classes"),
        ("unknown_layer", "its layers are not ones that fit together"),
        ("infinite", "its numbers are not finite"),
        ("unknown_reading", "its reading is 'pickle'"),
        ("unsayable_notes", "its notes cannot be written as JSON"),
        ("nothing", "TypeError when it was trained"),
        ("no_network", "what was trained is a str, no AdapterNetwork"),
        ("A_NUMBER", "a int without __call__"),
    ],
)
def test_an_adapter_that_could_not_be_served_is_never_made(declare: Declare, trainer: str, reason: str) -> None:
    declare({"lookalike.adapters": {"theirs": f"acme_trainers:{trainer}"}})
    assert "theirs" in adapters.kinds()
    with pytest.raises(UsageError, match=rf"^the adapter 'theirs' cannot be used: [^\n]*{reason}[^\n]*{ACME}"):
        adapters.fit_adapter("theirs", VECTORS, [("a",), ("b",)] * 2, list("pqrs"), encoder={})


@pytest.mark.parametrize(
    ("method", "reason"), [("raises", "ZeroDivisionError when it was trained"), ("A_NUMBER", "a int without __call__")]
)
def test_a_broken_classifier_says_so_in_one_line(declare: Declare, method: str, reason: str) -> None:
    declare({"lookalike.classifiers": {"theirs": f"acme_trainers:{method}"}})
    assert classifiers.methods()[-1] == "theirs"
    with pytest.raises(UsageError, match=rf"^the classifier 'theirs' cannot be used: [^\n]*{reason}[^\n]*{ACME}"):
        classifiers.fit_classifier("theirs", planted(0, 10), classifiers.Settings())
