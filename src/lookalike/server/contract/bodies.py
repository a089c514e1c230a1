"""The request bodies, but for those of jobs; validated before anything is done."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lookalike.types import BASE
from lookalike.verbs.curation.decisions import AuditName, DecisionName
from lookalike.verbs.search import MAX_K

Id = Annotated[str, Field(min_length=1, max_length=64)]
PromptList = Annotated[list[Annotated[str, Field(min_length=1, max_length=2000)]], Field(min_length=1, max_length=100)]
Label = Annotated[str, Field(min_length=1, max_length=200)]
Name = Annotated[str, Field(min_length=1, max_length=64)]
Subfolders = Annotated[list[Annotated[str, Field(min_length=1, max_length=2000)]], Field(max_length=100)]
CohortNames = Annotated[list[Name], Field(max_length=100)]
ChangeNumber = Annotated[int, Field(ge=1, lt=1 << 53)]  # of what JavaScript tells apart
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
SliceIndex = Annotated[int, Field(ge=0, lt=1 << 20)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class Body(BaseModel):
    """A body refuses unknown fields: a misspelt one is an error, not ignored."""

    model_config = ConfigDict(extra="forbid")


class RoiBody(Body):
    """A box on an upload or a record, in fractions of the displayed picture. slices: the first and the last one that it
    goes through, in place of one slice.
    """

    image: Id | None = None
    record: Id | None = None
    slice: SliceIndex | None = None
    slices: tuple[SliceIndex, SliceIndex] | None = None
    box: tuple[Fraction, Fraction, Fraction, Fraction]

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.image is None) == (self.record is None):
            raise ValueError("give either image (an upload) or record")
        return self


class QueryBody(Body):
    """The query: exactly one of these; text, report (words to be found in reports, which needs the role admin) or both
    may join image, volume or ids, and each other. study: a study of the gallery, by the id of one of its records or its
    pseudonym. study_uploads: uploads whose files are one study, together, as the files of a folder would be.
    """

    image: Id | None = None
    volume: Id | None = None
    text: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    report: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    study: Id | None = None
    study_uploads: Annotated[list[Id], Field(min_length=1, max_length=200)] | None = None
    roi: RoiBody | None = None
    ids: Annotated[list[Id], Field(min_length=1, max_length=1000)] | None = None
    vector: (
        Annotated[list[Annotated[float, Field(allow_inf_nan=False)]], Field(min_length=1, max_length=65536)] | None
    ) = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = {name for name in type(self).model_fields if getattr(self, name) is not None}
        alone = given - {"text", "report"}
        joined = alone <= {"image", "ids"} or (alone == {"volume"} and "text" not in given)
        if not given or len(alone) > 1 or (given - alone and not joined):
            raise ValueError(
                "give one of image, volume, text, report, study, study_uploads, roi, ids, vector; text may join image "
                "or ids, report these and volume"
            )
        return self

    @property
    def upload(self) -> str | None:
        """The upload's id, if the query is an upload."""
        return self.image or self.volume or (self.roi.image if self.roi else None)

    @property
    def record(self) -> str | None:
        """The record's id, if the query is one record."""
        return self.ids[0] if self.ids and len(self.ids) == 1 else self.roi.record if self.roi else None


class SearchBody(Body):
    """A search."""

    query: QueryBody
    positive: Annotated[list[Id], Field(max_length=1000)] = []
    negative: Annotated[list[Id], Field(max_length=1000)] = []
    where: Annotated[str, Field(max_length=10_000)] | None = None
    space: Name = BASE
    group_by: Literal["patient", "study", "series"] | None = None
    report_weight: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] = 1.0
    k: Annotated[int, Field(ge=1, le=MAX_K)] = 12
    explain: bool = False
    rank: Name = "auto"
    weights: Name = "uniform"
    same_patient: bool = False
    only_priors: bool = False
    before: Annotated[str, Field(min_length=1, max_length=20)] | Annotated[int, Field(ge=1, le=50_000)] | None = None
    exclude_priors: bool = False


class ExplainBody(Body):
    """Why a record answers a query."""

    query: QueryBody
    record: Id
    space: Name = BASE


class SendBody(Body):
    """An answer to file in the PACS. to: the name of one of the service's destinations. record: what seg and map
    compare it with, the most similar record by default.
    """

    kind: Literal["sr", "kos", "seg", "map"]
    to: Name
    record: Id | None = None
    k: Annotated[int, Field(ge=1, le=MAX_K)] = 5
    where: Annotated[str, Field(max_length=10_000)] | None = None
    space: Name = BASE


