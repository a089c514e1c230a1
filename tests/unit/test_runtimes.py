"""Encoders in other runtimes and in lower precisions: the same vectors, or another encoder."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import openvino
import PIL.Image
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from onnx import helper, numpy_helper

import tiny_checkpoints as tiny
from lookalike import encoders
from lookalike.cli import main
from lookalike.encoders.families.converted import converted, networks_folder
from lookalike.encoders.families.measured import RuntimeMeasured
from lookalike.encoders.runtimes.agreement import Quality, compare, noise
from lookalike.encoders.runtimes.writing import store_in_eight_bits
from lookalike.errors import MissingExtraError, UsageError
from lookalike.gallery import open_gallery
from lookalike.verbs.encoders import encoder_runtimes
from lookalike.verbs.gallery import gallery_info


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing was measured yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOOKALIKE_RUNTIME", "")  # what a test sets is taken back
    return networks_folder()


def pictures(folder: Path, *, alike: bool) -> Path:
    """22 pictures. alike: all nearly the same, so that the last digits decide which are near; else eleven of each
    of two kinds, which nothing can mix up.
    """
    folder.mkdir()
    y, x = np.mgrid[:96, :96]
    kinds = (np.sin(x / 3) * 100 + 128, np.hypot(x - 48, y - 48) * 3)
    for i in range(22):
        drawn = kinds[0 if alike else i % 2].copy()
        drawn[40 + i, 40:42] += 3
        PIL.Image.fromarray(drawn.clip(0, 255).astype(np.uint8)).save(folder / f"{i}.png")
    return folder


def without_bf16() -> bool:
    """Whether this processor does not compute in bfloat16; then that is what is said of it."""
    if "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        return False
    with pytest.raises(UsageError, match="this processor does not compute in bf16"):
        converted(encoders.load("lite0"), "openvino", "bf16")
    return True


def inputs() -> NDArray[np.uint8]:
    found: NDArray[np.uint8] = noise(encoders.describe("lite0"), 5)
    return found


def test_openvino_gives_the_same_vectors_in_any_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    own = encoders.load("lite0")
    monkeypatch.setenv("LOOKALIKE_RUNTIME", "openvino")
    other = encoders.load("lite0")
    assert (own.runtime, other.runtime) == ("onnxruntime", "openvino")
    assert other.spec == own.spec
    vectors, patches = other.encode_inputs_with_patches(inputs())
    exact, exact_patches = own.encode_inputs_with_patches(inputs())
    assert compare(exact, vectors).least_cosine > 0.99999
    assert np.abs(patches - exact_patches).max() < 1e-3
    assert np.array_equal(other.encode_inputs(inputs()[3:4]), vectors[3:4])


def test_a_kept_network_that_is_damaged_is_written_again(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setenv("LOOKALIKE_RUNTIME", "openvino")
    first = encoders.load("lite0").encode_inputs(inputs())
    (graph,) = cache.glob("*/model.onnx")
    whole = graph.read_bytes()
    graph.write_bytes(whole[: len(whole) // 2])
    assert np.array_equal(encoders.load("lite0").encode_inputs(inputs()), first)
    assert graph.read_bytes() == whole
    assert [path.name for path in cache.iterdir() if path.name.startswith(".")] == []


def test_a_network_in_torch_keeps_its_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_MODELS", str(tmp_path))
    tiny.CATALOGUE["clip-b32"](tmp_path / "clip-b32")
    own = encoders.load("clip-b32")
    shown = noise(own.spec)
    monkeypatch.setenv("LOOKALIKE_RUNTIME", "openvino")
    other = encoders.load("clip-b32")
    assert (own.runtime, other.runtime) == ("torch", "openvino")
    assert compare(own.encode_inputs(shown), other.encode_inputs(shown)).least_cosine > 0.9999
    assert isinstance(other, encoders.TextEncoder)
    assert np.array_equal(own.encode_texts(["a lung"]), other.encode_texts(["a lung"]))
    assert other.logit_scale == own.logit_scale
    monkeypatch.setenv("LOOKALIKE_RUNTIME", "onnxruntime")
    assert compare(own.encode_inputs(shown), encoders.load("clip-b32").encode_inputs(shown)).least_cosine > 0.9999


def test_auto_takes_one_that_gives_the_same_vectors(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    exact = encoders.load("lite0").encode_inputs(inputs())
    monkeypatch.setenv("LOOKALIKE_RUNTIME", "auto")
    assert compare(exact, encoders.load("lite0").encode_inputs(inputs())).least_cosine > 0.9999
    (measured,) = (json.loads(path.read_text()) for path in cache.glob("*.json"))
    assert (measured["runtime"], measured["precision"]) == ("openvino", "float32")
    assert encoders.load("lite0").spec.identity == encoders.describe("lite0").identity


def test_what_cannot_be_had_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_RUNTIME", "torch")
    with pytest.raises(UsageError, match="lite0 is an ONNX graph, which torch does not run"):
        encoders.load("lite0")
    monkeypatch.setenv("LOOKALIKE_RUNTIME", "openvino")
    with pytest.raises(UsageError, match="lite012 is no network of pictures alone"):
        encoders.load("lite012")
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'lookalike\[openvino\]'"):
        encoders.load("lite0")
    monkeypatch.setenv("LOOKALIKE_RUNTIME", "auto")
    assert encoders.load("lite0").runtime == "onnxruntime"
    monkeypatch.setenv("LOOKALIKE_RUNTIME", "tensorrt")
    with pytest.raises(UsageError, match="one of auto, torch, onnxruntime, openvino; got 'tensorrt'"):
        encoders.load("lite0")


def test_a_lower_precision_needs_a_measurement_that_it_passes(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"measured first.* lookalike encoders runtimes lite0 --pictures SOURCE"):
        encoders.load("lite0@bf16")
    with pytest.raises(UsageError, match="1 pictures are too few"):
        encoder_runtimes("lite0", pictures=[pictures(tmp_path / "p", alike=True) / "1.png"])
    with pytest.raises(UsageError, match="no encoder is called 'lite0@fp4'"):
        encoders.load("lite0@fp4")


def test_one_that_changes_the_order_of_hits_is_refused(tmp_path: Path) -> None:
    if without_bf16():
        return
    found = {each.encoder: each for each in encoder_runtimes("lite0", pictures=[pictures(tmp_path / "p", alike=True)])}
    assert "of the ten nearest, less than 0.98" in found["lite0@bf16"].why_not
    with pytest.raises(UsageError, match=r"less than 0\.98; take lite0"):
        encoders.load("lite0@bf16")


def test_a_gallery_is_of_one_precision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if without_bf16():
        return
    shown = pictures(tmp_path / "pictures", alike=False)
    found = {each.encoder: each for each in encoder_runtimes("lite0", pictures=[shown]) if each.quality}
    quality = found["lite0@bf16"].quality
    assert quality is not None
    assert (quality.overlap["@10"], quality.interval, quality.pictures) == (1.0, (1.0, 1.0), 22)
    runner, gallery = CliRunner(), str(tmp_path / "gallery")
    made = runner.invoke(main, ["index", str(shown), "--gallery", gallery, "--encoder", "lite0@bf16"])
    assert made.exit_code == 0, made.output
    with open_gallery(gallery) as opened:
        assert opened.identity["revision"] == f"{encoders.describe('lite0').revision}-bf16"
        assert gallery_info(opened).encoder.name == "lite0@bf16"
        assert opened.encoder.runtime == "openvino"
    refused = runner.invoke(main, ["index", str(shown), "--gallery", gallery, "--encoder", "lite0"])
    assert "this gallery was made with the encoder 'lite0@bf16', got 'lite0'" in " ".join(refused.output.split())
    hits = runner.invoke(main, ["search", str(shown / "3.png"), "--gallery", gallery, "-k", "3", "--json"])
    assert {int(Path(hit["source"]).stem) % 2 for hit in json.loads(hits.output)["hits"]} == {1}
    monkeypatch.setenv("LOOKALIKE_RUNTIME", "onnxruntime")
    with pytest.raises(UsageError, match="lite0@bf16 is run by openvino, and --runtime says onnxruntime"):
        encoders.load("lite0@bf16")


def test_a_new_gallery_gets_the_fastest_that_keeps_the_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if without_bf16():
        return
    monkeypatch.setenv("LOOKALIKE_RUNTIME", "")
    shown, runner = pictures(tmp_path / "alike", alike=True), CliRunner()
    command = ["--runtime", "openvino", "index", str(shown), "--gallery", str(tmp_path / "g"), "--encoder", "lite0"]
    said = " ".join(runner.invoke(main, command).output.split())
    assert "lite0 in openvino" in said
    assert "bf16 not: it keeps" in said
    with open_gallery(str(tmp_path / "g")) as opened:
        assert opened.spec.name == "lite0"
    (tmp_path / "none").mkdir()
    empty = ["--runtime", "openvino", "index", str(tmp_path / "none"), "--gallery", str(tmp_path / "e")]
    assert "0 records added" in runner.invoke(main, empty).output
    again = runner.invoke(main, command)
    assert "in openvino" not in again.output, "a gallery keeps its encoder"


def test_eight_bits_of_a_network_of_products(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setenv("LOOKALIKE_MODELS", str(tmp_path))
    tiny.CATALOGUE["dinov2-s"](tmp_path / "dinov2-s")
    own = encoders.load("dinov2-s")
    shown, other = noise(own.spec), converted(own, "openvino", "int8")
    vectors, exact = other.encode_inputs(shown), own.encode_inputs(shown)
    assert 0.99 < compare(exact, vectors).least_cosine < 0.999999
    assert np.array_equal(other.encode_inputs(shown[2:3]), vectors[2:3]), "a picture's vector depends on others"
    small = [each for path in cache.glob("*/model.onnx") if (each := matrices_in_eight_bits(path))]
    (products,) = small
    assert products == 2 * 6, "query, key, value, projection and two layers of each of two blocks"


def matrices_in_eight_bits(graph: Path) -> int:
    kinds = [(each.data_type, len(each.dims)) for each in onnx.load(graph).graph.initializer]
    return kinds.count((onnx.TensorProto.INT8, 2))


@pytest.mark.parametrize("turned", [False, True])
def test_weights_in_eight_bits_are_the_weights(tmp_path: Path, *, turned: bool) -> None:
    weight = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32) * [[1], [10], [100]]
    weight[1] = 0
    made = written_product(tmp_path / "own.onnx", weight.astype(np.float32), turned=turned, opset=18)
    store_in_eight_bits(made, tmp_path / "small.onnx")
    given = {"images": np.random.default_rng(1).normal(size=(4, 5 if turned else 3)).astype(np.float32)}
    exact, small = (onnxruntime.InferenceSession(path).run(None, given)[0] for path in (made, tmp_path / "small.onnx"))
    step = np.abs(weight).max(1 if turned else 0) / 127
    assert np.abs(exact - small).max() > 0
    assert (np.abs(exact - small) <= np.abs(given["images"]).sum(1, keepdims=True) * step / 2 + 1e-4).all()


def test_an_old_graph_has_no_eight_bits(tmp_path: Path) -> None:
    old = written_product(tmp_path / "old.onnx", np.eye(3, dtype=np.float32), turned=False, opset=12)
    with pytest.raises(UsageError, match=r"old\.onnx is of ONNX opset 12, eight bits need 13 or later"):
        store_in_eight_bits(old, tmp_path / "small.onnx")
    with pytest.raises(UsageError, match="in a network of convolutions the ranges of eight bits must be measured"):
        converted(encoders.load("lite0"), "openvino", "int8")


def written_product(path: Path, weight: NDArray[np.float32], *, turned: bool, opset: int) -> Path:
    kind, said = ("Gemm", {"transB": 1}) if turned else ("MatMul", {})
    rows, columns = weight.shape[::-1] if turned else weight.shape
    ends = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", count])
        for name, count in (("images", rows), ("vectors", columns))
    ]
    node = helper.make_node(kind, ["images", "w"], ["vectors"], **said)
    graph = helper.make_graph([node], "product", ends[:1], ends[1:], [numpy_helper.from_array(weight, "w")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), path)
    return path


def test_when_a_measurement_is_good_enough() -> None:
    def fault(precision: str, cosine: float, kept: float, count: int = 100) -> str:
        quality = Quality(count, cosine, cosine, {"@10": kept}, (kept, kept))
        return RuntimeMeasured("openvino", precision, 1.0, 2.0, quality).fault

    assert fault("float32", 0.99995, 0.5) == ""
    assert "computes something else (cosine 0.9990)" in fault("float32", 0.999, 1.0)
    assert fault("bf16", 0.9, 0.98) == ""
    assert "keeps 0.979" in fault("int8", 0.9999, 0.979)
    assert "fewer than 20" in fault("int8", 1.0, 1.0, 19)
