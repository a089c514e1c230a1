"""Which device networks run on: ``LOOKALIKE_DEVICE``, or ``lookalike --device``, says auto, cpu or cuda.

"auto" takes a CUDA device where there is one: in torch where it sees one, in onnxruntime where the package
``onnxruntime-gpu`` is installed in the place of ``onnxruntime``. TF32 stays off: it would make a GPU's vectors differ
from a CPU's in the third digit.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from lookalike.errors import UsageError
from lookalike.machine import usable_processors

if TYPE_CHECKING:
    import torch

VARIABLE: Final = "LOOKALIKE_DEVICE"
DEVICES: Final = ("auto", "cpu", "cuda")
CUDA_PROVIDER: Final = "CUDAExecutionProvider"

_CPU_PROVIDER: Final = "CPUExecutionProvider"


def device_asked_for() -> str:
    """The device that is asked for, one of ``DEVICES``. Raises UsageError for another."""
    device = os.environ.get(VARIABLE, "") or DEVICES[0]
    if device not in DEVICES:
        raise UsageError(f"{VARIABLE} is {device!r}; it may be {', '.join(DEVICES)}")
    return device


def providers(available: Sequence[str] | None = None) -> list[Any]:
    """What onnxruntime shall run on, in the order of preference. available: its providers, by default those here.

    Raises UsageError if a CUDA device is asked for and onnxruntime cannot use one.
    """
    import onnxruntime as ort

    device = device_asked_for()
    usable = CUDA_PROVIDER in (ort.get_available_providers() if available is None else available)
    if device == "cuda" and not usable:
        raise UsageError(
            "onnxruntime here has no CUDA: install onnxruntime-gpu in the place of onnxruntime, or leave --device out"
        )
    return [*([(CUDA_PROVIDER, {"use_tf32": 0})] if usable and device != "cpu" else []), _CPU_PROVIDER]


def runs_on(session: Any) -> str:
    """The device that an onnxruntime session runs on: "cuda" or "cpu".

    Raises UsageError if a CUDA device is asked for and could not be used; onnxruntime itself falls back in silence.
    """
    found = "cuda" if CUDA_PROVIDER in session.get_providers() else "cpu"
    if device_asked_for() == "cuda" and found == "cpu":
        raise UsageError("onnxruntime could not start on the CUDA device; mend its drivers, or leave --device out")
    return found


def torch_device() -> torch.device:
    """The device that torch shall run on. Raises UsageError if a CUDA device is asked for and torch sees none."""
    import torch

    device, there = device_asked_for(), torch.cuda.is_available()
    if device == "cuda" and not there:
        raise UsageError("torch sees no CUDA device here; leave --device out to run on the processor")
    torch.set_num_threads(min(torch.get_num_threads(), usable_processors()))  # it knows nothing of quotas
    return torch.device("cuda" if there and device != "cpu" else "cpu")


def told() -> str:
    """What encoders run on here, in words. Raises UsageError as ``providers`` and ``torch_device`` do."""
    onnx = "cuda" if len(providers()) > 1 else "cpu"
    torch = f", torch on {torch_device().type}" if importlib.util.find_spec("torch") else ""
    return f"onnxruntime on {onnx}{torch} ({VARIABLE} or --device: {device_asked_for()})"
