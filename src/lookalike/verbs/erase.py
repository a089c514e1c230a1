"""erase: remove a patient everywhere, with a proof for the file, and check one later."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import lookalike
from lookalike.atomic import write_atomically
from lookalike.audit_log.place import audit_key
from lookalike.erasing import Forget
from lookalike.erasing.proof import ErasureProof, erase_with_proof, is_genuine, keyed
from lookalike.errors import UsageError
from lookalike.gallery import Gallery
from lookalike.store.browse import every_id
from lookalike.store.kept_out import let_return
from lookalike.text import absolute


@dataclass(frozen=True, slots=True)
class MayReturn:
    """was_kept_out: whether the patient was left out until now."""

    was_kept_out: bool


@dataclass(frozen=True, slots=True)
class ErasureCheck:
    """genuine: whether a proof stands there as it was written, for this gallery. records: that were erased by it; back:
    how many of them are in the gallery (again).
    """

    genuine: bool
    records: int
    back: int


def erase_patient(
    gallery: Gallery,
    *,
    patient: str | None = None,
    patient_id: str | None = None,
    proof: str | os.PathLike[str] | None = None,
    by: str = "",
    forget: Forget | None = None,
    noted: Callable[[tuple[str, ...]], None] | None = None,
) -> ErasureProof:
    """Remove every record of a patient everywhere (``verbs.records.remove``), and what waits in inboxes, search the
    gallery's folder for what named them, and look into the backups of the manifest. From then on the patient is not
    taken again, from a folder, a PACS or a sender, until ``may_return``: a keyed pseudonym is kept for that.

    patient: the group's hash, which stands in every record; patient_id: instead, as files and tables have it. proof: a
    new file, in which the result is kept: it holds nothing of the patient. by: who erases. noted: called with the ids
    of the records that are gone.

    Raises UsageError, NotFoundError, LockedError, GalleryError; nothing is removed then.
    """
    group = _group(gallery, patient, patient_id)
    path = None if proof is None else absolute(proof)
    if path is not None and (path.exists() or not path.parent.is_dir()):
        raise UsageError(f"the proof is kept in a new file, in a folder that is there; got {proof}")
    made, ids = erase_with_proof(gallery, group, key=audit_key(), by=by, version=lookalike.__version__, forget=forget)
    if noted is not None:
        noted(ids)
    if path is not None:
        write_atomically(path, json.dumps(asdict(made), indent=1).encode() + b"\n", 0o600)
    return made


def may_return(gallery: Gallery, *, patient: str | None = None, patient_id: str | None = None) -> MayReturn:
    """Take a patient who was erased again, by whichever way he comes. Nothing is brought back by it.

    patient, patient_id: as in ``erase_patient``. Raises UsageError.
    """
    return MayReturn(let_return(gallery.store, _group(gallery, patient, patient_id)))


def check_erasure(gallery: Gallery, proof: str | os.PathLike[str]) -> ErasureCheck:
    """Whether a proof is one, and whether what it says is gone is gone still: a backup that was put back may have
    brought it again. Raises UsageError for a file that holds none.
    """
    fields = _read(proof)
    key, erased = audit_key(), set(map(str, fields["records"]))
    genuine = is_genuine(fields, key) and fields["gallery"] == gallery.store.id
    return ErasureCheck(genuine, len(erased), sum(keyed(key, one) in erased for one in every_id(gallery.store)))


def _group(gallery: Gallery, patient: str | None, patient_id: str | None) -> str:
    if sum(each is not None for each in (patient, patient_id)) != 1:
        raise UsageError("say whom: the group's hash (--patient GROUP), or the id that files have (--patient-id ID)")
    return gallery.store.patient_group(patient_id) if patient_id is not None else str(patient)


def _read(proof: str | os.PathLike[str]) -> dict[str, Any]:
    try:
        fields = json.loads(absolute(proof).read_bytes())
        if isinstance(fields["records"], list) and isinstance(fields["gallery"], str):
            return dict(fields)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    raise UsageError(f"{proof} holds no proof of an erasure; lookalike erase --proof FILE writes one")
