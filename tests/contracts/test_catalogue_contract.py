"""Every entry of the catalogue says what its authors publish, and runs here or says in one line what it needs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import published_files as published
from lookalike import encoders
from lookalike.encoders.catalogue.models import CATALOGUE
from lookalike.encoders.families.exported import ByExport
from lookalike.encoders.preprocessing.processors import _KINDS, _OF_MODELS, preprocessing_of
from lookalike.encoders.protocols import facts_of
from lookalike.errors import LookalikeError


@pytest.fixture(autouse=True)
def nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No weights on this machine: entries are as declared."""
    for name in ("LOOKALIKE_MODELS", "HF_HUB_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / name))
    for name in ("LOOKALIKE_ENDPOINT", "LOOKALIKE_ENDPOINT_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_every_entry_is_compared_with_what_is_published() -> None:
    assert set(CATALOGUE) == set(published.PROCESSORS) | set(published.CODE)


@pytest.mark.parametrize("name", published.PROCESSORS)
def test_equals_the_published_processor_file(name: str) -> None:
    file = published.PROCESSORS[name]
    assert CATALOGUE[name].spec.preprocessing == preprocessing_of(file.said, file.model_type)


@pytest.mark.parametrize("name", published.CODE)
def test_equals_what_code_or_a_card_says(name: str) -> None:
    said, recipe = published.CODE[name], CATALOGUE[name].spec.preprocessing
    three = [np.broadcast_to(values, 3) for values in (said.mean, said.std)]
    np.testing.assert_allclose([recipe.mean, recipe.std], np.multiply(three, 255), rtol=1e-8, atol=5.1e-7)
    assert recipe.size == said.size
    volume = recipe.volume
    assert (volume.depth if volume else 0) == said.depth
    if volume is not None:
        assert volume.spacing == said.spacing
        assert said.values in (None, volume.values)
    for field, value in said.others.items():
        assert getattr(volume if field in ("axes", "foreground") else recipe, field) == value


def test_a_processor_without_a_type_is_its_model_s() -> None:
    """As transformers chooses, for every type of model that is known here."""
    from transformers.models.auto.image_processing_auto import IMAGE_PROCESSOR_MAPPING_NAMES

    for model_type, kind in _OF_MODELS.items():
        assert kind in _KINDS
        assert f"{kind}ImageProcessor" in IMAGE_PROCESSOR_MAPPING_NAMES[model_type].values()


def test_licences_gates_and_what_was_seen() -> None:
    for name, licence in published.LICENCES.items():
        assert licence in CATALOGUE[name].spec.license, name
    assert {name for name, entry in CATALOGUE.items() if facts_of(entry).gated} == published.GATED
    for name, seen in published.SEEN.items():
        assert CATALOGUE[name].spec.trained_on >= seen, name


def test_checkpoints_that_are_easily_mistaken() -> None:
    medsam, ct_clip = CATALOGUE["medsam"], CATALOGUE["ct-clip"]
    assert (facts_of(medsam).checkpoint, medsam.files[0]) == ("flaviagiammarino/medsam-vit-base", "medsam_vit_b.pth")
    assert isinstance(ct_clip, ByExport)
    assert ct_clip.dataset
    assert ct_clip.weights == ("models/CT-CLIP-Related/CT-CLIP_v2.pt",)


@pytest.mark.parametrize("name", CATALOGUE)
def test_an_entry_describes_itself_and_says_what_it_needs(name: str) -> None:
    entry = CATALOGUE[name]
    spec, facts = entry.spec, facts_of(entry)
    assert spec.name == name
    assert spec.license
    assert facts.checkpoint
    assert spec.trained_on
    assert spec.dim or isinstance(entry, ByExport)
    assert spec.ndim == (2 if spec.preprocessing.volume is None else 3)
    if facts.here:
        return
    with pytest.raises(LookalikeError) as error:
        encoders.load(name)
    said = str(error.value)
    assert name in said
    assert "\n" not in said
    if facts.gated and not isinstance(entry, ByExport):
        assert f"accept its terms at https://huggingface.co/{facts.checkpoint}" in said


def test_weights_are_never_read_with_code() -> None:
    """No module of the encoders asks a library to run what a repository brings."""
    for path in Path(encoders.__file__).parent.rglob("*.py"):
        text = path.read_text("utf-8")
        assert "trust_remote_code" not in text, path
        assert "weights_only=False" not in text, path
