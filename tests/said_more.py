"""What is said of records besides labels and attributes, in every table that holds some."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lookalike.gallery import Gallery
from lookalike.store import Batch
from lookalike.types import DicomIdentity, EncodedReport, FileIdentity
from lookalike.verbs.cohorts.cohorts import combine_cohorts, save_cohort
from lookalike.verbs.cohorts.split import split_cohort
from lookalike.verbs.curation.decisions import decide
from lookalike.verbs.curation.readings import give_readings


def say_more(gallery: Gallery, ids: Sequence[str]) -> None:
    """Rows in the tables of readings, decisions, cohorts, reports and studies; of identities in a linked gallery."""
    give_readings(gallery, "r", ids[:2], labels=["x"], reader="a")
    decide(gallery, "duplicates", "keep", ids[:2], by="me")
    save_cohort(gallery, "chosen", ids=ids[:4])
    combine_cohorts(gallery, "combined", any_of=["chosen"])
    split_cohort(gallery, "chosen", sizes=(0.5, 0, 0.5))
    files, said = sorted(gallery.store.files()), EncodedReport("Said.", np.eye(3, 8, dtype=np.float32))
    who = FileIdentity(DicomIdentity("1.2", "1.2.3", "1.2.3.4", study_date="20200102"), "patient-0", ("1.2.3.4",))
    batch = Batch(reports=dict.fromkeys(files, said), studies=dict.fromkeys(files, "1.2"))
    batch.identities = dict.fromkeys(files, who)
    gallery.store.write(batch)
