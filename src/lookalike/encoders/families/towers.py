"""The table behind ``Model.family``: the function that builds towers from each family's checkpoints (torch)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from lookalike.encoders.families import image_towers, two_towers
from lookalike.encoders.families.transformers_towers import Towers

AUTHORS_FORMATS: Final[Mapping[str, Callable[[Path, Path], Towers]]] = {
    "sam": image_towers.sam,
    "curia": image_towers.curia,
    "gigapath": image_towers.gigapath,
    "radimagenet": image_towers.radimagenet,
    "biomedclip": two_towers.biomedclip,
    "medclip": two_towers.medclip,
    "medimageinsight": two_towers.medimageinsight,
}
"""Family -> a function of the weight file and the tokenizer's folder. It raises DamagedFileError for weights that
are not the family's; the text tower is left out where the tokenizer's files are not there."""
