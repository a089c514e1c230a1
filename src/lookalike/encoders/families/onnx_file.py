"""Any ONNX file as an encoder, with its description in a JSON file of the same name beside it.

    {"dim": 768, "preprocessing": {"size": [224, 224], "resize": "crop", "shortest_edge": 256,
     "resample": "bicubic", "mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]},
     "output": "last_hidden_state", "pooling": "cls", "license": "MIT", "trained_on": ["imagenet-1k"]}

``dim`` is required; ``preprocessing`` too, unless a published ``preprocessor_config.json`` lies beside.
The default of ``output`` is "vectors", that of ``pooling`` "none"; ``batch`` 1 runs pictures one by one, for a
graph in which they would influence each other. Preprocessing: see ``lookalike.types.Preprocessing``.

A graph that takes whole volumes, float32 (1, 1, depth, rows, columns), is described by ``volume`` inside of
``preprocessing``: {"size": [224, 224], "mean": [0, 0, 0], "std": [255, 255, 255], "volume": {"depth": 160,
"axes": "SRA", "spacing": [3, 1.5, 1.5], "values": [-1000, 1000]}}; see ``lookalike.types.VolumeInput``.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lookalike.encoders.families.published import PROCESSOR_FILES, read_processor
from lookalike.encoders.protocols import Encoder
from lookalike.encoders.runtimes.onnx import OnnxEncoder, OnnxPatchEncoder
from lookalike.encoders.runtimes.volumes import VolumeEncoder, onnx_network
from lookalike.encoders.weights import checkpoints
from lookalike.errors import DamagedFileError, UsageError
from lookalike.plugins import suggestion
from lookalike.types import EncoderSpec, Preprocessing, VolumeInput

_KEYS: Final = ("dim", "preprocessing", "output", "pooling", "batch", "license", "trained_on", "note", "quantisation")
_SAME_AXIS: Final = str.maketrans("LPI", "RAS")
_POOLINGS: Final = ("none", "cls", "mean")


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """The catalogue entry of an ONNX file."""

    name: str
    path: Path
    parameters: float = 0
    gmacs: float = 0

    @property
    def checkpoint(self) -> str:
        """The file."""
        return str(self.path)

    @property
    def here(self) -> bool:
        """Whether the file is there."""
        return self.path.is_file()

    @property
    def spec(self) -> EncoderSpec:
        """The spec from the description. Raises UsageError if that is incomplete."""
        description = read_description(self.path)
        recipe = _preprocessing(self.path, description)
        return EncoderSpec(
            name=self.name,
            revision=checkpoints.digest(self.path.parent, _files(self.path)),
            dim=description["dim"],
            ndim=2 if recipe.volume is None else 3,
            license=str(description.get("license", "not declared")),
            preprocessing=recipe,
            trained_on=frozenset(description.get("trained_on", ())),
            note=str(description.get("note", "")),
        )

    def build(self) -> Encoder:
        """Load the graph. Raises DamagedFileError if it is not one, UsageError if it lacks the named output."""
        import onnxruntime as ort

        description = read_description(self.path)
        output, pooling = description.get("output", "vectors"), description.get("pooling", "none")
        try:
            outputs = outputs_of(self.path)
        except Exception:  # onnxruntime raises many types, and its messages may contain paths
            raise DamagedFileError(f"{self.path.name} cannot be loaded by onnxruntime {ort.__version__}") from None
        if output not in outputs:
            raise UsageError(f"{self.path.name} has no output {output!r}.{suggestion(output, outputs)}")
        if self.spec.ndim == 3:
            return VolumeEncoder(self.spec, onnx_network(self.path, output, pooling))
        kind = OnnxPatchEncoder if "patches" in outputs else OnnxEncoder
        batch = {"batch": description["batch"]} if "batch" in description else {}
        return kind(self.spec, self.path, output=output, pooling=pooling, **batch)


def outputs_of(path: Path) -> list[str]:
    """The names of a graph's outputs."""
    import onnxruntime as ort

    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    return [output.name for output in session.get_outputs()]


def _files(path: Path) -> list[Path]:
    """The graph, and the file of weights that large graphs have beside them, under either of its usual names."""
    beside = (path.with_name(path.name + ending) for ending in (".data", "_data"))
    return [path, *(file for file in beside if file.is_file())]


def read_description(path: Path) -> dict[str, Any]:
    """The JSON beside an ONNX file. Raises UsageError if it is missing or malformed."""
    beside = path.with_suffix(".json")
    if not beside.is_file():
        raise UsageError(
            f"{path.name} needs its description {beside.name} beside it (dim, preprocessing, output, pooling); "
            "preprocessing is part of the model and is not guessed"
        )
    try:
        description = json.loads(beside.read_text("utf-8"))
        description["dim"] = int(description["dim"])
    except (ValueError, KeyError, TypeError):
        raise UsageError(f'{beside.name} must be JSON with at least {{"dim": NUMBER}}') from None
    for key in description:
        if key not in _KEYS:
            raise UsageError(f"{beside.name} has an unknown entry {key!r}.{suggestion(key, _KEYS)}")
    if not isinstance(description.get("batch", 1), int) or description.get("batch", 1) < 1:
        raise UsageError(f"batch in {beside.name} is {description['batch']!r}; it must be a whole number above 0")
    if description.get("pooling", "none") not in _POOLINGS:
        raise UsageError(f"pooling in {beside.name} is {description['pooling']!r}; it may be {', '.join(_POOLINGS)}")
    return dict(description)


def _preprocessing(path: Path, description: dict[str, Any]) -> Preprocessing:
    fields = description.get("preprocessing")
    if fields is None:
        published = read_processor(path.parent)
        if published is None:
            raise UsageError(
                f"{path.with_suffix('.json').name} names no preprocessing and "
                f"{' or '.join(PROCESSOR_FILES)} is not beside it"
            )
        return published
    _check_keys(fields, Preprocessing, "preprocessing")
    if (volume := fields.get("volume")) is not None:
        _check_keys(volume, VolumeInput, "volume")
        axes = str(volume.get("axes", "SPL"))
        if "depth" not in volume or sorted(axes.translate(_SAME_AXIS)) != ["A", "R", "S"]:
            raise UsageError(
                'volume needs {"depth": NUMBER}, and axes of three letters such as SPL or SRA, one of each of R/L, '
                f"A/P and S/I; got {axes!r}"
            )
    return Preprocessing.from_fields(fields)


def _check_keys(fields: Mapping[str, Any], of: type, name: str) -> None:
    known = {field.name for field in dataclasses.fields(of)}
    for key in fields:
        if key not in known:
            raise UsageError(f"{name} has an unknown entry {key!r}.{suggestion(key, known)}")
