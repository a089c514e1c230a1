"""Can the tests fail? Small faults as data, each with the tests that must notice it.

    python -m tests.planted_faults            every fault, one after the other
    python -m tests.planted_faults M28 W1     these

The tree is copied to a temporary folder; there the tests must pass, then each fault is planted alone and its tests
are run again: "caught" if one fails, "survived" if none does. A fault is found by its text, wherever that lies now;
where its text is no more, or stands in several places, it is "not applicable": write it anew.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

ROOT: Final = Path(__file__).parents[1]
SOURCES: Final = (("src/lookalike", (".py", ".js", ".html")), ("web/src", (".ts", ".tsx")))
LEFT_OUT: Final = shutil.ignore_patterns("node_modules", "__pycache__", "static", ".git", ".venv", "dist", "build")

Outcome: TypeAlias = Literal["caught", "survived", "not applicable"]


@dataclass(frozen=True)
class Fault:
    """old -> new, which stands once in all sources. tests: files, or tests of one; a page's test is a .ts file."""

    id: str
    what: str
    old: str
    new: str
    tests: tuple[str, ...]


FAULTS: Final = (
    Fault(
        "M71",
        "padding answers a region",
        "similar *= np.stack([seen[grid] for grid in grids])",
        "np.stack([seen[grid] for grid in grids])",
        ("tests/integration/test_regions_padding.py",),
    ),
    Fault(
        "M43",
        "the folder is not synced to the disk after the rename",
        "def sync_folder(folder: Path) -> None:\n",
        "def sync_folder(folder: Path) -> None:\n    return\n",
        ("tests/unit/test_plain_parts.py::test_the_folder_is_synced_after_the_rename",),
    ),
    Fault(
        "M64",
        "a job that was interrupted goes to the end of the queue",
        '.values(state="queued"))',
        '.values(state="queued", created=time.time()))',
        ("tests/server/test_jobs.py::test_a_job_that_was_interrupted_keeps_its_place",),
    ),
    Fault(
        "M04",
        "protocols rank equal scores in reverse",
        'order = np.argsort(-values, axis=1, kind="stable")[:, :k]',
        'order = values.shape[1] - 1 - np.argsort(-values[:, ::-1], axis=1, kind="stable")[:, :k]',
        ("tests/unit/test_protocols.py::test_plain_and_capped_equal_brute_force",),
    ),
    Fault(
        "M16",
        "the confound audit's interval resamples records, not patients",
        "        right[0].astype(float), patients,",
        "        right[0].astype(float), np.arange(len(patients)),",
        ("tests/unit/test_confounds.py::test_the_interval_is_resampled_by_patient",),
    ),
    Fault(
        "M38",
        "with `among`, rows that were struck off are found again",
        "alive = self._alive & self._among(among)",
        "alive = self._among(among)",
        ("tests/contracts/test_index_contract.py::test_changes_are_found_at_once[False-hnsw]",),
    ),
    Fault(
        "M51",
        "specificity at 90 % is that of the Youden threshold",
        "specificity_at_90=_share(1 - suspected[~member])",
        "specificity_at_90=_share(1 - positive[~member])",
        ("tests/unit/test_classifier_thresholds.py",),
    ),
    Fault(
        "M56",
        "records of the same patient count as comparable",
        "other = opened([asking[row] for row in rows])[:, rows]",
        "other = rows[:, None] != rows[None, :]",
        ("tests/unit/test_recorded_fields.py::test_only_other_patients_can_be_compared_with",),
    ),
    Fault(
        "M48",
        "removed rows stay readable in the write-ahead log",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "PRAGMA wal_checkpoint(PASSIVE)",
        ("tests/server/test_erasure.py",),
    ),
    Fault(
        "M48b",
        "removed words that SQLite left between the cells of a page are not looked for",
        "return said.stdout.decode().strip() == gaps.FOUND",
        "return False",
        ("tests/unit/test_gaps.py",),
    ),
    Fault(
        "M58",
        "a request without a Host passes",
        "if _name(host) not in allowed:",
        "if host and _name(host) not in allowed:",
        ("tests/server/test_access.py::test_a_request_that_names_no_host_is_refused",),
    ),
    Fault(
        "M61",
        "keys are compared whatever their case",
        "hashlib.sha256(key.encode()).hexdigest()",
        "hashlib.sha256(key.lower().encode()).hexdigest()",
        ("tests/server/test_access.py::test_a_key_is_right_to_the_letter",),
    ),
    Fault(
        "M66",
        "`<` is not escaped in the map's page",
        '.replace("<", "\\\\u003c")',
        "",
        ("tests/server/test_hostile.py::test_a_label_ends_no_script_of_the_map",),
    ),
    Fault(
        "M68",
        "labels are markup in the HTML report",
        "<pre>{html.escape(text)}</pre>",
        "<pre>{text}</pre>",
        ("tests/server/test_hostile.py::test_a_label_is_no_markup_in_a_report",),
    ),
    Fault(
        "M69",
        "problems tell the server's paths",
        "Problem(status, one_line(without_paths(str(error)))",
        "Problem(status, one_line(str(error))",
        ("tests/server/test_hostile.py::test_no_error_tells_where_files_lie",),
    ),
    Fault(
        "W1",
        "page: a search that was overtaken clears the busy sign and shows its error",
        "    if (mine.signal.aborted) return;\n"
        "    if (error instanceof Problem && error.reason === NO_UPLOAD && (await sentAgain(mine.signal))) return;\n"
        "    if (mine.signal.aborted) return;\n",
        "",
        ("web/test/search.test.ts",),
    ),
    Fault(
        "W2",
        "page: a late answer overwrites a newer one",
        "running?.abort();",
        "void running;",
        ("web/test/search.test.ts",),
    ),
    Fault(
        "W3",
        "page: `less like this` is never sent",
        "negative: unmoved ? [] : asking.negative,",
        "negative: [],",
        ("web/test/body.test.ts",),
    ),
    Fault(
        "W4",
        "page: a filter typed by hand is not sent",
        "where: whereOf(asking.filters, asking.own),",
        'where: whereOf(asking.filters, ""),',
        ("web/test/body.test.ts",),
    ),
    Fault("W5", "page: k has no upper bound", "k > 0 && k <= 1000", "k > 0", ("web/test/route.test.ts",)),
    Fault(
        "M28",
        "a series' affine stays in LPS",
        "    affine[:3, 3] = position\n    affine[:2] *= -1",
        "    affine[:3, 3] = position",
        ("tests/integration/test_series_beside_nifti.py",),
    ),
    Fault(
        "M31",
        "slice positions are relative to the last slice that was kept",
        "stored.views[views] / last)",
        "stored.views[views] / max(float(stored.views[views].max()), 1.0))",
        ("tests/unit/test_volumes_ranked.py",),
    ),
    Fault(
        "M35",
        "no deeper look where one volume takes all hits",
        "if all_of_them or len(named) >= k or not len(named):",
        "if True:",
        ("tests/unit/test_volumes_ranked.py",),
    ),
    Fault(
        "M53",
        "the background holds pairs of one patient",
        "alike[may_answer([(patients[i],) for i in owner.tolist()], patients)]",
        "alike[owner[:, None] != np.arange(len(patients))[None, :]]",
        ("tests/unit/test_background.py",),
    ),
    Fault(
        "M54",
        "a search abstains only below the very lowest",
        "self.nearest[int(share * (len(self.nearest) - 1))]",
        "self.nearest[0]",
        ("tests/unit/test_background.py",),
    ),
    Fault(
        "M06",
        "the patient that the table gave is not excluded if the header names another",
        "frozenset(groups if known is None else {*groups, known.patient})",
        "frozenset(groups or ({known.patient} if known else ()))",
        ("tests/unit/test_own_patient.py",),
    ),
    Fault(
        "M72",
        "search --box ignores --where",
        '        "where": where,\n        "space": space,\n        "same_patient"',
        '        "where": None if region else where,\n        "space": space,\n        "same_patient"',
        ("tests/unit/test_every_option.py::test_the_function_is_told[search region --where]",),
    ),
    Fault(
        "M73",
        "classify ignores -k",
        '{"space": space, "k": k, "seed": seed, "set": set_',
        '{"space": space, "seed": seed, "set": set_',
        ("tests/unit/test_every_option.py::test_the_function_is_told[classify query --k]",),
    ),
    Fault(
        "M74",
        "search ignores --weights",
        '        "rank": rank,\n        "weights": weights,',
        '        "rank": rank,',
        ("tests/unit/test_every_option.py::test_the_function_is_told[search picture --weights]",),
    ),
    Fault(
        "M75",
        "evaluate --protocol ignores --seed",
        "evaluate(opened, protocol=protocol, progress=progress, **options)",
        "evaluate(opened, protocol=protocol, progress=progress, **{**options, 'seed': 0})",
        ("tests/unit/test_every_option.py::test_the_function_is_told[evaluate denner --seed]",),
    ),
    Fault(
        "M76",
        "map ignores --space",
        "method=method, space=space, seed=seed, where=where, progress=told)",
        "method=method, seed=seed, where=where, progress=told)",
        ("tests/unit/test_every_option.py::test_the_function_is_told[map --space]",),
    ),
    Fault(
        "M77",
        "map ignores --where",
        "method=method, space=space, seed=seed, where=where, progress=told)",
        "method=method, space=space, seed=seed, progress=told)",
        ("tests/unit/test_every_option.py::test_the_function_is_told[map --where]",),
    ),
)


