"""Run the FiftyOne plug-in by FiftyOne itself, and print what came: python run_fiftyone.py URL SAMPLES PLUGINS."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

URL, SAMPLES, PLUGINS = sys.argv[1:]
os.environ |= {"FIFTYONE_PLUGINS_DIR": PLUGINS, "FIFTYONE_DO_NOT_TRACK": "true", "FIFTYONE_LOOKALIKE_URL": URL}

import fiftyone as fo  # noqa: E402
import fiftyone.operators as foo  # noqa: E402

dataset = fo.Dataset()
dataset.add_samples([fo.Sample(filepath=str(file)) for file in sorted(Path(SAMPLES).glob("*.png"))])
query = next(sample for sample in dataset if sample.filepath.endswith("p03.png"))
found = foo.execute_operator(
    "@lookalike/lookalike/find_lookalikes", dataset=dataset, selected=[query.id], params={"k": 6, "url": URL}
)
assert found.error is None, found.error
brought = foo.execute_operator("@lookalike/lookalike/bring_labels", dataset=dataset, params={"url": URL})
assert brought.error is None, brought.error
dataset.reload()
scored = dataset.exists("lookalike_score").sort_by("lookalike_score", reverse=True)
query.reload()
print(
    json.dumps(
        {
            "result": found.result,
            "brought": brought.result,
            "shown": [Path(sample.filepath).name for sample in scored],
            "votes": {each.label: each.confidence for each in query.lookalike_votes.classifications},
            "labels": {
                Path(sample.filepath).name: [each.label for each in sample.lookalike_labels.classifications]
                for sample in dataset
            },
        }
    )
)
dataset.delete()
