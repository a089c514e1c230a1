"""What may be said of patients: how many are known, and what to do where none is, or where all records are of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lookalike.errors import UsageError
from lookalike.types import OTHER_KEY

NAME_PATIENTS: Final = "lookalike index SOURCES --labels TABLE.csv --patient-column NAME"

_CANNOT: Final = (
    "whether pictures of one patient are on both sides cannot be said. Give the gallery that key: "
    "lookalike gallery adopt G --key-file FILE."
)
UNMATCHED: Final = (
    "the secret key that this gallery's patients are grouped by is not here: whether a record is of the query's own "
    "patient cannot be said, so none was left out; give it: lookalike gallery adopt G --key-file FILE"
)
"""What is said of a file that asks a gallery which cannot recognise its patient."""


@dataclass(frozen=True, slots=True)
class PatientCount:
    """records: how many there are. patients: how many different ones are known. unknown: records of nobody known.
    other_key: records that another key grouped than the rest, so that one patient may be two.
    """

    records: int
    patients: int
    unknown: int
    other_key: int = 0

    @property
    def none_known(self) -> bool:
        """Whether no record's patient is known."""
        return self.unknown == self.records

    @property
    def groups(self) -> int:
        """How many that intervals draw from: the patients, and each record of nobody known."""
        return self.patients + self.unknown

    @property
    def unit(self) -> str:
        """What splits keep together and intervals draw: a patient, or a record where no patient is known."""
        return "record" if self.none_known else "patient"

    @property
    def sentence(self) -> str:
        """What cannot be said, and the remedy; "" where every patient is known."""
        if self.other_key:
            return f"{self.other_key} of {self.records} records were grouped by another secret key: {_CANNOT}"
        if not self.unknown:
            return ""
        some = f"The patient of {self.unknown} of {self.records} records is not known"
        who = "No patient is known" if self.none_known else some
        return f"{who}: whether pictures of one patient are on both sides cannot be said. Name them: {NAME_PATIENTS}."


def known_patient(patient: str, identity: str) -> bool:
    """Whether a record's patient is known: the store groups a record without one under its own id."""
    return patient != identity


def count_patients(patients: Sequence[str], ids: Sequence[str]) -> PatientCount:
    """Count the patients of records by their groups and ids, which may name a record twice."""
    group_of = dict(zip(ids, patients, strict=True))
    known = [group for identity, group in group_of.items() if known_patient(group, identity)]
    other = sum(group.startswith(OTHER_KEY) for group in known)
    mixed = other if other < len(known) else 0
    return PatientCount(len(group_of), len(set(known)), len(group_of) - len(known), mixed)


def check_patients(patients: Sequence[str]) -> None:
    """Raises UsageError if several records are all of one patient: then none may answer another."""
    if len(patients) > 1 == len(set(patients)):
        raise UsageError(
            "all records are of one patient, whose records never answer each other, so nothing is left to "
            f"measure; if that is not so, name the patients by another column: {NAME_PATIENTS}"
        )
