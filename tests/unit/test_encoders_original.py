"""Checkpoints in their authors' format give what the authors' own code gives (``tests/golden``)."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from lookalike.encoders.families import two_towers
from lookalike.encoders.families.towers import AUTHORS_FORMATS
from lookalike.encoders.families.transformers_towers import Towers
from lookalike.encoders.weights import state_dicts
from lookalike.errors import DamagedFileError

GOLDEN = Path(__file__).parents[1] / "golden"
_spec = importlib.util.spec_from_file_location("make_original", GOLDEN / "make_original.py")
torch.set_num_threads(1)
maker = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(maker)
AUTHORS = json.loads((GOLDEN / "original.json").read_text("utf-8"))
FAMILIES = {
    name: AUTHORS_FORMATS["sam" if name == "medsam" else name]
    for name in ("medsam", "radimagenet", "biomedclip", "medclip", "medimageinsight", "gigapath")
}


def checkpoint(name: str, folder: Path) -> Path:
    """The tiny checkpoint, in the authors' layout."""
    state = {
        key: torch.from_numpy(np.asarray(maker.drawn(key, tuple(shape))))
        for key, shape in AUTHORS[name]["shapes"].items()
    }
    if "logit_scale" in AUTHORS[name]:
        state["logit_scale"] = torch.tensor(AUTHORS[name]["logit_scale"])
    path = folder / "weights.pth"
    torch.save(state, path)
    (folder / "vocab.txt").write_text("\n".join(maker.WORDS))
    return path


def built(name: str, folder: Path) -> Towers:
    return FAMILIES[name](checkpoint(name, folder), folder)


def unit(rows: torch.Tensor) -> np.ndarray:
    return torch.nn.functional.normalize(rows).numpy()


@pytest.mark.parametrize("name", FAMILIES)
@torch.inference_mode()
def test_pictures_as_the_authors_encode_them(name: str, tmp_path: Path) -> None:
    image, _ = built(name, tmp_path)
    vectors, patches = image.eval()(torch.from_numpy(maker.pixels()))
    compared = unit(vectors)[:, :: AUTHORS[name].get("step", 1)]
    np.testing.assert_allclose(compared, AUTHORS[name]["images"], atol=3e-6)
    assert patches.ndim == 4
    assert len(patches) == 2


@pytest.mark.parametrize("name", ["biomedclip", "medclip"])
@torch.inference_mode()
def test_texts_as_the_authors_encode_them(name: str, tmp_path: Path) -> None:
    _, text = built(name, tmp_path)
    np.testing.assert_allclose(unit(text.encode(maker.TEXTS)), AUTHORS[name]["texts"], atol=3e-6)
    assert text.logit_scale == pytest.approx(np.exp(AUTHORS[name]["logit_scale"]), rel=1e-5)


@torch.inference_mode()
def test_medimageinsight_tokens_as_the_authors_encode_them(tmp_path: Path) -> None:
    said = AUTHORS["medimageinsight"]
    state = state_dicts.read_weights(checkpoint("medimageinsight", tmp_path))
    network = two_towers._unicl_transformer(state_dicts.under(state, "lang_encoder."))
    network.add_module("projection", state_dicts.linear_layer(state["lang_projection"].T))
    vectors = two_towers._unicl_encode(network, torch.tensor(said["ids"]), torch.tensor(said["mask"]))
    np.testing.assert_allclose(unit(vectors), said["texts"], atol=3e-6)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_lost_tensor_is_noticed(name: str, tmp_path: Path) -> None:
    path = checkpoint(name, tmp_path)
    state = torch.load(path, weights_only=True)
    image_bias = [key for key in state if key.endswith("bias") and not key.startswith(("text", "lang"))]
    del state[image_bias[len(image_bias) // 2]]
    torch.save(state, path)
    with pytest.raises(DamagedFileError, match="lack 1 tensors"):
        FAMILIES[name](path, tmp_path)


def test_a_file_that_is_no_weights_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    for content in (b"", b"hello", b"\x10\0\0\0\0\0\0\0{garbage"):
        path.write_bytes(content)
        with pytest.raises(DamagedFileError, match="not a file of weights"):
            state_dicts.read_weights(path)


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> tuple:
            return (Path(tmp_path / "harm").touch, ())

    torch.save({"weight": Harm()}, tmp_path / "weights.pth")
    with pytest.raises(DamagedFileError):
        state_dicts.read_weights(tmp_path / "weights.pth")
    assert not (tmp_path / "harm").exists()