def main(wanted: Sequence[str] = ()) -> int:
    """Plant the faults of these ids, or all of them; how many survived."""
    if unknown := set(wanted) - {fault.id for fault in FAULTS}:
        raise SystemExit(f"no fault has the id {', '.join(sorted(unknown))}")
    faults = [fault for fault in FAULTS if fault.id in wanted or not wanted]
    with tempfile.TemporaryDirectory() as folder:
        tree = copied(Path(folder))
        tests = list(dict.fromkeys(test for fault in faults for test in fault.tests if place_of(fault, tree)))
        if tests and not passes(tests, tree):
            raise SystemExit("tests fail without any fault: run them first: " + " ".join(tests))
        outcomes: list[Outcome] = []
        for fault in faults:
            outcomes.append(planted(fault, tree))
            print(f"{fault.id:4} {outcomes[-1]:14} {fault.what}", flush=True)
    print(", ".join(f"{outcomes.count(each)} {each}" for each in dict.fromkeys(outcomes)))
    return outcomes.count("survived")


def copied(folder: Path) -> Path:
    """The tree, with what the tests need of the ignored files."""
    tree = folder / "tree"
    shutil.copytree(ROOT, tree, ignore=LEFT_OUT, symlinks=True)
    for ignored in ("web/node_modules", "src/lookalike/server/static"):
        if (ROOT / ignored).is_dir():
            (tree / ignored).symlink_to((ROOT / ignored).resolve())
    return tree


