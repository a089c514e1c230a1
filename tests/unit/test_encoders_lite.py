"""EfficientNet-Lite: the published networks, weights that are checked, graphs that can be redrawn."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import PIL.Image
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset

from lookalike import encoders
from lookalike.encoders.catalogue.golden import golden_picture
from lookalike.encoders.families import lite
from lookalike.encoders.families.graphs import build
from lookalike.encoders.weights.legacy_pth import read_state_dict
from lookalike.errors import DamagedFileError, UsageError
from lookalike.pixels import prepare
from lookalike.readers.events import Frame
from lookalike.readers.pool import ReaderPool


def _same(x: torch.Tensor, kernel: int, stride: int) -> torch.Tensor:
    """The padding "same" of TensorFlow."""
    total = max((-(-x.shape[-1] // stride) - 1) * stride + kernel - x.shape[-1], 0)
    return F.pad(x, (total // 2, total - total // 2, total // 2, total - total // 2))


def _conv(state: dict, x: torch.Tensor, conv: str, norm: str, stride: int = 1) -> torch.Tensor:
    weight = state[f"{conv}.weight"]
    x = F.conv2d(_same(x, weight.shape[-1], stride), weight, stride=stride, groups=x.shape[1] // weight.shape[1])
    mean, var = state[f"{norm}.running_mean"], state[f"{norm}.running_var"]
    return F.batch_norm(x, mean, var, state[f"{norm}.weight"], state[f"{norm}.bias"], eps=1e-3)


def _in_torch(network: lite.LiteNetwork, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both readings by torch alone: its own reader of the weight file, batch normalisation not folded."""
    state = torch.load(lite.weights_path(network), weights_only=True)
    x = (torch.from_numpy(inputs).permute(0, 3, 1, 2).float() - 127) / 128
    x = F.relu6(_conv(state, x, "_conv_stem", "_bn0", 2))
    inner = []
    for i, block in enumerate(network.blocks()):
        name, source = f"_blocks.{i}", x
        norms = iter(("_bn0", "_bn1", "_bn2") if block.expand > 1 else ("_bn1", "_bn2"))
        if block.expand > 1:
            x = F.relu6(_conv(state, x, f"{name}._expand_conv", f"{name}.{next(norms)}"))
        x = F.relu6(_conv(state, x, f"{name}._depthwise_conv", f"{name}.{next(norms)}", block.stride))
        x = _conv(state, x, f"{name}._project_conv", f"{name}.{next(norms)}")
        x = x + source if x.shape == source.shape else x
        if i in network.inner():
            inner.append(F.normalize(x.mean((2, 3))))
    last = F.relu6(_conv(state, x, "_conv_head", "_bn1")).mean((2, 3))
    return F.normalize(torch.cat(inner, 1)).numpy(), F.normalize(last).numpy()


@pytest.mark.parametrize("network", [lite.LITE0, lite.LITE1, lite.LITE2], ids=["0", "1", "2"])
def test_equals_the_network_in_torch(network: lite.LiteNetwork) -> None:
    name = f"lite{network.number}-inner"
    recipe = encoders.describe(name).preprocessing
    noise = np.random.default_rng(0).integers(0, 256, (2, *recipe.size, 3)).astype(np.uint8)
    inputs = np.concatenate([prepare(golden_picture(), recipe)[None], noise])
    with torch.inference_mode():
        inner, last = _in_torch(network, inputs)
    np.testing.assert_allclose(encoders.load(name).encode_inputs(inputs), inner, atol=5e-6)
    if network is lite.LITE0:
        np.testing.assert_allclose(encoders.load("lite0-last").encode_inputs(inputs), last, atol=5e-6)


def test_the_default_reads_blocks_7_10_14() -> None:
    assert lite.LITE0.inner() == [7, 10, 14]
    assert [lite.LITE0.blocks()[i].outputs for i in lite.LITE0.inner()] == [80, 112, 192]


def test_weight_file_is_read_as_torch_reads_it() -> None:
    path = lite.weights_path(lite.LITE0)
    ours, theirs = read_state_dict(path), torch.load(path, weights_only=True)
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(ours[name], theirs[name].numpy()) for name in theirs)


