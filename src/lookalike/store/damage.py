"""Everything in a gallery's database that does not match its checksum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lookalike.store.schema import DECISIONS, GALLERY, IDENTITIES, INSTANCES, OF_COHORTS, READINGS, REPORTS, STUDIES
from lookalike.store.second_encoder import damaged_beside
from lookalike.store.thumbnails import files_without_thumbnails
from lookalike.store.vectors import damaged_files
from lookalike.store.verify import damaged_records, verify_table

if TYPE_CHECKING:
    from lookalike.store.store import Store


_SMALLER: Final = (GALLERY, STUDIES, IDENTITIES, INSTANCES, REPORTS, READINGS, DECISIONS, *OF_COHORTS)


@dataclass(frozen=True, slots=True)
class Damage:
    """SHA-256 of files whose records are damaged: in their vectors, their thumbnail, their description (source,
    patient, attributes), in their labels and the log of these, or in the vectors and patches of a second encoder.
    """

    vectors: frozenset[str]
    thumbnails: frozenset[str]
    descriptions: frozenset[str]
    labels: frozenset[str]
    beside: frozenset[str]

    @property
    def read_again(self) -> frozenset[str]:
        """Those that reading the file again repairs; labels that a person set stand in no file."""
        return self.vectors | self.thumbnails | self.descriptions


def damage_of(store: Store) -> Damage:
    """What is damaged, found by reading every row."""
    with store.begin() as connection:
        descriptions, labels = damaged_records(connection)
        found = damaged_files(connection), files_without_thumbnails(connection), descriptions, labels
        beside = damaged_beside(connection).values()
    return Damage(*map(frozenset, (*found, beside)))


def check_smaller_tables(store: Store) -> None:
    """Raise DamagedFileError unless every row of the tables beside the records matches its checksum."""
    with store.begin() as connection:
        for table in _SMALLER:
            verify_table(connection, table)
