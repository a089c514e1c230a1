"""Several prompts a label: their ensemble, where they come from, and that each is encoded once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.classifiers import prompts as module
from lookalike.classifiers.prompts import Prompts, kept_texts, label_vectors, own_prompts
from lookalike.errors import UsageError
from lookalike.types import EncoderSpec, Preprocessing, Vectors


class Letters:
    """A text encoder that counts letters: one text, one vector. asked: every text that it was given."""

    logit_scale = 1.0

    def __init__(self, name: str) -> None:
        self.spec = EncoderSpec(name, "1", 26, 2, "", Preprocessing(), frozenset(), text=True)
        self.asked: list[str] = []

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        counts = np.array([[1 + text.lower().count(chr(97 + i)) for i in range(26)] for text in texts], np.float32)
        return counts / np.linalg.norm(counts, axis=1, keepdims=True)


words = st.text("abcxyz ", min_size=1, max_size=8).filter(str.strip)


@given(st.dictionaries(words, st.lists(words, min_size=1, max_size=4), min_size=1, max_size=4))
def test_a_label_is_the_mean_of_its_prompts(own: dict[str, list[str]]) -> None:
    encoder = Letters("ensemble")
    prompts = Prompts(("a {label}", "the {label} here"), own=own_prompts(own))
    vectors = label_vectors(encoder, prompts, [*own, "other"])
    for name, vector in zip([*own, "other"], vectors, strict=True):
        texts = prompts.texts(name)
        squeezed = [" ".join(text.split()) for text in own.get(name, ("a other", "the other here"))]
        assert texts == list(dict.fromkeys(squeezed))
        mean = np.mean([encoder.encode_texts([text])[0] for text in texts], axis=0)
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-6)


def test_each_text_is_encoded_once_by_each_encoder() -> None:
    first, other = Letters("first"), Letters("other")
    for _ in range(3):
        kept_texts(first, ["mass", "no mass", "mass"])
        kept_texts(other, ["mass"])
    assert (first.asked, other.asked) == (["mass", "no mass"], ["mass"])
    again = Letters("x").encode_texts(["no mass", "mass"])
    np.testing.assert_array_equal(kept_texts(first, ["no mass", "mass"]), again)


def test_what_is_kept_is_bounded_and_goes_with_its_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_KEPT", 5)
    encoder, others = Letters("bounded"), len(module._KEPT)
    for number in range(20):
        kept_texts(encoder, ["always", f"label {number}"])
    assert len(module._KEPT[encoder]) == 5
    assert encoder.asked.count("always") == 1
    assert len(kept_texts(encoder, [f"label {number}" for number in range(9)])) == 9
    del encoder
    assert len(module._KEPT) == others


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.json", '{"effusion": ["fluid in the chest", "pleural  effusion"], "normal": "nothing to see"}'),
        ("p.csv", "label,prompt\neffusion,fluid in the chest\neffusion,pleural effusion\nnormal,nothing to see\n"),
    ],
)
def test_prompts_come_from_a_file(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    expected = {"effusion": ("fluid in the chest", "pleural effusion"), "normal": ("nothing to see",)}
    assert own_prompts(tmp_path / name) == own_prompts(str(tmp_path / name)) == expected


JSONS = ("", "{", "[]", '{"a": []}', '{"a": [" "]}', '{"": ["x"]}', '{"a": 3}', "{}")
WRONG = (*JSONS, "a,b\n1,2\n", "label,prompt\nx,\n")


@pytest.mark.parametrize("text", WRONG)
def test_a_file_of_something_else_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "p").write_text(text)
    with pytest.raises(UsageError):
        own_prompts(tmp_path / "p")
    with pytest.raises(UsageError, match="cannot be read"):
        own_prompts(tmp_path / "gone")
