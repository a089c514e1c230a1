"""The preprocessing that a model's authors publish beside its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from lookalike.encoders.preprocessing.processors import preprocessing_of
from lookalike.encoders.weights.checkpoints import read_json
from lookalike.types import Preprocessing

PROCESSOR_FILES: Final = ("preprocessor_config.json", "processor_config.json")
"""The files that transformers saves; in the second the image processor is one entry of several."""


def read_processor(folder: Path) -> Preprocessing | None:
    """The preprocessing that is published in a model's folder, or None if there is none.

    Raises UsageError if Preprocessing cannot express it.
    """
    for name in PROCESSOR_FILES:
        path = folder / name
        if path.is_file():
            published = read_json(path)
            published = published.get("image_processor", published)
            if isinstance(published, dict) and ("image_mean" in published or "size" in published):
                return preprocessing_of(published, _model_type(folder))
    return None


def _model_type(folder: Path) -> str:
    config = folder / "config.json"
    return str(read_json(config).get("model_type", "")) if config.is_file() else ""
