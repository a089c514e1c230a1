"""Recorded values that neighbours contradict, and values for what is not recorded: lists with evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from lookalike.asking.candidates import candidates
from lookalike.asking.pooling import pooled_vectors
from lookalike.columns import paragraphs
from lookalike.errors import UsageError
from lookalike.evaluation.metadata_votes import (
    Calibrated,
    Neighbourhood,
    Votes,
    agreed_share,
    calibrated_lead,
    leads,
    lies_among,
    neighbours_vote,
)
from lookalike.evaluation.recorded_fields import recorded_values
from lookalike.evaluation.tables import render
from lookalike.filters import Filter
from lookalike.gallery import Gallery
from lookalike.plugins import suggestion
from lookalike.progress import tracked
from lookalike.text import DISCLAIMER, quoted
from lookalike.types import Record

JOINED: Final = "+"
"""Between two fields that are audited as one: ``Modality+sequence``."""

_FEWEST: Final = 20  # records with a value, for the others to learn from
_SHOWN: Final = 5  # neighbours named as evidence
_ROWS: Final = 30  # of a table on a terminal
_NAMES: Final = """
modality bodypartexamined bodypart bodyregion viewposition view laterality imagelaterality side plane sequence
scanningsequence contrast contrastbolusagent
"""
_REPAIRABLE: Final = frozenset(_NAMES.split())
_SEQUENCES: Final = frozenset(("sequence", "scanningsequence"))


@dataclass(frozen=True, slots=True)
class Voter:
    """A neighbour: its value, and its cosine with the record."""

    id: str
    value: str
    score: float


@dataclass(frozen=True, slots=True)
class SuspectValue:
    """A record whose neighbours say other than what is recorded ("" where nothing is). share: of their vote for
    ``suggested``; recorded_share: for what is recorded. neighbours: the nearest first, none of the record's patient.
    """

    id: str
    source: str
    field: str
    recorded: str
    suggested: str
    share: float
    recorded_share: float
    neighbours: tuple[Voter, ...]


@dataclass(frozen=True, slots=True)
class AuditedField:
    """records: with a value; missing: without one. values: how many different ones. agree: the share of records whose
    neighbours say what is recorded. threshold: by how much of the vote another value must lead. found: the share of
    planted errors beyond it. note: why nothing is listed, "" otherwise.
    """

    field: str
    records: int
    missing: int
    values: int
    agree: float | None
    threshold: float | None
    found: float | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class MetadataAudit:
    """suspects: recorded values that seem wrong, the surest first of each field. proposed: values for records that have
    none. Nothing is written anywhere: whoever repairs decides.
    """

    fields: tuple[AuditedField, ...]
    suspects: tuple[SuspectValue, ...]
    proposed: tuple[SuspectValue, ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        rows = [["field", "records", "missing", "values", "agree", "lead", "planted found"]]
        rows += [_figures(each) for each in self.fields]
        told = [f"{each.field}: {each.note}" for each in self.fields if each.note]
        return "\n".join(
            [
                render("Fields", rows, "text"),
                render(f"{len(self.suspects)} recorded values seem wrong", _listed(self.suspects), "text"),
                render(f"{len(self.proposed)} missing values", _listed(self.proposed), "text"),
                paragraphs([*told, *self.notes]),
            ]
        )

    def table(self) -> str:
        """Every suspect and proposal as CSV, with the neighbours that speak for it."""
        rows = [["record", "source", "field", "recorded", "suggested", "share", "recorded_share", "neighbours"]]
        for each in (*self.suspects, *self.proposed):
            votes = " ".join(f"{voter.id}={voter.value}" for voter in each.neighbours)
            shares = f"{each.share:.3f}", f"{each.recorded_share:.3f}"
            rows.append([each.id, each.source, each.field, each.recorded, each.suggested, *shares, votes])
        return render("", rows, "csv")


def _figures(each: AuditedField) -> list[str]:
    shares = ["-" if share is None else f"{share:.3f}" for share in (each.agree, each.threshold, each.found)]
    return [each.field, str(each.records), str(each.missing), str(each.values), *shares]


def _listed(found: Sequence[SuspectValue]) -> list[list[str]]:
    rows = [["field", "recorded", "neighbours say", "share", "record", "source"]]
    rows += [
        [each.field, each.recorded or "-", each.suggested, f"{each.share:.2f}", each.id, each.source]
        for each in found[:_ROWS]
    ]
    return rows


def metadata_of(
    gallery: Gallery, fields: Sequence[str], where: str | Filter | None, space: str, neighbours: int, seed: int
) -> MetadataAudit:
    """Audit fields, or those that say how a picture was taken. Raises UsageError: no such field, nothing to audit."""
    if neighbours < 3:
        raise UsageError(f"a vote takes at least 3 neighbours, got {neighbours}")
    stored, records = pooled_vectors(gallery), gallery.store.records()
    rows = np.flatnonzero(
        np.isin(stored.records, candidates(gallery, where=where).records(gallery, np.sort(stored.records)))
    )
    every = [records[int(key)] for key in stored.records[rows]]
    names = _asked(fields, every)
    vectors = gallery.project(stored.vectors, space)[rows]
    around = Neighbourhood(vectors, [record.patient for record in every], neighbours)
    audited = [audited_field(name, every, around, seed) for name in tracked(names)]
    return MetadataAudit(
        tuple(each[0] for each in audited),
        tuple(found for each in audited for found in each[1]),
        tuple(found for each in audited for found in each[2]),
        (
            "A list to look at, not a correction: nothing was changed. planted found: of values that were changed at "
            "random, the share that the same rule lists.",
            DISCLAIMER,
        ),
    )


def _asked(fields: Sequence[str], records: Sequence[Record]) -> list[str]:
    known = dict.fromkeys(name for record in records for name in record.attributes)
    for name in (part for field in fields for part in field.split(JOINED)):
        if name not in known:
            raise UsageError(f"no record has a field {quoted(name)!r}.{suggestion(name, known)}")
    names = list(fields) or _found(known)
    if not names:
        raise UsageError("no record says how it was taken (Modality, BodyPartExamined, ...); name a field with --field")
    return names


def _found(known: Sequence[str] | dict[str, None]) -> list[str]:
    names = [name for name in known if _squeezed(name) in _REPAIRABLE]
    modality = next((name for name in names if _squeezed(name) == "modality"), None)
    joined = [f"{modality}{JOINED}{name}" for name in names if modality and _squeezed(name) in _SEQUENCES]
    return [*names, *joined]


def _squeezed(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()


def _written(name: str, records: Sequence[Record]) -> list[str]:
    """The values of a field, or of several as one, "" where one of them is missing."""
    parts = [recorded_values(records, part).values for part in name.split(JOINED)]
    return [" ".join(each) if all(each) else "" for each in zip(*parts, strict=True)]


def audited_field(
    name: str, records: Sequence[Record], around: Neighbourhood, seed: int
) -> tuple[AuditedField, list[SuspectValue], list[SuspectValue]]:
    """One field of some records: its figures, what seems wrong, what is proposed. around: of the same records."""
    written = _written(name, records)
    order = sorted(set(written) - {""})
    values = np.array([order.index(value) if value else -1 for value in written], np.int64)
    known = int((values >= 0).sum())
    counts = known, len(records) - known, len(order)
    if known < _FEWEST or len(order) < 2:
        why = "every record says the same" if len(order) == 1 else f"fewer than {_FEWEST} records have it"
        return AuditedField(name, *counts, None, None, None, f"not audited: {why}"), [], []
    votes = neighbours_vote(around.among(values >= 0), values)
    rule = calibrated_lead(votes, seed)
    field = AuditedField(name, *counts, round(rule.agree, 4), rule.threshold, round(rule.found, 4), _why_not(rule))
    say = _Evidence(name, records, written, order, votes)
    return field, say.suspects(rule), say.proposed()


def _why_not(rule: Calibrated) -> str:
    if rule.threshold is not None:
        return ""
    return (
        f"not listed: the neighbours of {1 - rule.agree:.0%} of the records say otherwise, too many to be wrong; "
        "pictures alone do not tell these values here"
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Evidence:
    name: str
    records: Sequence[Record]
    written: Sequence[str]
    order: Sequence[str]
    votes: Votes

    def suspects(self, rule: Calibrated) -> list[SuspectValue]:
        if rule.threshold is None:
            return []
        known = self.votes.near.known
        lead, best = leads(self.votes.shares[known], self.votes.recorded)
        listed = (lead >= rule.threshold) & lies_among(self.votes, known, best)
        rows = np.flatnonzero(listed)[np.argsort(-lead[listed], kind="stable")]
        return [self._value(int(known[row]), int(best[row]), int(self.votes.recorded[row])) for row in rows]

    def proposed(self) -> list[SuspectValue]:
        least, missing = agreed_share(self.votes), np.setdiff1d(np.arange(len(self.records)), self.votes.near.known)
        if least is None or not len(missing):
            return []
        share, best = self.votes.shares[missing].max(axis=1), self.votes.shares[missing].argmax(axis=1)
        sure = (share >= least) & lies_among(self.votes, missing, best)
        rows = np.flatnonzero(sure)[np.argsort(-share[sure], kind="stable")]
        return [self._value(int(missing[row]), int(best[row]), None) for row in rows]

    def _value(self, row: int, suggested: int, recorded: int | None) -> SuspectValue:
        record, shares = self.records[row], self.votes.shares[row]
        return SuspectValue(
            record.id,
            record.source,
            self.name,
            self.written[row],
            self.order[suggested],
            round(float(shares[suggested]), 4),
            0.0 if recorded is None else round(float(shares[recorded]), 4),
            tuple(self._voters(row)),
        )

    def _voters(self, row: int) -> list[Voter]:
        near = self.votes.near
        pairs = zip(near.rows[row][:_SHOWN].tolist(), near.cosines[row].tolist(), strict=False)
        return [Voter(self.records[n].id, self.written[n], round(cosine, 4)) for n, cosine in pairs if n >= 0]