class ClassifyBody(Body):
    """Which labels a picture has. space, where: whose vectors, and which records, vote. set: a coverage such as .9, of
    the labels that are not ruled out. prompts: zero-shot: those of each label to choose from.
    """

    query: QueryBody
    method: Name = "knn"
    k: Annotated[int, Field(ge=1, le=1000)] | None = None
    space: Name | None = None
    where: Annotated[str, Field(max_length=10_000)] | None = None
    set: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] | None = None
    prompts: Annotated[dict[Label, PromptList], Field(max_length=100)] = {}


class SetLabelsBody(Body):
    """A record's labels, instead of those it has."""

    labels: Annotated[list[Label], Field(max_length=100)]


class ChangeLabelsBody(Body):
    """Labels of many records: to set instead of those they have, to add, and to remove."""

    ids: Annotated[list[Id], Field(min_length=1, max_length=100_000)]
    set: Annotated[list[Label], Field(max_length=100)] | None = None
    add: Annotated[list[Label], Field(max_length=100)] = []
    remove: Annotated[list[Label], Field(max_length=100)] = []


class ImportLabelsBody(Body):
    """An upload that is a CSV table of ids and labels."""

    upload: Id


class StartRoundBody(Body):
    """Who reads which records, by ids or a filter, all where neither is given; and the labels to choose from."""

    round: Annotated[str, Field(min_length=1, max_length=64)]
    ids: Annotated[list[Id], Field(max_length=10_000)] = []
    where: Annotated[str, Field(max_length=10_000)] | None = None
    labels: Annotated[list[Label], Field(min_length=1, max_length=100)]
    readers: Annotated[list[Annotated[str, Field(min_length=1, max_length=64)]], Field(min_length=2, max_length=20)]


class GiveReadingsBody(Body):
    """What a reader says of records in a round; without labels that none applies."""

    ids: Annotated[list[Id], Field(min_length=1, max_length=100_000)]
    labels: Annotated[list[Label], Field(max_length=100)] = []


class AdjudicateBody(Body):
    """What records of a round show; or, with agreed, whatever all readers of a record say."""

    ids: Annotated[list[Id], Field(max_length=100_000)] = []
    labels: Annotated[list[Label], Field(max_length=100)] = []
    agreed: bool = False


class UndoLabelsBody(Body):
    """The number of a change of labels; without one the last that counts."""

    change: ChangeNumber | None = None


class ImportFoldersBody(Body):
    """Which folder of an import folder: the names that lead to it, none for the import folder itself. They are told in
    a body, since addresses are logged and folders may be called as patients are.
    """

    subfolders: Subfolders = []


class SaveCohortBody(Body):
    """A cohort: every record; where, a filter; ids; or like, text: the k records that are most similar to records or to
    a text, among those that ``where`` allows. Without any of them the stored definition is evaluated again.
    """

    name: Name
    every: bool = False
    where: Annotated[str, Field(max_length=10_000)] | None = None
    ids: Annotated[list[Id], Field(max_length=100_000)] = []
    like: Annotated[list[Id], Field(max_length=1000)] = []
    text: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    k: Annotated[int, Field(ge=1, le=MAX_K)] = 100
    space: Name = BASE
    replace: bool = False


class CombineCohortsBody(Body):
    """The records that are in all of some cohorts, in any of others, and in none of others."""

    name: Name
    all_of: CohortNames = []
    any_of: CohortNames = []
    none_of: CohortNames = []
    replace: bool = False


class SplitCohortBody(Body):
    """sizes: the shares of train, val and test. field: what they are to be alike in."""

    sizes: tuple[Fraction, Fraction, Fraction] = (0.7, 0.15, 0.15)
    field: Label = "label"
    seed: Seed = 0


class ExportCohortBody(Body):
    """The format, and what of the files stays, as in an export of records."""

    format: Literal["folder", "csv", "parquet", "kos", "fiftyone", "coco", "monai"] = "folder"
    burned_in: Literal["keep", "mask", "refuse"] = "mask"
    dates: Literal["removed", "shifted"] = "removed"
    characteristics: bool = False
    columns: Annotated[list[Label], Field(max_length=100)] = []
    defaced: bool = False


class RemoveBody(Body):
    """The records to be removed."""

    ids: Annotated[list[Id], Field(min_length=1, max_length=100_000)]


class DecideBody(Body):
    """What is decided of what an audit found: of a pair of duplicates, or of each of some records. about: the fault or
    the field; value: the field's.
    """

    audit: AuditName
    decision: DecisionName
    ids: Annotated[list[Id], Field(min_length=1, max_length=10_000)]
    about: Annotated[str, Field(max_length=200)] = ""
    value: Annotated[str, Field(max_length=200)] = ""
