"""Networks that are code of their authors': exported once, then run by their names in the catalogue."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from lookalike import encoders
from lookalike.encoders.catalogue import models as catalogue
from lookalike.encoders.catalogue.graphs import export_network
from lookalike.encoders.catalogue.verify import verify
from lookalike.encoders.families import authors_code
from lookalike.encoders.families.exported import ByExport
from lookalike.encoders.runtimes.agreement import noise
from lookalike.encoders.runtimes.volumes import normalised
from lookalike.errors import UsageError
from lookalike.types import Preprocessing, VolumeInput
from lookalike.verbs.encoders import export_encoder

VOLUME = Preprocessing(size=(16, 24), volume=VolumeInput(8, "SRA", (2.0, 2.0, 2.0), (-1000.0, 1000.0)))


class Standardised(nn.Module):
    """A network that wants zero mean and unit deviation, as FlexiCT's: they are part of the graph."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv3d(1, 12, 3, 2, padding=1)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        deviation, mean = torch.std_mean(pixels, dim=(2, 3, 4), keepdim=True)
        return self.conv((pixels - mean) / (deviation + 1e-6)).relu().mean((2, 3, 4))


@pytest.fixture
def models_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOOKALIKE_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def entry(name: str, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> ByExport:
    """The catalogue's entry, changed, in its place."""
    declared = catalogue.CATALOGUE[name]
    assert isinstance(declared, ByExport)
    changed = replace(declared, **changes)
    monkeypatch.setattr("lookalike.encoders.catalogue.models.CATALOGUE", {**catalogue.CATALOGUE, name: changed})
    return changed


def test_a_network_of_volumes_by_its_name(models_folder: Path) -> None:
    """What docs/encoders.md shows for a model without an adapter."""
    network = Standardised()
    declared = encoders.describe("flexict-3d")
    encoder, cosine = export_network(
        network, replace(declared, preprocessing=VOLUME, dim=0), models_folder / "flexict-3d"
    )
    assert cosine > 0.9999
    loaded = encoders.load("flexict-3d")
    assert (loaded.spec.dim, loaded.spec.license, loaded.spec.trained_on) == (12, declared.license, declared.trained_on)
    assert len(loaded.spec.revision) == 64
    inputs = noise(loaded.spec, 1)
    with torch.inference_mode():
        exact = network(torch.from_numpy(normalised(inputs[0], VOLUME)[None, None])).numpy()
    np.testing.assert_allclose(loaded.encode_inputs(inputs), exact / np.linalg.norm(exact), atol=1e-5)
    assert np.array_equal(encoder.encode_inputs(inputs), loaded.encode_inputs(inputs))
    assert verify("flexict-3d").sound


def test_a_network_of_pictures_by_its_name(models_folder: Path) -> None:
    network = nn.Sequential(nn.Conv2d(3, 10, 5, 4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    recipe = replace(encoders.describe("conceptclip").preprocessing, size=(32, 40))
    spec = replace(encoders.describe("conceptclip"), preprocessing=recipe)
    export_network(network, spec, models_folder / "conceptclip")
    loaded = encoders.load("conceptclip")
    assert (loaded.spec.dim, loaded.spec.preprocessing) == (10, recipe)
    assert verify("conceptclip").sound


def test_a_graph_that_computes_something_else_is_refused(models_folder: Path) -> None:
    class Random(nn.Module):
        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return torch.randn(pixels.shape[0], 16)

    spec = replace(encoders.describe("flexict-3d"), preprocessing=VOLUME)
    with pytest.raises(UsageError, match="does not compute what the network"):
        export_network(Random(), replace(spec, dim=16), models_folder / "flexict-3d")


def test_what_is_missing_to_export_is_said(models_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"no adapter for conceptclip is known: docs/encoders\.md shows how"):
        export_encoder("conceptclip", models_folder)
    entry("spectre", monkeypatch, modules=("no_such_package",))
    with pytest.raises(UsageError, match="exporting spectre needs its authors' package spectre-fm"):
        export_encoder("spectre", models_folder)
    entry("ct-clip", monkeypatch, modules=("torch",))
    with pytest.raises(UsageError, match=r"lookalike encoders pull ct-clip .*accept its terms"):
        export_encoder("ct-clip", models_folder)


def test_every_adapter_is_of_an_entry() -> None:
    having = {e.name for e in catalogue.CATALOGUE.values() if isinstance(e, ByExport) and e.modules}
    assert set(authors_code.ADAPTERS) == having


def colipri(folder: Path) -> tuple[dict[str, Any], Callable[[torch.Tensor], torch.Tensor]]:
    from colipri import get_model  # type: ignore[import-not-found]

    backbone = "model.image_encoder.backbone."
    tiny = {"input_size": 16, "image_embed_dim": 144, "projection_dim": 48}
    tiny |= {f"{backbone}eva_depth": 2, f"{backbone}eva_numheads": 2}
    torch.manual_seed(0)
    model = get_model(pretrained=False, image_only=True, **tiny)
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, folder / "model.safetensors")
    recipe = Preprocessing(size=(16, 16), volume=VolumeInput(16, "RAS", (2.0, 2.0, 2.0), (-1000.0, 1000.0)))
    encode = model.image_encoder.eval()
    return {"options": tiny, "preprocessing": recipe, "dim": 48}, lambda x: encode(
        x, project=True, pool=True, normalize=False
    )


def spectre(folder: Path) -> tuple[dict[str, Any], Callable[[torch.Tensor], torch.Tensor]]:
    from spectre import SpectreImageFeatureExtractor  # type: ignore[import-not-found]

    torch.manual_seed(0)
    model = SpectreImageFeatureExtractor.from_pretrained("spectre-small", pretrained=False).eval()
    weights = ("spectre_backbone_vit_small_patch16_128.pt", "spectre_combiner_feature_vit_small.pt")
    torch.save(model.backbone.state_dict(), folder / weights[0])
    torch.save(model.feature_combiner.state_dict(), folder / weights[1])
    # Prepared volumes are S, R, A; the package's scans R, A, S, in Hounsfield units.
    recipe = Preprocessing(size=(128, 256), volume=VolumeInput(128, "SRA", (1.5, 0.75, 0.75), (-1000.0, 1000.0)))
    recipe = replace(recipe, mean=(0.0,) * 3, std=(255.0,) * 3)
    changes = {"options": {"size": "small"}, "preprocessing": recipe, "dim": 384, "weights": weights}
    return changes, lambda x: model(x[0, 0].permute(1, 2, 0) * 2000 - 1000)[:1]


@pytest.mark.parametrize("tiny", [colipri, spectre])
def test_an_adapter_gives_what_its_package_gives(
    tiny: Callable[[Path], Any], models_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small random weights, in the package's own network and through the exported file."""
    name = tiny.__name__
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"the authors' package {name} is not installed")
    (models_folder / name).mkdir(parents=True)
    changes, theirs = tiny(models_folder / name)
    entry(name, monkeypatch, **changes)
    result = export_encoder(name, models_folder)
    assert result.quality.least_cosine > 0.9999
    loaded = encoders.load(name)
    inputs = noise(loaded.spec, 1)
    with torch.inference_mode():
        exact = theirs(torch.from_numpy(normalised(inputs[0], loaded.spec.preprocessing)[None, None])).numpy()
    np.testing.assert_allclose(loaded.encode_inputs(inputs), exact / np.linalg.norm(exact), atol=1e-4)
