"""Lookalike finds similar medical images by their pixels.

    import lookalike

    gallery = lookalike.open("chest", create=True)
    lookalike.index(gallery, ["scans/"], labels="scans/labels.csv")
    lookalike.search(gallery, "query.dcm", k=5)

Every verb takes an open gallery and plain arguments and returns a frozen dataclass. Research software,
not a medical device.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from lookalike.gallery import Gallery
    from lookalike.gallery import open_gallery as open
    from lookalike.plots.notebook import chart
    from lookalike.progress import bar
    from lookalike.verbs.adapt import adapt
    from lookalike.verbs.audit import (
        audit,
        audit_drift,
        audit_duplicates,
        audit_metadata,
        audit_outliers,
        audit_quality,
    )
    from lookalike.verbs.backup import backup_gallery as backup
    from lookalike.verbs.backup import restore_gallery as restore
    from lookalike.verbs.backup import verify_gallery as verify
    from lookalike.verbs.classify import classify, classify_each
    from lookalike.verbs.cohorts.cohorts import combine_cohorts, list_cohorts, remove_cohort, save_cohort, show_cohort
    from lookalike.verbs.cohorts.export import export_cohort
    from lookalike.verbs.cohorts.split import split_cohort
    from lookalike.verbs.curation.label_next import label_next
    from lookalike.verbs.demo import demo
    from lookalike.verbs.doctor import doctor
    from lookalike.verbs.draft import draft
    from lookalike.verbs.evaluate import evaluate
    from lookalike.verbs.explain import explain
    from lookalike.verbs.export import export_records
    from lookalike.verbs.export_vectors import export_vectors
    from lookalike.verbs.galleries.merge import merge_galleries as merge
    from lookalike.verbs.index import index
    from lookalike.verbs.map import map_gallery as map
    from lookalike.verbs.map.fields import map_groups
    from lookalike.verbs.migrate import migrate
    from lookalike.verbs.pull import follow, pull
    from lookalike.verbs.receive import receive
    from lookalike.verbs.search import search
    from lookalike.verbs.send import send
    from lookalike.verbs.tune import tune

__version__: Final = "0.1.0"
__all__ = [
    "Gallery",
    "__version__",
    "adapt",
    "audit",
    "audit_drift",
    "audit_duplicates",
    "audit_metadata",
    "audit_outliers",
    "audit_quality",
    "backup",
    "bar",
    "chart",
    "classify",
    "classify_each",
    "combine_cohorts",
    "demo",
    "doctor",
    "draft",
    "evaluate",
    "explain",
    "export_cohort",
    "export_records",
    "export_vectors",
    "follow",
    "index",
    "label_next",
    "list_cohorts",
    "map",
    "map_groups",
    "merge",
    "migrate",
    "open",
    "pull",
    "receive",
    "remove_cohort",
    "restore",
    "save_cohort",
    "search",
    "send",
    "show_cohort",
    "split_cohort",
    "tune",
    "verify",
]

# Imported on first use, so that `import lookalike` is quick and light.
_HOME: Final = {
    "open": ("lookalike.gallery", "open_gallery"),
    "Gallery": ("lookalike.gallery", "Gallery"),
    "chart": ("lookalike.plots.notebook", "chart"),
    "bar": ("lookalike.progress", "bar"),
    "index": ("lookalike.verbs.index", "index"),
    "label_next": ("lookalike.verbs.curation.label_next", "label_next"),
    "map": ("lookalike.verbs.map", "map_gallery"),
    "map_groups": ("lookalike.verbs.map.fields", "map_groups"),
    "merge": ("lookalike.verbs.galleries.merge", "merge_galleries"),
    "migrate": ("lookalike.verbs.migrate", "migrate"),
    "receive": ("lookalike.verbs.receive", "receive"),
    "pull": ("lookalike.verbs.pull", "pull"),
    "follow": ("lookalike.verbs.pull", "follow"),
    "search": ("lookalike.verbs.search", "search"),
    "send": ("lookalike.verbs.send", "send"),
    "explain": ("lookalike.verbs.explain", "explain"),
    "export_records": ("lookalike.verbs.export", "export_records"),
    "export_vectors": ("lookalike.verbs.export_vectors", "export_vectors"),
    "adapt": ("lookalike.verbs.adapt", "adapt"),
    "backup": ("lookalike.verbs.backup", "backup_gallery"),
    "restore": ("lookalike.verbs.backup", "restore_gallery"),
    "verify": ("lookalike.verbs.backup", "verify_gallery"),
    "classify": ("lookalike.verbs.classify", "classify"),
    "classify_each": ("lookalike.verbs.classify", "classify_each"),
    "audit": ("lookalike.verbs.audit", "audit"),
    "audit_drift": ("lookalike.verbs.audit", "audit_drift"),
    "audit_duplicates": ("lookalike.verbs.audit", "audit_duplicates"),
    "audit_metadata": ("lookalike.verbs.audit", "audit_metadata"),
    "audit_outliers": ("lookalike.verbs.audit", "audit_outliers"),
    **{
        name: ("lookalike.verbs.cohorts.cohorts", name)
        for name in ("save_cohort", "combine_cohorts", "list_cohorts", "show_cohort", "remove_cohort")
    },
    "export_cohort": ("lookalike.verbs.cohorts.export", "export_cohort"),
    "split_cohort": ("lookalike.verbs.cohorts.split", "split_cohort"),
    "audit_quality": ("lookalike.verbs.audit", "audit_quality"),
    "evaluate": ("lookalike.verbs.evaluate", "evaluate"),
    "tune": ("lookalike.verbs.tune", "tune"),
    "demo": ("lookalike.verbs.demo", "demo"),
    "draft": ("lookalike.verbs.draft", "draft"),
    "doctor": ("lookalike.verbs.doctor", "doctor"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'lookalike' has no attribute {name!r}")
    module, attribute = _HOME[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
