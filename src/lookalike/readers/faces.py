"""Volumes from which a face can be made: the rule that decides which are exported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lookalike.readers.kept import VISUAL_FEATURES
from lookalike.types import Attribute

_MODALITIES: Final = ("CT", "MR", "PT", "")
_PARTS: Final = """
HEAD HEADNECK BRAIN CEREBELLUM CIRCLEOFWILLIS FACE SKULL SCALP EYE EYELID ORBIT CORNEA RETINA SCLERA EAR INNEREAR IAC
JAW MANDIBLE MAXILLA TEETH TMJ MOUTH TONGUE NOSE NASALBONE NASOPHARYNX SINUS FRONTALSINUS MAXILLARYSINUS PARANASALSINUS
PITUITARY SELLA CLIVUS ZYGOMA CHEEK PAROTID SUBMANDIBULAR NECK PHARYNX OROPHARYNX HYPOPHARYNX LARYNX WHOLEBODY
"""
_HEADS: Final = frozenset(_PARTS.split())


def may_show_a_face(attributes: Mapping[str, Attribute], depth: int) -> bool:
    """Whether a face can be made from a record: a volume of CT, MR or PET, or of no known modality, of a part of the
    body with a face, or of none that is known; unless it says that its visual features are gone (PS3.3 C.7.6.1.1.8).
    """
    if depth < 2 or str(attributes.get(VISUAL_FEATURES, "")).strip().upper() == "NO":
        return False
    part = "".join(filter(str.isalnum, str(attributes.get("BodyPartExamined", "")).upper()))
    return str(attributes.get("Modality", "")).upper() in _MODALITIES and (not part or part in _HEADS)
