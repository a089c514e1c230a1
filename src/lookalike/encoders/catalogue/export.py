"""Export a torch encoder's image tower as an ONNX file, which then runs in onnxruntime.

int8: in a network of matrix products only the weights are stored in 8 bits and the inputs are scaled at run time
(dynamic); in a network of convolutions the ranges are measured on pictures beforehand (static). The loss in rank
quality depends on the network and the pictures, so it is measured on given pictures and written into the
description that every report repeats.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.catalogue.graphs import export_network, noise, quiet, run, write_description, write_graph
from lookalike.encoders.catalogue.lookup import entry, load
from lookalike.encoders.families.exported import GRAPH, ByExport
from lookalike.encoders.families.onnx_file import OnnxFile
from lookalike.encoders.protocols import Encoder
from lookalike.encoders.weights.checkpoints import folder_name
from lookalike.encoders.weights.packages import installed, require
from lookalike.errors import UsageError
from lookalike.types import EncoderSpec, Vectors

if TYPE_CHECKING:
    from lookalike.encoders.runtimes.torch import TorchEncoder

OVERLAP_AT: Final = (1, 5, 10)
LEAST_PICTURES: Final = 20
LEAST_OVERLAP: Final = 0.98  # of the ten nearest, that eight bits should keep

_TIMED_PICTURES: Final = 8
_ROUNDS: Final = 5
_CALIBRATED: Final = 64  # pictures that ranges are measured on


@dataclass(frozen=True, slots=True)
class Quality:
    """How similar the vectors of two versions of an encoder are, on the same pictures.

    cosine: mean and minimum over the pictures. overlap: for k = 1, 5, 10 the share of a picture's k nearest
    pictures that both agree on.
    """

    pictures: int
    mean_cosine: float
    least_cosine: float
    overlap: dict[str, float]


@dataclass(frozen=True, slots=True)
class Exported:
    """The files written. milliseconds a picture: torch eager, the ONNX file, its int8 version, measured in
    turns in one run; the ratios are to torch eager."""

    name: str
    folder: str
    bytes: int
    torch_ms: float
    onnx_ms: float
    onnx_ratio: float
    quality: Quality
    int8_folder: str | None = None
    int8_bytes: int | None = None
    int8_ms: float | None = None
    int8_ratio: float | None = None
    int8_quality: Quality | None = None

    @property
    def int8_note(self) -> str:
        """What to take in place of eight bits that keep fewer than ``LEAST_OVERLAP`` of the ten nearest; else ""."""
        if self.int8_quality is None or (kept := self.int8_quality.overlap["@10"]) >= LEAST_OVERLAP:
            return ""
        return (
            f"int8 keeps {kept:.3f} of the ten nearest, less than {LEAST_OVERLAP:g}: hits change places. "
            f"Take {Path(self.folder).name}, which is the same network in 32 bits"
        )


def export(name: str, to: Path, *, inputs: NDArray[np.uint8] | None = None, int8: bool = False) -> Exported:
    """Write ``to / NAME-onnx`` and, with int8, ``to / NAME-int8``; each holds model.onnx and model.json.

    inputs: prepared pictures (n, rows, columns, 3) uint8 to measure the quality on; int8 needs at least 20,
    from the collection that it will be used on. Raises UsageError if the encoder does not run in torch.
    """
    require(f"exporting {name}", "export", "torch", "onnx", "onnxscript")
    model = entry(name)
    if isinstance(model, ByExport):
        return _by_adapter(model, to)
    from lookalike.encoders.runtimes.torch import TorchEncoder

    encoder = load(name)
    if not isinstance(encoder, TorchEncoder):
        raise UsageError(f"{name} does not run in torch; there is nothing to export")
    if int8 and (inputs is None or len(inputs) < LEAST_PICTURES):
        raise UsageError(
            f"int8 needs at least {LEAST_PICTURES} pictures of the collection it is for: its loss in rank quality "
            "is measured before it is used"
        )
    if inputs is None:
        inputs = noise(encoder.spec, _TIMED_PICTURES)
    with tempfile.TemporaryDirectory(dir=_made(to)) as scratch:
        plain = Path(scratch, "onnx")
        _write_graph(encoder, plain / GRAPH)
        exact = encoder.encode_inputs(inputs)
        onnx, quality = _described(encoder.spec, plain, inputs, exact)
        small, small_quality = None, None
        if int8:
            _quantise(plain / GRAPH, Path(scratch, "int8"), inputs)
            small, small_quality = _described(encoder.spec, Path(scratch, "int8"), inputs, exact)
        times = _in_turns([e.encode_inputs for e in (encoder, onnx, small) if e is not None], inputs)
        sizes = [_size(folder) for folder in (plain, Path(scratch, "int8")) if folder.exists()]
        folders = [_place(Path(scratch, kind), to, name, kind) for kind in ("onnx", "int8")[: len(sizes)]]
    plain_part = (name, str(folders[0]), sizes[0], times[0], times[1], round(times[0] / times[1], 2), quality)
    if small is None:
        return Exported(*plain_part)
    return Exported(*plain_part, str(folders[1]), sizes[1], times[2], round(times[0] / times[2], 2), small_quality)


def _by_adapter(model: ByExport, to: Path) -> Exported:
    """Build the network with its authors' package, and write it into the folder of its name."""
    from lookalike.encoders.families.authors_code import ADAPTERS

    if model.name not in ADAPTERS:
        raise UsageError(f"no adapter for {model.name} is known: docs/encoders.md shows how to export {model.package}")
    if not installed(*model.modules):
        raise UsageError(f"exporting {model.name} needs its authors' package {model.package}: install that first")
    network = ADAPTERS[model.name](model.checkpoint_folder(), **model.options).eval().requires_grad_(False)
    folder = to / folder_name(model.name)
    declared = model.declared(f"exported with {model.package}")
    encoder, cosine = export_network(network, declared, folder)
    both = [lambda inputs: run(network, declared, inputs), encoder.encode_inputs]
    slow, fast = _in_turns(both, noise(declared, 1), rounds=1)
    quality = Quality(1, round(cosine, 6), round(cosine, 6), {})
    return Exported(model.name, str(folder), _size(folder), slow, fast, round(slow / fast, 2), quality)


