"""Which device networks run on, and how that is asked for and told."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from click.testing import CliRunner

from lookalike import encoders
from lookalike.cli import main
from lookalike.encoders.runtimes import device
from lookalike.errors import UsageError
from lookalike.verbs.doctor import doctor

CPU, CUDA, OTHER = "CPUExecutionProvider", "CUDAExecutionProvider", "AzureExecutionProvider"


@dataclass
class Session:
    """As much of an onnxruntime session as is asked."""

    providers: list[str]

    def get_providers(self) -> list[str]:
        return self.providers


@pytest.fixture(autouse=True)
def not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(device.VARIABLE, "")  # what a test sets is taken back


@pytest.mark.parametrize(
    ("asked", "available", "names"),
    [
        ("", [OTHER, CPU], [CPU]),
        ("auto", [CPU], [CPU]),
        ("auto", [CUDA, CPU], [CUDA, CPU]),
        ("cpu", [CUDA, CPU], [CPU]),
        ("cuda", [CUDA, CPU], [CUDA, CPU]),
    ],
)
def test_what_onnxruntime_runs_on(
    asked: str, available: list[str], names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(device.VARIABLE, asked)
    found = device.providers(available)
    assert [provider if isinstance(provider, str) else provider[0] for provider in found] == names
    # TF32 would make a GPU's vectors differ from a CPU's in the third digit.
    assert all(provider[1] == {"use_tf32": 0} for provider in found if not isinstance(provider, str))


def test_what_cannot_be_had_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(device.VARIABLE, "cuda")
    with pytest.raises(UsageError, match="onnxruntime-gpu"):
        device.providers([CPU])
    with pytest.raises(UsageError, match="could not start on the CUDA device"):
        device.runs_on(Session([CPU]))  # onnxruntime falls back in silence
    assert device.runs_on(Session([CUDA, CPU])) == "cuda"
    monkeypatch.setenv(device.VARIABLE, "tpu")
    with pytest.raises(UsageError, match=r"LOOKALIKE_DEVICE is 'tpu'; it may be auto, cpu, cuda"):
        encoders.load("lite0-inner")


def test_on_the_processor_alone_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = encoders.load("lite0-inner")
    monkeypatch.setenv(device.VARIABLE, "cpu")
    encoder = encoders.load("lite0-inner")
    assert encoder.device == "cpu"  # type: ignore[attr-defined]
    assert device.torch_device().type == "cpu"
    grey = np.full((1, 224, 224, 3), 90, np.uint8)
    np.testing.assert_allclose(encoder.encode_inputs(grey), plain.encode_inputs(grey), atol=1e-4)


def test_doctor_tells_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    def told() -> tuple[str, str]:
        found = {check.name: (check.state, check.detail) for check in doctor().checks}
        return found["device"]

    monkeypatch.setenv(device.VARIABLE, "cpu")
    state, detail = told()
    assert state == "ok"
    assert detail.startswith("onnxruntime on cpu, torch on cpu (")
    monkeypatch.setenv(device.VARIABLE, "gpu")
    state, detail = told()
    assert state == "failed"
    assert "auto, cpu, cuda" in detail


def test_the_command_s_option_reaches_the_runtime() -> None:
    done = CliRunner().invoke(main, ["--device", "gpu", "doctor"])
    assert done.exit_code == 1
    assert "LOOKALIKE_DEVICE is 'gpu'" in done.output
