"""The catalogue: every encoder that is declared as data, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lookalike.encoders.catalogue.medical import MEDICAL
from lookalike.encoders.catalogue.photographs import PHOTOGRAPHS
from lookalike.encoders.families.exported import EXPORTED
from lookalike.encoders.families.hosted import ENDPOINT
from lookalike.encoders.families.packaged import DREAMSIM, LITEMEDSAM
from lookalike.encoders.families.volume_models import VOLUME_MODELS
from lookalike.encoders.protocols import EncoderEntry

MODELS: Final = (*PHOTOGRAPHS, *MEDICAL)

CATALOGUE: Final[Mapping[str, EncoderEntry]] = {
    entry.name: entry for entry in (*MODELS, DREAMSIM, LITEMEDSAM, ENDPOINT, *VOLUME_MODELS, *EXPORTED)
}
