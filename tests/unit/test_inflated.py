"""The 3-D ResNet of Merlin and Astra: its published size, its checkpoints, and what it computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra 'torch' is not installed")

from lookalike import encoders  # noqa: E402
from lookalike.encoders.families.i3_resnet import InflatedResNet, inflated_resnet  # noqa: E402
from lookalike.errors import DamagedFileError  # noqa: E402
from lookalike.types import Image  # noqa: E402


def test_it_is_as_large_as_published() -> None:
    with torch.device("meta"):
        network = InflatedResNet()
    assert len(network.state_dict()) == 930
    assert round(sum(weights.numel() for weights in network.parameters()) / 1e6, 1) == 117.4


@pytest.mark.parametrize("prefix", ["", "encode_image.i3_resnet.", "visual_encoder.model.encode_image.i3_resnet."])
def test_the_tower_is_found_in_every_checkpoint(tmp_path: Path, prefix: str) -> None:
    torch.manual_seed(0)
    tiny = InflatedResNet(width=2).eval()
    state = {prefix + name: value.to(torch.bfloat16).float() for name, value in tiny.state_dict().items()}
    tiny.load_state_dict({name[len(prefix) :]: value for name, value in state.items()})
    others = {f"{prefix}classifier.weight": torch.zeros(3), "encode_text.weight": torch.zeros(3)}
    torch.save({**state, **(others if prefix else {})}, tmp_path / "weights.pt")
    loaded = inflated_resnet(tmp_path / "weights.pt").eval()
    pixels = torch.rand(1, 1, 16, 32, 32)
    with torch.inference_mode():
        assert torch.equal(loaded(pixels), tiny(pixels))
        assert tiny(pixels).shape == (1, 64, 1, 1, 1)


def test_depth_one_kernels_make_it_a_plain_resnet() -> None:
    """With weights in the middle of depth only, a volume of equal slices is the 2-D network's picture."""
    from transformers import ResNetConfig, ResNetModel

    torch.manual_seed(0)
    tiny = InflatedResNet(width=4).eval()
    config = ResNetConfig(
        embedding_size=4,
        hidden_sizes=[16, 32, 64, 128],
        depths=[3, 8, 36, 3],
        layer_type="bottleneck",
        downsample_in_bottleneck=False,
    )
    flat = ResNetModel(config).eval()
    with torch.no_grad():
        for weights in [*flat.parameters()]:
            if weights.ndim == 4:
                weights.copy_(torch.randn_like(weights) * (2 / weights[0].numel()) ** 0.5)
        ours, theirs = tiny.state_dict(), list(flat.state_dict().values())
        # Both hold, in the same order: convolution, then the five tensors of its batch norm.
        for (name, value), given in zip(_in_order(ours), theirs, strict=True):
            if value.ndim == 5:
                value.zero_()
                value[:, :, value.shape[2] // 2] = given
            else:
                value.copy_(given)
            assert name
        picture = torch.rand(1, 1, 64, 64)
        wanted = flat(picture.expand(-1, 3, -1, -1)).last_hidden_state
        found = tiny(picture[:, :, None].expand(-1, -1, 32, -1, -1))
    assert found.shape == (1, 128, 2, 2, 2)
    assert torch.allclose(found[:, :, 0], wanted, rtol=1e-3, atol=1e-4)


def _in_order(state: dict) -> list:
    """transformers names the shortcut before the layer's convolutions; so do these."""
    blocks: dict[str, list] = {}
    for name, value in state.items():
        blocks.setdefault(name.rsplit(".", 2)[0] if name.startswith("layer") else name, []).append((name, value))
    stem = [pair for key, pairs in blocks.items() if not key.startswith("layer") for pair in pairs]
    rest: dict[str, list] = {}
    for name, value in state.items():
        if name.startswith("layer"):
            layer, number, *_ = name.split(".")
            rest.setdefault(f"{layer}.{number}", []).append((name, value))
    ordered = [pair for pairs in rest.values() for pair in sorted(pairs, key=lambda p: ".downsample." not in p[0])]
    return [*stem, *ordered]


def test_another_file_is_named(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(2)}, tmp_path / "other.pt")
    with pytest.raises(DamagedFileError, match=r"other\.pt is not a checkpoint with an I3ResNet-152"):
        inflated_resnet(tmp_path / "other.pt")


def test_merlin_from_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The authors' file name and keys; the network is a narrow one, so the declared length does not fit."""
    entry = encoders.entry("merlin")
    folder = tmp_path / "merlin"
    folder.mkdir()
    state = {f"encode_image.i3_resnet.{name}": v for name, v in InflatedResNet(width=2).state_dict().items()}
    torch.save(state, folder / entry.files[0])  # type: ignore[attr-defined]
    monkeypatch.setenv("LOOKALIKE_MODELS", str(tmp_path))
    assert entry.here
    assert entry.spec.revision != "main"
    volume = Image(np.zeros((6, 40, 40, 1), np.int16), np.diag([5.0, 5.0, 5.0, 1.0]), (5.0, 5.0, 5.0))
    with pytest.raises(DamagedFileError, match="gives 64 numbers a picture, its description says 2048"):
        encoders.load("merlin").encode_images([volume])


def test_ct_fm_as_its_authors_compute_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tiny checkpoint by the catalogue's name; the vectors are MONAI's (``tests/golden``)."""
    from dataclasses import replace

    from safetensors.torch import save_file
    from test_encoders_original import AUTHORS, checkpoint, maker

    from lookalike.encoders.catalogue.models import CATALOGUE
    from lookalike.encoders.catalogue.verify import verify
    from lookalike.encoders.families.seg_res_encoder import seg_res_encoder
    from lookalike.types import VolumeInput

    (tmp_path / "ct-fm").mkdir()
    file = tmp_path / "ct-fm" / "model.safetensors"
    save_file(torch.load(checkpoint("ct_fm", tmp_path), weights_only=True), file)
    with torch.inference_mode():
        vectors = seg_res_encoder(file).eval()(torch.from_numpy(maker.volumes())).mean((2, 3, 4))
    np.testing.assert_allclose(torch.nn.functional.normalize(vectors).numpy(), AUTHORS["ct_fm"]["volumes"], atol=3e-6)
    monkeypatch.setenv("LOOKALIKE_MODELS", str(tmp_path))
    declared = CATALOGUE["ct-fm"]
    small = replace(
        declared.preprocessing, size=(16, 16), volume=VolumeInput(16, "SPL", (9.0, 9.0, 9.0), (-1024.0, 2048.0))
    )
    tiny = replace(declared, dim=16, preprocessing=small)
    monkeypatch.setattr("lookalike.encoders.catalogue.models.CATALOGUE", {**CATALOGUE, "ct-fm": tiny})
    assert verify("ct-fm").sound
    file.write_bytes(b"no weights")
    with pytest.raises(DamagedFileError):
        encoders.load("ct-fm")