def place_of(fault: Fault, tree: Path) -> Path | None:
    """The one file that holds the fault's text, once."""
    places = []
    for folder, suffixes in SOURCES:
        for path in sorted((tree / folder).rglob("*")):
            if path.suffix in suffixes and "static" not in path.parts and path.is_file():
                places += [path] * path.read_text(encoding="utf-8").count(fault.old)
    return places[0] if len(places) == 1 else None


def planted(fault: Fault, tree: Path) -> Outcome:
    """What becomes of one fault."""
    place = place_of(fault, tree)
    if place is None:
        return "not applicable"
    sound = place.read_text(encoding="utf-8")
    place.write_text(sound.replace(fault.old, fault.new), encoding="utf-8")
    try:
        return "survived" if passes(fault.tests, tree) else "caught"
    finally:
        place.write_text(sound, encoding="utf-8")


def passes(tests: Sequence[str], tree: Path) -> bool:
    """Whether these tests pass in the tree."""
    page = [test.removeprefix("web/") for test in tests if test.endswith(".ts")]
    others = [test for test in tests if not test.endswith(".ts")]
    data = os.environ.get("LOOKALIKE_TEST_DATA", str(ROOT.parent / "shared" / "data"))
    set_ = {"PYTHONPATH": f"{tree / 'src'}{os.pathsep}{tree}", "LOOKALIKE_TEST_DATA": data, "CI": "1"}
    runs = [(["npx", "vitest", "run", *page], tree / "web")] if page else []
    if others:
        runs.append(([sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *others], tree))
    for command, where in runs:
        done = subprocess.run(
            command, cwd=where, env={**os.environ, **set_}, capture_output=True, text=True, check=False
        )
        if done.returncode not in (0, 1):
            raise SystemExit(done.stdout[-2000:] + done.stderr[-2000:])
        if done.returncode:
            return False
    return True


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