def test_any_damage_to_the_weights_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """40 random flips, cuts and zeroed stretches of a copy that was loaded when it was sound."""
    original = lite.weights_path(lite.LITE0).read_bytes()
    copy = tmp_path / "weights.pth"
    shutil.copy(lite.weights_path(lite.LITE0), copy)
    monkeypatch.setattr(lite, "weights_path", lambda network: copy)
    assert encoders.load("lite0-inner").spec.dim == 384
    rng = np.random.default_rng(0)
    for trial in range(40):
        start = int(rng.integers(0, len(original) - 1))
        length = int(rng.integers(1, 4096))
        piece = original[start : start + length]
        changed = [bytes([piece[0] ^ (1 << rng.integers(8))]) + piece[1:], bytes(len(piece)), None][trial % 3]
        if changed == piece:  # a stretch that was zero already
            changed = b"\1" + piece[1:]
        with copy.open("r+b") as file:
            if changed is None:
                file.truncate(start)
            else:
                file.seek(start)
                file.write(changed)
        with pytest.raises(DamagedFileError, match=r"weights\.pth is damaged"):
            encoders.load("lite0-inner")
        with copy.open("r+b") as file:
            file.seek(start)
            file.write(original[start:] if changed is None else piece)
    assert encoders.load("lite0-inner").spec.dim == 384


def test_missing_weights_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lite, "weights_path", lambda network: tmp_path / "gone.pth")
    with pytest.raises(DamagedFileError, match=r"gone\.pth is missing"):
        encoders.load("lite0-last")


@pytest.mark.parametrize("entry", lite.BUNDLED, ids=lambda entry: entry.name)
def test_graphs_are_what_the_script_draws(entry: lite.Lite) -> None:
    committed = Path(build.__file__).parent / f"{entry.graph}.onnx"
    assert onnx.load_model_from_string(committed.read_bytes()) == build.draw_graph(entry)


def test_unknown_names_get_a_suggestion() -> None:
    with pytest.raises(UsageError, match="Did you mean 'lite0-inner'"):
        encoders.load("lite0-iner")
    with pytest.raises(UsageError, match="Did you mean 'lite0-last'"):
        encoders.describe("lite0_last")


def _dicom(path: Path, stored: np.ndarray, bits: int, **elements: object) -> Path:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = uid.ComputedRadiographyImageStorage
    meta.MediaStorageSOPInstanceUID = uid.generate_uid()
    meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    ds = Dataset()
    ds.file_meta = meta
    ds.SOPClassUID, ds.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    ds.Modality, ds.SamplesPerPixel, ds.PhotometricInterpretation = "CR", 1, "MONOCHROME2"
    ds.Rows, ds.Columns = stored.shape
    ds.BitsStored, ds.HighBit, ds.PixelRepresentation = bits, bits - 1, 0
    ds.BitsAllocated = 8 if bits == 8 else 16
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    ds.PixelData = stored.astype(np.uint8 if bits == 8 else "<u2").tobytes()
    ds.save_as(path, enforce_file_format=True)
    return path


def test_one_picture_in_every_form_has_one_vector(tmp_path: Path) -> None:
    """8 bit, 12 in 16, MONOCHROME1, windowed and PNG, through the processes that decode."""
    plane = golden_picture().pixels[0, ..., 0].astype(np.int64)
    png = tmp_path / "picture.png"
    PIL.Image.fromarray(plane.astype(np.uint8)).save(png)
    # LINEAR window (PS3.3 C.11.2.1.2.1) that shows the values of ``plane``, moved by the intercept
    low, width = -100.0, 256.0
    files = [
        png,
        _dicom(tmp_path / "eight.dcm", plane, 8),
        _dicom(tmp_path / "twelve.dcm", plane * 16, 12),
        _dicom(tmp_path / "inverted.dcm", 4095 - plane * 16, 12, PhotometricInterpretation="MONOCHROME1"),
        _dicom(
            tmp_path / "windowed.dcm",
            np.where(plane == plane.max(), 4000, plane),
            12,
            RescaleSlope=1,
            RescaleIntercept=int(low),
            WindowCenter=low + width / 2,
            WindowWidth=width,
        ),
    ]
    for name in ("lite0-inner", "lite0-last"):
        encoder = encoders.load(name)
        with ReaderPool(encoder.spec.preprocessing, workers=1) as pool:
            frames = [event for event in pool.read(files) if isinstance(event, Frame)]
        assert [Path(frame.source).name for frame in frames] == [file.name for file in files]
        vectors = encoder.encode_inputs(np.stack([frame.input for frame in frames]))
        assert (vectors @ vectors[0]).min() >= 0.9999, dict(zip(files, vectors @ vectors[0], strict=True))
