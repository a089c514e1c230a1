"""Export a torch encoder's image tower as an ONNX file, which then runs in onnxruntime.

int8: in a network of matrix products only the weights are stored in 8 bits and the inputs are scaled at run time
(dynamic); in a network of convolutions the ranges are measured on pictures beforehand (static). The loss in rank
quality depends on the network and the pictures, so it is measured on given pictures and written into the
description that every report repeats.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.catalogue.graphs import export_network, run, write_description
from lookalike.encoders.catalogue.lookup import entry
from lookalike.encoders.families.exported import GRAPH, ByExport
from lookalike.encoders.families.onnx_file import OnnxFile
from lookalike.encoders.protocols import Encoder
from lookalike.encoders.runtimes.agreement import LEAST_OVERLAP, LEAST_PICTURES, Quality, compare, in_turns, noise
from lookalike.encoders.runtimes.writing import quantise, write_encoder
from lookalike.encoders.weights.checkpoints import folder_name
from lookalike.encoders.weights.packages import installed, require
from lookalike.errors import UsageError
from lookalike.types import EncoderSpec, Vectors


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

    encoder = model.build()
    if not isinstance(encoder, TorchEncoder):
        raise UsageError(f"{name} does not run in torch; there is nothing to export")
    if int8 and (inputs is None or len(inputs) < LEAST_PICTURES):
        raise UsageError(
            f"int8 needs at least {LEAST_PICTURES} pictures of the collection it is for: its loss in rank quality "
            "is measured before it is used"
        )
    if inputs is None:
        inputs = noise(encoder.spec)
    with tempfile.TemporaryDirectory(dir=_made(to)) as scratch:
        plain = Path(scratch, "onnx")
        write_encoder(encoder, plain / GRAPH)
        exact = encoder.encode_inputs(inputs)
        onnx, quality = _described(encoder.spec, plain, inputs, exact)
        small, small_quality = None, None
        if int8:
            quantise(plain / GRAPH, Path(scratch, "int8") / GRAPH, inputs)
            small, small_quality = _described(encoder.spec, Path(scratch, "int8"), inputs, exact)
        times = in_turns([e.encode_inputs for e in (encoder, onnx, small) if e is not None], inputs)
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
    slow, fast = in_turns(both, noise(declared, 1), rounds=1)
    quality = Quality(1, round(cosine, 6), round(cosine, 6), {})
    return Exported(model.name, str(folder), _size(folder), slow, fast, round(slow / fast, 2), quality)


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
