"""Write networks of torch as ONNX files with descriptions, and check that a file computes what its network does."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.families.exported import GRAPH
from lookalike.encoders.families.onnx_file import OnnxFile
from lookalike.encoders.protocols import Encoder
from lookalike.encoders.runtimes.agreement import LEAST_COSINE, noise
from lookalike.encoders.runtimes.vectors import unit
from lookalike.encoders.runtimes.volumes import normalised
from lookalike.encoders.runtimes.writing import write_graph
from lookalike.encoders.weights.packages import require
from lookalike.errors import UsageError
from lookalike.types import EncoderSpec

if TYPE_CHECKING:
    from torch import nn


def write_description(spec: EncoderSpec, path: Path, **more: Any) -> None:
    """Write the description of an ONNX file beside it."""
    said = {
        "dim": spec.dim,
        "license": spec.license,
        "trained_on": sorted(spec.trained_on),
        "preprocessing": spec.preprocessing.fields(),
        "note": spec.note,
        **more,
    }
    path.with_suffix(".json").write_text(json.dumps(said, indent=1) + "\n", "utf-8")


def export_network(network: nn.Module, spec: EncoderSpec, folder: Path) -> tuple[Encoder, float]:
    """Write a network of one's own as ``model.onnx`` and ``model.json`` into a folder. Returns the encoder that runs
    it, and the least cosine of its vectors of noise with the network's.

    network: pixels, normalised as ``spec.preprocessing`` says, float32 (n, 3, rows, columns), or for a network of whole
    volumes (1, 1, depth, rows, columns), to vectors (n, dim); a ``spec.dim`` of 0 is taken from it. Raises UsageError
    if what onnxruntime computes is something else.
    """
    require(f"exporting {spec.name}", "export", "torch", "onnx", "onnxscript")
    import torch

    inputs = noise(spec, 2)
    exact = run(network.eval(), spec, inputs)
    spec = replace(spec, dim=spec.dim or exact.shape[-1])
    pixels = torch.from_numpy(_pixels(spec, inputs))
    write_graph(network, pixels, folder / GRAPH, ["vectors"], batches=spec.ndim == 2)
    write_description(spec, folder / GRAPH)
    encoder = OnnxFile(spec.name, folder / GRAPH).build()
    cosine = float(np.sum(unit(exact) * encoder.encode_inputs(inputs), axis=1).min())
    if not cosine >= LEAST_COSINE:
        raise UsageError(
            f"{GRAPH} does not compute what the network of {spec.name} does (cosine {cosine:.4f}, wanted "
            f"{LEAST_COSINE}); another version of torch or of the package may"
        )
    return encoder, cosine


def run(network: nn.Module, spec: EncoderSpec, inputs: NDArray[Any]) -> NDArray[np.float32]:
    """The vectors (n, dim) that a network in torch gives for prepared inputs."""
    import torch

    with torch.inference_mode():
        vectors: NDArray[np.float32] = network(torch.from_numpy(_pixels(spec, inputs))).float().numpy()
    return vectors


def _pixels(spec: EncoderSpec, inputs: NDArray[Any]) -> NDArray[np.float32]:
    if spec.ndim == 3:
        return np.stack([normalised(volume, spec.preprocessing)[None] for volume in inputs])
    mean, std = (np.array(of, np.float32) for of in (spec.preprocessing.mean, spec.preprocessing.std))
    return np.ascontiguousarray(((inputs.astype(np.float32) - mean) / std).transpose(0, 3, 1, 2))
