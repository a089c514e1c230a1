"""Volumes from which a face can be made: the rule that decides which are exported, and shown to whom as a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lookalike.readers.kept import VISUAL_FEATURES
from lookalike.roles import Role, includes
from lookalike.types import Attribute

_MODALITIES: Final = ("CT", "MR", "PT", "")
_PARTS: Final = """
HEAD HEADNECK BRAIN CEREBELLUM CIRCLEOFWILLIS FACE SKULL SCALP EYE EYELID ORBIT CORNEA RETINA SCLERA EAR INNEREAR IAC
JAW MANDIBLE MAXILLA TEETH TMJ MOUTH TONGUE NOSE NASALBONE NASOPHARYNX SINUS FRONTALSINUS MAXILLARYSINUS PARANASALSINUS
PITUITARY SELLA CLIVUS ZYGOMA CHEEK PAROTID SUBMANDIBULAR NECK PHARYNX OROPHARYNX HYPOPHARYNX LARYNX WHOLEBODY
"""
_HEADS: Final = frozenset(_PARTS.split())


def may_show_a_face(attributes: Mapping[str, Attribute], depth: int, together: int = 1) -> bool:
    """Whether a face can be made from the file of a record: a volume of CT, MR or PET, or of no known modality, of a
    part of the body with a face, or of none that is known; unless it says that its visual features are gone (PS3.3
    C.7.6.1.1.8). depth: slices of the record. together: records of the file, which are slices where a modality is
    known that takes slices.
    """
    modality = str(attributes.get("Modality", "")).upper()
    slices = max(depth, together) if modality else depth
    if slices < 2 or str(attributes.get(VISUAL_FEATURES, "")).strip().upper() == "NO":
        return False
    part = "".join(filter(str.isalnum, str(attributes.get("BodyPartExamined", "")).upper()))
    return modality in _MODALITIES and (not part or part in _HEADS)


def may_have_file(role: Role, attributes: Mapping[str, Attribute], depth: int, together: int = 1) -> bool:
    """Whether who acts in a role is given the file of a record, and a viewer its voxels: an admin every one, others
    those from which no face can be made. Single slices, drawn by the server, are for all who see the record.
    """
    return includes(role, "admin") or not may_show_a_face(attributes, depth, together)
