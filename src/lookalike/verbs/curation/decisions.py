"""decisions: what is decided of what audits have found; it is not listed again, and what it changed can be undone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from lookalike.errors import NotFoundError, UsageError
from lookalike.evaluation.quality_report import FAULT_NAMES
from lookalike.gallery import Gallery
from lookalike.listed import ListResult
from lookalike.plugins import suggestion
from lookalike.readers.kept import VISUAL_FEATURES
from lookalike.store.decisions import (
    ACCEPTED,
    CHANGING,
    SAME_PATIENT,
    TO_DROP,
    StoredDecision,
    put_decisions,
    stored_decisions,
    undo_decisions,
)
from lookalike.text import plain_text

AuditName: TypeAlias = Literal["duplicates", "outliers", "quality", "metadata"]
DecisionName: TypeAlias = Literal["keep", "different", "same-patient", "accept", "reject", "drop"]
AUDIT_NAMES: Final[tuple[AuditName, ...]] = get_args(AuditName)
DECISION_NAMES: Final[tuple[DecisionName, ...]] = get_args(DecisionName)

_MAY: Final[Mapping[AuditName, tuple[DecisionName, ...]]] = {
    "duplicates": ("keep", "different", SAME_PATIENT, TO_DROP),
    "outliers": ("keep", TO_DROP),
    "quality": ("keep", TO_DROP),
    "metadata": (ACCEPTED, "reject", TO_DROP),
}
_FIXED: Final = ("slices", VISUAL_FEATURES)  # how deep a record is, and whether a face can be made from it
_JOINED: Final = "+"  # fields that were audited as one
_LENGTH: Final = 200
_TWO: Final = 2


@dataclass(frozen=True, slots=True, repr=False)
class DecisionList(ListResult[StoredDecision]):
    """items: the oldest first."""

    items: tuple[StoredDecision, ...]


@dataclass(frozen=True, slots=True)
class Decided:
    """number: by which it is undone. decided: of how many findings. changed: how many records it changed."""

    number: int
    decided: int
    changed: int


def decide(
    gallery: Gallery,
    audit: AuditName,
    decision: DecisionName,
    ids: Sequence[str],
    *,
    about: str = "",
    value: str = "",
    by: str = "",
) -> Decided:
    """Decide of what an audit has found, which does not list it again unless asked to. by: who.

    duplicates: ids of a pair. keep (both are to stay), different (no copies of one another), same-patient: from now on
    all records of the two patients are of one, the first's where it is known; their days are not known any more until
    they are indexed again. outliers, quality: keep (nothing is wrong); about: the fault. metadata: accept (about: the
    field; value: is recorded from now on), reject (this value). drop, of any: the records are to go. It asks who may
    remove them (``records remove``) and changes nothing until then; nothing that is found of them is listed again.

    Raises UsageError, NotFoundError; then nothing is stored.
    """
    _check(gallery, audit, decision, ids, about, value)
    findings = [list(ids)] if _of_pair(audit, decision) else [[id] for id in dict.fromkeys(ids)]
    who = plain_text(by, _LENGTH)
    number, changed = put_decisions(gallery.store, audit, decision, findings, about=about, value=value, by=who)
    return Decided(number, len(findings), changed)


def list_decisions(
    gallery: Gallery, *, audit: AuditName | None = None, decision: DecisionName | None = None
) -> DecisionList:
    """What was decided, of one audit if it is named, or one decision: ``drop`` lists what is marked. Raises
    UsageError.
    """
    if audit is not None:
        _named(audit, AUDIT_NAMES, "audit")
    if decision is not None:
        _named(decision, DECISION_NAMES, "decision")
    found = stored_decisions(gallery.store, audit)
    return DecisionList(tuple(each for each in found if decision in (None, each.decision)))


def undo_decision(gallery: Gallery, number: int) -> Decided:
    """Take a decision back, and what it changed, but for what was changed again since. Raises NotFoundError."""
    return Decided(number, *undo_decisions(gallery.store, number))


def changes_records(decision: DecisionName) -> bool:
    """Whether a decision changes records, which takes the whole of a gallery."""
    return decision in CHANGING


def check_may_undo(gallery: Gallery, seen: Gallery, number: int) -> None:
    """Raises NotFoundError where a decision concerns records outside of the part that is seen, or changed records."""
    if seen is gallery:
        return
    whole, inside = ([d for d in stored_decisions(g.store) if d.number == number] for g in (gallery, seen))
    if len(whole) != len(inside) or any(each.decision in CHANGING for each in whole):
        raise NotFoundError("no such decision is there to be undone", "no-decision")


class DecidedOf:
    """What was decided of one audit's findings, at one moment."""

    def __init__(self, gallery: Gallery, audit: AuditName) -> None:
        found = stored_decisions(gallery.store)
        self._to_drop = {id for each in found if each.decision == TO_DROP for id in each.ids}
        elsewhere = (ACCEPTED, TO_DROP)  # what was accepted is recorded: if it was recorded anew it is decided anew
        told = [each for each in found if each.audit == audit and each.decision not in elsewhere]
        self._findings = {(frozenset(each.ids), each.about, each.value) for each in told}

    def __len__(self) -> int:
        return len(self._findings) + len(self._to_drop)

    def holds(self, *ids: str, about: str = "", value: str = "") -> bool:
        """Whether it is decided what is to be with a finding, or that a record of it is to go."""
        return (frozenset(ids), about, value) in self._findings or not self._to_drop.isdisjoint(ids)

    def note(self, count: int) -> tuple[str, ...]:
        """What is said of findings that are not listed, if there are any."""
        return (f"{count} more were decided already and are not listed (--decided lists them).",) if count else ()


def _of_pair(audit: AuditName, decision: DecisionName) -> bool:
    return audit == "duplicates" and decision != TO_DROP


def _check(
    gallery: Gallery, audit: AuditName, decision: DecisionName, ids: Sequence[str], about: str, value: str
) -> None:
    _named(audit, AUDIT_NAMES, "audit")
    _named(decision, _MAY[audit], f"decision of {audit}")
    of_pair = _of_pair(audit, decision)
    if not ids or (of_pair and len({*ids}) != _TWO):
        raise UsageError("name the two records of a pair" if of_pair else "name the records, by their ids")
    if decision == TO_DROP:
        if about or value:
            raise UsageError("to drop is decided of a record, and not about a fault or a field of it")
        return
    if audit == "quality":
        _named(about, FAULT_NAMES, "fault")
    elif audit == "metadata":
        _check_field(gallery, decision, about, value)
    if (about and audit not in ("quality", "metadata")) or (value and audit != "metadata"):
        raise UsageError("only a fault (quality) or a field (metadata) is decided about, and only of a field a value")


def _check_field(gallery: Gallery, decision: DecisionName, field: str, value: str) -> None:
    known = gallery.store.field_names()
    for name in [field] if decision == ACCEPTED else field.split(_JOINED):
        if name not in known or (decision == ACCEPTED and name in _FIXED):
            why = " Decide about each field alone." if _JOINED in name else suggestion(name, known)
            raise UsageError(f"no field {name!r} can be decided about.{why}")
    if not value or plain_text(value, _LENGTH) != value:
        raise UsageError(f"the value that is accepted or rejected is text of 1 to {_LENGTH} printable characters")


def _named(name: str, allowed: Sequence[str], what: str) -> None:
    if name not in allowed:
        raise UsageError(f"no {what} is called {name!r}: {', '.join(allowed)}.{suggestion(name, allowed)}")
