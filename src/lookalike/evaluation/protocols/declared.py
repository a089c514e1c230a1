"""The protocols that come with the package, and their options. The code of each is imported when it runs, so that
help is quick.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any, Final, Literal

from lookalike.evaluation.protocols.protocol import PRECISION, PROTOCOL_GROUP, EvaluationReport, option
from lookalike.filters import Filter

if TYPE_CHECKING:
    from lookalike.gallery import Gallery
    from lookalike.sources.labels import LabelTable

DEFAULT_KS: Final = (1, 3, 5, 10)
SPACE_HELP: Final = "base, or the name of an adapter."
FOLDS_HELP: Final = "Patient-disjoint folds; an adapter is trained anew on each."
SEED_HELP: Final = "Seed of every random choice."
SAMPLES_HELP: Final = "Resamples that an interval is drawn from."
LEVELS: Final = ("modality", "body_region", "organ")
WEIGHTS_HELP: Final = "Of the slices: uniform, gaussian:SIGMA:CENTRE."
SPLIT_HELP: Final = "The owners' split where there is one (test asks train), or none: each asks all others."
VOLUME_SPLITS: Final = ("official", "none")
VOLUME_RANKS: Final = ("pool", "count", "max", "sum", "maxsim")
SWEEPS: Final[dict[str, tuple[str, ...]]] = {
    "sigma": (*(f"gaussian:{sigma}" for sigma in (0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1)), "uniform"),
    "centre": (*(f"gaussian:0.2:{centre}" for centre in (0, 0.25, 0.4, 0.5, 0.6, 0.75, 1)), "uniform"),
    "slices": (*(f"random:{count}" for count in (1, 2, 3, 5, 10, 20, 40)), "all"),
}
"""The weights, or slice rules, to compare so as to show how much the choice matters."""


@dataclass(frozen=True, slots=True)
class PrecisionOptions:
    """Without folds and queries every labelled record asks the others, its own patient left out."""

    space: str = option("base", SPACE_HELP)
    folds: int | None = option(None, FOLDS_HELP, metavar="N")
    queries: tuple[str | os.PathLike[str], ...] = option(
        (), "Outside files that ask the whole gallery.", metavar="SOURCE...", local=True
    )
    query_labels: str | os.PathLike[str] | LabelTable | None = option(
        None, "The labels of the queries.", metavar="TABLE.csv", local=True
    )
    label_columns: tuple[str, ...] = option(
        (),
        "The label column of the table, or several 0/1 columns (repeat the option).",
        flag="--label-column",
        metavar="NAME",
    )
    patient_column: str | None = option(
        None, "The table's patient column; by default patient_id, subject, ... are looked for.", metavar="NAME"
    )
    queries_from: str | os.PathLike[str] | None = option(
        None,
        "Another gallery, whose records ask this one: the drop across domains.",
        metavar="GALLERY",
        folder="gallery",
    )
    against: str | os.PathLike[str] | None = option(
        None,
        "Another space, or a gallery of the same records by another encoder: the paired difference and its p.",
        metavar="SPACE|GALLERY",
        folder="gallery or space",
    )
    fused: bool = option(False, "The ranking of --against is fused with this one's, by reciprocal rank.")
    by: tuple[str, ...] = option(
        (),
        "Recorded fields whose subgroups are scored apart, such as sex,age,site; age:10 in bands of ten.",
        metavar="FIELDS",
        listed=True,
    )
    levels: tuple[str, ...] = option(
        (),
        "Fields of relevance to score apart, such as modality,BodyPartExamined,label.",
        metavar="FIELDS",
        listed=True,
    )
    sizes: tuple[int, ...] = option((), "Sub-galleries of so many records, such as 50,100,200, drawn by patient.")
    draws: int = option(5, "Sub-galleries drawn for each size.", metavar="N")
    k: tuple[int, ...] = option(DEFAULT_KS, "Depths.")
    seed: int = option(0, SEED_HELP)
    samples: int = option(2000, SAMPLES_HELP)


@dataclass(frozen=True, slots=True)
class PublishedOptions:
    """Queries and gallery: with ``folds`` patient-disjoint folds; else the collection's official split
    (attribute ``split``: test, or val if there is no test, against train); else the protocol's own folds;
    else each record against all but its own patient's.
    """

    space: str = option("base", SPACE_HELP)
    folds: int | None = option(None, FOLDS_HELP, metavar="N")
    k: tuple[int, ...] = option((), "Depths, 1 to 1000; without any the protocol's own.")
    seed: int = option(0, SEED_HELP)
    samples: int = option(2000, SAMPLES_HELP)


@dataclass(frozen=True, slots=True)
class VolumeOptions:
    """Every combination of slice rule, weights, ranking and index is measured, at every level."""

    space: str = option("base", SPACE_HELP)
    levels: tuple[str, ...] = option(
        LEVELS, "Attributes of the label table, or label (repeatable).", flag="--level", metavar="FIELD"
    )
    slices: tuple[str, ...] = option(
        (), "Rules for the stored slices of queries and gallery: all, random:5, ... (repeatable).", metavar="RULE"
    )
    weights: tuple[str, ...] = option(
        (), "Of the slices: uniform, or gaussian:0.2:0.5, its width and centre (repeatable).", metavar="W"
    )
    ranks: tuple[str, ...] = option(
        VOLUME_RANKS, "pool (:median, :max), count, max, sum, maxsim (repeatable).", flag="--rank", metavar="R"
    )
    index: tuple[str, ...] = option(
        ("flat",),
        "What finds the slice hits: flat, hnsw:m=32,ef_construction=200,ef_search=128, lsh:bits=512 (repeatable).",
        metavar="KIND",
    )
    position: float = option(
        0.0,
        "How much the cosine of two slices falls with their distance along the volumes, from end to end.",
        metavar="W",
    )
    split: str = option("official", SPLIT_HELP, choices=VOLUME_SPLITS)
    sweep: str | None = option(None, "Over weights or slice counts, unless these are given.", choices=tuple(SWEEPS))
    where: str | Filter | None = option(None, "Only these volumes.", metavar="FILTER")
    k: tuple[int, ...] = option(DEFAULT_KS, "Depths.")
    seed: int = option(0, SEED_HELP)
    samples: int = option(2000, SAMPLES_HELP)


@dataclass(frozen=True, slots=True)
class FindingOptions:
    """What the answers should share with the query, who asks by what, and how the answers are ranked."""

    space: str = option("base", SPACE_HELP)
    levels: tuple[str, ...] = option(
        ("label",), "What is to be the same: label, or an attribute such as stage (repeatable).", flag="--level"
    )
    ranks: tuple[str, ...] = option(
        ("count", "maxsim"),
        "As of khun-jush; each is compared with the first (repeatable).",
        flag="--rank",
        metavar="R",
    )
    weights: str = option("uniform", WEIGHTS_HELP, metavar="W")
    region: str = option("", "Ask by the slices that show this structure, as the collection's masks tell.")
    text: str = option("", "Ask by the text in this attribute, such as a caption; needs an encoder that takes text.")
    absent: bool = option(False, "A volume without a value is of the class 'absent'.")
    split: str = option("official", SPLIT_HELP, choices=VOLUME_SPLITS)
    where: str | Filter | None = option(None, "Only these volumes.", metavar="FILTER")
    k: tuple[int, ...] = option((3, 5, 10), "Depths.")
    seed: int = option(0, SEED_HELP)
    samples: int = option(2000, SAMPLES_HELP)


@dataclass(frozen=True, slots=True)
class CtClipOptions:
    """Volumes ask by their labels; with texts or reports these ask for their own volume, too."""

    space: str = option("base", SPACE_HELP)
    folds: int | None = option(None, FOLDS_HELP, metavar="N")
    report: str = option("", "The attribute that holds each volume's report; needs an encoder that takes text.")
    texts: str = option(
        "", "Published vectors of the reports, with the volumes' ids: vectors:FILE.", metavar="SOURCE", local=True
    )
    k: tuple[int, ...] = option((), "Depths, 1 to 1000; without any the protocol's own.")
    seed: int = option(0, SEED_HELP)
    samples: int = option(2000, SAMPLES_HELP)


@dataclass(frozen=True, slots=True)
class RadIrOptions:
    """Which anatomies relevance is conditioned on."""

    space: str = option("base", SPACE_HELP)
    anatomies: tuple[str, ...] = option(
        (),
        "Attributes of what was found where, 'opacity|nodule', or label; else all called 'findings of NAME'.",
        flag="--anatomy",
        metavar="FIELD",
    )
    where: str | Filter | None = option(None, "Only these records.", metavar="FILTER")
    k: tuple[int, ...] = option((3, 5, 10), "Depths.")
    seed: int = option(0, SEED_HELP)
    samples: int = option(2000, SAMPLES_HELP)


@dataclass(frozen=True, slots=True)
class RegionOptions:
    """Which structures ask by the slices that show them."""

    space: str = option("base", SPACE_HELP)
    structures: tuple[str, ...] = option(
        (), "Only these; without any all that the masks tell of (repeatable).", flag="--structure", metavar="NAME"
    )
    ranks: tuple[str, ...] = option(("count", "maxsim"), "As of khun-jush (repeatable).", flag="--rank", metavar="R")
    split: str = option("official", SPLIT_HELP, choices=VOLUME_SPLITS)
    where: str | Filter | None = option(None, "Only these volumes.", metavar="FILTER")
    k: tuple[int, ...] = option(DEFAULT_KS, "Depths.")
    seed: int = option(0, SEED_HELP)
    samples: int = option(2000, SAMPLES_HELP)


@dataclass(frozen=True, slots=True)
class LocalisationOptions:
    """How many hits are looked at, and of whom."""

    space: str = option("base", SPACE_HELP)
    k: tuple[int, ...] = option((5,), "Depths; the deepest counts.")
    where: str | Filter | None = option(None, "Only these volumes.", metavar="FILTER")


@dataclass(frozen=True, slots=True)
class ClassifierOptions:
    """The methods of ``classify``, and how they label."""

    methods: tuple[str, ...] | None = option(
        None,
        "knn, centroid, k-means, dbscan, agglomerative, linear, svm, mlp, adapter, zero-shot (repeatable); without any "
        "knn, or in an adapted space adapter.",
        flag="--method",
        metavar="METHOD",
    )
    space: str = option("base", SPACE_HELP)
    folds: int | None = option(None, "Patient-disjoint folds; 5 without.", metavar="N")
    neighbours: int | None = option(None, "That vote (knn).", metavar="K")
    weighting: Literal["distance", "uniform"] = option("distance", "Of the vote.", choices=("distance", "uniform"))
    multi_label: bool | None = option(
        None, "A record may bear several labels; found out if not said, no leaves out those that do."
    )
    templates: tuple[str, ...] | None = option(None, "zero-shot: prompts with {label} (repeatable).", flag="--template")
    modality: str = option("", "zero-shot: of the prompt, e.g. 'x-ray'.")
    body_part: str = option("", "zero-shot: of the prompt, e.g. 'chest'.")
    view: str = option("", "zero-shot: of the prompt, e.g. 'anteroposterior'.")
    abstain: float | None = option(
        None, "Share of the gallery that would be called too far, 0.01 without; 0 never abstains."
    )
    set: float | None = option(
        None, "Coverage of sets of labels, e.g. .9: the share that holds the label, and their size.", metavar="COVERAGE"
    )
    seed: int = option(0, SEED_HELP)
    samples: int = option(2000, SAMPLES_HELP)


@dataclass(frozen=True, slots=True)
class DeclaredProtocol:
    """home: the module and the function that runs it."""

    name: str
    title: str
    source: str
    options: type[Any]
    home: str

    def run(self, gallery: Gallery, options: Any, /) -> EvaluationReport:
        """Score a gallery. Raises what the function raises."""
        report: EvaluationReport = EntryPoint(self.name, self.home, PROTOCOL_GROUP).load()(gallery, options)
        return report


PRECISION_AT_K: Final = DeclaredProtocol(
    PRECISION,
    "Precision at k, per class, micro and macro",
    "the definition, as trec_eval has it",
    PrecisionOptions,
    "lookalike.evaluation.protocols.plain:evaluate_precision",
)
DENNER: Final = DeclaredProtocol(
    "denner",
    "Single-label retrieval by modality/anatomy/pathology, plain and capped P@N",
    "Denner et al., arXiv 2403.06567",
    PublishedOptions,
    "lookalike.evaluation.protocols.published:DENNER_MEASURED.run",
)
MEDIMAGEINSIGHT: Final = DeclaredProtocol(
    "medimageinsight",
    "Precision by class and its macro mean, baseline beside adapter",
    "Santamaria-Pang et al., 2-D image search with MedImageInsight",
    PublishedOptions,
    "lookalike.evaluation.protocols.published:MEDIMAGEINSIGHT_MEASURED.run",
)
MULTILABEL: Final = DeclaredProtocol(
    "multilabel",
    "Any shared label, Jaccard nDCG, exact match and each label alone",
    "Jarvelin and Kekalainen, ACM TOIS 20(4), 2002, for nDCG",
    PublishedOptions,
    "lookalike.evaluation.protocols.published:MULTILABEL_MEASURED.run",
)
MIR_3D: Final = DeclaredProtocol(
    "3d-mir",
    "Volumes with the same finding, by one pooled vector each",
    "Ben Abacha et al., 3D-MIR, arXiv 2311.13752",
    PublishedOptions,
    "lookalike.evaluation.protocols.published:MIR_3D_MEASURED.run",
)
KHUN_JUSH: Final = DeclaredProtocol(
    "khun-jush",
    "Recall of volumes by class, over the ways to rank them",
    "Khun Jush et al., arXiv 2311.13547",
    VolumeOptions,
    "lookalike.evaluation.protocols.khun_jush:evaluate_volumes",
)
C_MIR: Final = DeclaredProtocol(
    "c-mir",
    "Volumes with the same finding or stage, by slice hits and late interaction, by a region or a text",
    "Khun Jush et al., arXiv 2507.17412; Ben Abacha et al., arXiv 2311.13752",
    FindingOptions,
    "lookalike.evaluation.protocols.findings:evaluate_findings",
)
CT_CLIP: Final = DeclaredProtocol(
    "ct-clip",
    "Volumes by the overlap of their labels (MAP@k), and each report's own volume (R@k)",
    "Hamamci et al., CT-CLIP, arXiv 2403.17834",
    CtClipOptions,
    "lookalike.evaluation.protocols.ct_clip:evaluate_ct_clip",
)
RADIR: Final = DeclaredProtocol(
    "radir",
    "Graded relevance, one anatomy at a time: nDCG of the overlap of what was found there",
    "Zhang et al., RadIR, arXiv 2503.04653",
    RadIrOptions,
    "lookalike.evaluation.protocols.radir:evaluate_radir",
)
REGIONS: Final = DeclaredProtocol(
    "regions",
    "Recall of structures by the slices that show them, and whether the matching slices show them too",
    "Khun Jush et al., arXiv 2405.09334",
    RegionOptions,
    "lookalike.evaluation.protocols.regions:evaluate_regions",
)
LOCALISATION: Final = DeclaredProtocol(
    "localisation",
    "Whether the slices and places that match hold what a mask marks",
    "Localisation ratio: Khun Jush et al., arXiv 2405.09334",
    LocalisationOptions,
    "lookalike.evaluation.protocols.localisation:evaluate_localisation",
)
CLASSIFIERS: Final = DeclaredProtocol(
    "classifiers",
    "Accuracy, calibration and confusion of the ways to label",
    "the methods of classify, docs/classify.md",
    ClassifierOptions,
    "lookalike.evaluation.protocols.classifiers:evaluate_classifiers",
)
