"""Options of commands that audit."""

from __future__ import annotations

from typing import Final

from options.row import DECIDED, GALLERY, JSON, LISTED, SEED, SPACE, Command, Shown, Told

AUDITING: Final[dict[str, Command]] = {
    "audit confounds": Command(
        {"": "--gallery {g}"},
        {
            "--gallery": GALLERY,
            "--label": Told("--label site", "label_field", "site"),
            "--against": Told("--against site", "other_field", "site"),
            "--space": SPACE,
            "--seed": SEED,
            "--json": JSON,
        },
    ),
    "audit duplicates": Command(
        {"": "--gallery {g}"}, {"--gallery": GALLERY, "--decided": DECIDED, "--json": JSON, "--output": LISTED}
    ),
    "audit outliers": Command(
        {"": "--gallery {g} --reference label=even"},
        {
            "--gallery": GALLERY,
            "--reference": Told("--reference label=odd", "reference", "label=odd"),
            "--reference-cohort": Told("--reference-cohort c", "reference_cohort", "c"),
            "--reference-gallery": Told("--reference-gallery {other}", "reference_gallery", "{other}"),
            "--where": Told("--where site=north", "where", "site=north"),
            "--space": SPACE,
            "--neighbours": Told("--neighbours 3", "neighbours", 3),
            "--limit": Told("--limit 4", "limit", 4),
            "--outlier": Told("--outlier site=north", "outlier", "site=north"),
            "--per": Told("--per study", "per", "study"),
            "--seed": SEED,
            "--decided": DECIDED,
            "--json": JSON,
            "--output": LISTED,
        },
    ),
    "audit metadata": Command(
        {"": "--gallery {g} --field site"},
        {
            "--gallery": GALLERY,
            "--field": Told("--field label_even", "fields", "label_even"),
            "--where": Told("--where site=north", "where", "site=north"),
            "--space": SPACE,
            "--neighbours": Told("--neighbours 3", "neighbours", 3),
            "--seed": SEED,
            "--table": Shown("--table {out}.csv", "text", "record,source,field,recorded,suggested"),
            "--decided": DECIDED,
            "--json": JSON,
            "--output": LISTED,
        },
    ),
    "audit drift": Command(
        {"": "--gallery {g} --before site=north --after site=south"},
        {
            "--gallery": GALLERY,
            "--before": Told("--before label=odd", "before", "label=odd"),
            "--after": Told("--after label=even", "after", "label=even"),
            "--seed": SEED,
            "--json": JSON,
            "--output": LISTED,
        },
    ),
    "audit quality": Command(
        {"": "--gallery {g} --fault blank"},
        {
            "--gallery": GALLERY,
            "--fault": Told("--fault clipped", "faults", "clipped"),
            "--where": Told("--where site=north", "where", "site=north"),
            "--part": Told("--part site", "part", "site"),
            "--seed": SEED,
            "--decided": DECIDED,
            "--json": JSON,
            "--output": LISTED,
        },
    ),
}
