"""The request bodies of jobs: what a verb that takes long is told."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from lookalike.server.contract.bodies import Body, Id, Label, Name, Seed, Subfolders
from lookalike.types import BASE

Option = Annotated[str, Field(max_length=10_000)] | bool | int | Annotated[float, Field(allow_inf_nan=False)] | None


class IndexBody(Body):
    """Uploads, or one of the administrator's import folders. subfolders: of that folder only the one that these names
    lead to, each of a folder in the one before. label_columns: of the table; labels_csv: an upload.
    where_source: a filter on what the files' headers say; what does not satisfy it is left out. reports,
    report_columns: keep the words of structured reports, or of columns of the table.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    uploads: Annotated[list[Id], Field(min_length=1, max_length=10_000)] | None = None
    labels_csv: Id | None = None
    label_columns: Annotated[list[Name], Field(max_length=100)] = []
    overwrite_labels: bool = False
    folder: Name | None = Field(default=None, alias="import")
    subfolders: Subfolders = []
    where_source: Annotated[str, Field(max_length=10_000)] | None = None
    reports: Literal["sr"] | None = None
    report_columns: Annotated[list[Name], Field(max_length=100)] = []

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.uploads is None) == (self.folder is None):
            raise ValueError("give either uploads or import (the name of an import folder)")
        if self.subfolders and self.folder is None:
            raise ValueError("subfolders are of an import folder: give import, too")
        return self


class AdaptBody(Body):
    """A space to train. field, labels: what makes two images alike, and the values to tell apart, all if empty.
    replace: train a space of that name anew, which is refused otherwise.
    """

    name: Name
    kind: Name = "mlp"
    field: Label = "label"
    labels: Annotated[list[Label], Field(max_length=100)] = []
    seed: Seed = 0
    replace: bool = False


class TuneBody(Body):
    """An encoder to tune, which is kept in the server's folder of models. field, labels: as of a space to train.
    epochs: by default by the gallery's size.
    """

    name: Name
    method: Literal["labels", "views"] = "labels"
    field: Label = "label"
    labels: Annotated[list[Label], Field(max_length=100)] = []
    mirror: Literal["auto", "on", "off"] = "auto"
    epochs: Annotated[int, Field(ge=1, le=1000)] | None = None
    seed: Seed = 0


class EvaluateBody(Body):
    """A space to evaluate. options: further options of the protocol, by name; none that names a file."""

    space: Name = BASE
    folds: Annotated[int, Field(ge=2, le=100)] | None = None
    seed: Seed = 0
    protocol: Name | None = None
    k: Annotated[list[Annotated[int, Field(ge=1, le=1000)]], Field(max_length=20)] | None = None
    options: Annotated[dict[Name, Option | Annotated[list[Option], Field(max_length=100)]], Field(max_length=20)] = {}


class MigrateBody(Body):
    """An encoder to go to, by a name that is installed or allowed here; or back to the one that answered before; or to
    drop the vectors that do not answer. without_missing: leave out records whose files cannot be read again.
    """

    encoder: Name | None = None
    back: bool = False
    drop: bool = False
    without_missing: bool = False


class MapBody(Body):
    """A map to draw."""

    method: Literal["umap", "tsne"] = "umap"
    space: Name = BASE


class ExportBody(Body):
    """Records to export without identity (PS3.15 E), all by default, and what of their files stays. columns: further
    attributes for the table, as they stand. defaced: whoever asks says that heads were defaced.
    """

    where: Annotated[str, Field(max_length=10_000)] | None = None
    burned_in: Literal["keep", "mask", "refuse"] = "mask"
    dates: Literal["removed", "shifted"] = "removed"
    characteristics: bool = False
    columns: Annotated[list[Label], Field(max_length=100)] = []
    defaced: bool = False


class AuditBody(Body):
    """A label field and another recorded field; every recorded field if only one is given."""

    fields: Annotated[list[Name], Field(min_length=1, max_length=2)] = ["label"]
    space: Name = BASE


class OutliersBody(Body):
    """The records to be like: reference, a filter; reference_cohort, of these; reference_gallery, the name of another
    gallery of this service that they are of: one of the three or several. where: which are compared with them. outlier:
    those of the compared that are known to be outliers.
    """

    reference: Annotated[str, Field(min_length=1, max_length=10_000)] | None = None
    reference_cohort: Name | None = None
    reference_gallery: Name | None = None
    where: Annotated[str, Field(max_length=10_000)] | None = None
    space: Name = BASE
    neighbours: Annotated[int, Field(ge=1, le=1000)] = 5
    limit: Annotated[int, Field(ge=1, le=10_000)] = 20
    outlier: Annotated[str, Field(max_length=10_000)] | None = None
    per: Literal["record", "study"] = "record"
    decided: bool = False
    seed: Seed = 0

    @model_validator(mode="after")
    def _any(self) -> Self:
        if self.reference is None and self.reference_cohort is None and self.reference_gallery is None:
            raise ValueError("give reference (a filter), reference_cohort or reference_gallery")
        return self


class DriftBody(Body):
    """Two filters, each of one part of the gallery."""

    before: Annotated[str, Field(min_length=1, max_length=10_000)]
    after: Annotated[str, Field(min_length=1, max_length=10_000)]
    seed: Seed = 0


class MergeBody(Body):
    """Other galleries of this service, by their names, whose records are brought into this one."""

    galleries: Annotated[list[Name], Field(min_length=1, max_length=100)]


class DuplicatesBody(Body):
    """decided: list also pairs of which it was decided."""

    decided: bool = False


class QualityBody(Body):
    """faults: what to look for, everything if none is named. part: the field that names the part of the body."""

    faults: Annotated[list[Name], Field(max_length=20)] = []
    where: Annotated[str, Field(max_length=10_000)] | None = None
    part: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    decided: bool = False


class MetadataBody(Body):
    """Which recorded fields, ``A+B`` being two as one; those that say how a picture was taken if none is given."""

    fields: Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=50)] = []
    where: Annotated[str, Field(max_length=10_000)] | None = None
    space: Name = BASE
    neighbours: Annotated[int, Field(ge=3, le=1000)] = 15
    decided: bool = False