def compare(exact: Vectors, other: Vectors) -> Quality:
    """Compare two sets of unit vectors (n, dim) of the same pictures."""
    cosines = np.sum(exact * other, axis=1)
    overlap = {f"@{k}": round(_overlap(exact, other, k), 4) for k in OVERLAP_AT if k < len(exact)}
    return Quality(len(exact), round(float(cosines.mean()), 6), round(float(cosines.min()), 6), overlap)


def _overlap(exact: Vectors, other: Vectors, k: int) -> float:
    nearest = []
    for vectors in (exact, other):
        scores = vectors @ vectors.T
        np.fill_diagonal(scores, -np.inf)
        nearest.append(np.argpartition(-scores, k - 1, axis=1)[:, :k])
    shared = [len(set(a) & set(b)) for a, b in zip(*nearest, strict=True)]
    return float(np.mean(shared)) / k


def _write_graph(encoder: TorchEncoder, path: Path) -> None:
    """Write the graph from prepared pictures, uint8, to ``vectors`` and ``patches``."""
    import torch

    rows, columns = encoder.spec.preprocessing.size
    example = torch.zeros((2, rows, columns, 3), dtype=torch.uint8, device=encoder.device)
    network = torch.nn.Sequential(encoder.normalise, encoder.tower)
    write_graph(network, example, path, ["vectors", "patches"], batches=True)


def _described(spec: EncoderSpec, folder: Path, inputs: NDArray[np.uint8], exact: Vectors) -> tuple[Encoder, Quality]:
    """Write the description, load the file with it, and measure its quality, which goes into the description."""
    path, more = folder / GRAPH, dict[str, Any]()
    if folder.name == "int8":
        more["batch"] = 1  # dynamic scales are taken from the whole input: pictures must not share one
    write_description(spec, path, **more)
    encoder = OnnxFile(spec.name, path).build()
    quality = compare(exact, encoder.encode_inputs(inputs))
    kind = f"exported from {spec.name} {spec.revision[:12]}"
    if folder.name == "int8":
        overlap = ", ".join(f"{share:.3f} of the nearest {k[1:]}" for k, share in quality.overlap.items())
        kind += f" in int8: cosine {quality.mean_cosine:.4f}, {overlap} kept on {quality.pictures} pictures"
        more["quantisation"] = asdict(quality)
    write_description(replace(spec, note="; ".join(part for part in (spec.note, kind) if part)), path, **more)
    return encoder, quality


def _quantise(graph: Path, folder: Path, inputs: NDArray[np.uint8]) -> None:
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic, quantize_static

    folder.mkdir()
    kinds = [node.op_type for node in onnx.load(graph, load_external_data=False).graph.node]
    target = folder / GRAPH
    if kinds.count("Conv") <= kinds.count("MatMul") + kinds.count("Gemm"):
        with quiet():
            quantize_dynamic(graph, target, op_types_to_quantize=["MatMul", "Gemm"], per_channel=True)
        return
    with quiet():
        quantize_static(
            graph,
            target,
            _Calibration(inputs),
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["Conv", "MatMul", "Gemm", "Relu", "Add"],
        )


class _Calibration:
    """The data reader of onnxruntime's static quantisation: one feed after another, then None."""

    def __init__(self, inputs: NDArray[np.uint8]) -> None:
        step = max(1, len(inputs) // _CALIBRATED)
        self._feeds: Iterator[dict[str, Any]] = iter([{"images": picture[None]} for picture in inputs[::step]])

    def get_next(self) -> dict[str, Any] | None:
        """The next feed."""
        return next(self._feeds, None)


def _in_turns(
    encoders: Sequence[Callable[[NDArray[np.uint8]], Vectors]], inputs: NDArray[np.uint8], rounds: int = _ROUNDS
) -> list[float]:
    """Milliseconds a picture of each: the median over rounds in which they take turns."""
    batch = inputs[:_TIMED_PICTURES]
    times: list[list[float]] = [[] for _ in encoders]
    for _ in range(rounds):
        for encode, taken in zip(encoders, times, strict=True):
            began = time.perf_counter()
            vectors = encode(batch)
            taken.append((time.perf_counter() - began) * 1000 / len(batch))
            assert len(vectors) == len(batch)
    return [round(statistics.median(taken), 2) for taken in times]


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def _place(folder: Path, to: Path, name: str, kind: str) -> Path:
    target = to / f"{folder_name(Path(name).name)}-{kind}"
    if target.exists():
        shutil.rmtree(target)
    shutil.move(folder, target)
    return target
