"""Make the kept gallery, which every later version must open and answer from as the one that made it:

    python tests/answers/make_kept.py [SOURCES]
    python tests/answers/record.py ../shared/data kept

SOURCES: of another version that is to make it (its ``src``). Everything in it is drawn: schematic radiographs of
eight patients, balls on noise as volumes. It has a table with patients, labels that were changed by hand, patches of
some records only, a refused file, a linear adapter, a map, two jobs and a key. ``known.json`` beside it names what its
questions need. The files that it was made from are left out, but for two to ask with.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any, Final

import nibabel
import numpy as np
import PIL.Image
from questions import HERE
from served import COMMAND, Server, serving

from lookalike.sources.collections.synthetic import FINDINGS, draw

ARCHIVE: Final = HERE / "kept" / "gallery.tar.gz"
PLACE: Final = Path("/tmp/lookalike-kept")  # stands in the records' sources, so it is the same wherever it is made
SIDE: Final = 96
PATIENTS: Final = 8


def main(sources: str = "") -> None:
    """Draw, index, adapt, serve, pack."""
    if sources:
        os.environ["PYTHONPATH"] = sources
    shutil.rmtree(PLACE, ignore_errors=True)
    for folder in ("first", "second"):
        (PLACE / "files" / folder).mkdir(parents=True)
    _draw_pictures(PLACE / "files")
    for seed in range(2):
        _draw_volume(PLACE / "files" / ("first", "second")[seed] / f"ball{seed}.nii.gz", seed)
    PIL.Image.fromarray(_radiograph("effusion", 99)).save(PLACE / "query.png")
    _draw_volume(PLACE / "query.nii.gz", 7)
    known = _made(PLACE / "kept", PLACE / "files")
    (PLACE / "known.json").write_text(json.dumps(known, indent=1), encoding="utf-8")
    _pack(("kept", "query.png", "query.nii.gz", "known.json"))
    shutil.rmtree(PLACE)  # whoever asks the gallery must do without its files


def _radiograph(finding: str, patient: int) -> np.ndarray[Any, Any]:
    film = np.asarray(draw(finding, patient, SIDE), np.float64)
    return np.asarray(np.interp(film, (film.min(), film.max()), (0, 255)), np.uint8)


def _draw_pictures(folder: Path) -> None:
    """Two findings of each patient; the last patient's pictures get patches."""
    rows = ["file,finding,patient_id,site,age"]
    for patient in range(PATIENTS):
        for finding in (FINDINGS[patient % 5], FINDINGS[(patient + 2) % 5]):
            where = "second" if patient == PATIENTS - 1 else "first"
            name = f"{where}/p{patient}-{finding}.png"
            PIL.Image.fromarray(_radiograph(finding, patient)).save(folder / name)
            rows.append(f"{name},{finding},patient-{patient},{('north', 'south')[patient % 2]},{40 + patient}")
    rows += [f"{('first', 'second')[seed]}/ball{seed}.nii.gz,ball,patient-{seed},north,50" for seed in range(2)]
    (folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "first" / "empty.png").write_bytes(b"")


def _draw_volume(path: Path, seed: int) -> None:
    z, y, x = np.mgrid[:6, :40, :40]
    ball = np.hypot(np.hypot(x - 12 - 2 * seed, y - 20), 3 * (z - 3)) < 9
    values = (np.random.default_rng(seed).integers(0, 60, z.shape) + 700 * ball + 9 * z).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(values.transpose(2, 1, 0), np.diag([-1.0, -1, 1, 1])), path)


def _made(gallery: Path, files: Path) -> dict[str, str]:
    table = ("--labels", f"{files}/labels.csv", "--label-column", "finding")
    _command("index", f"{files}/first", *table, "--slices", "middle:2", gallery=gallery)
    _command("index", f"{files}/second", *table, "--patches", gallery=gallery)
    _command("adapt", "--name", "findings", "--kind", "linear", gallery=gallery)
    _command("map", "--method", "tsne", gallery=gallery)
    key = json.loads(_command("keys", "add", "desk", "--role", "contributor", "--json", gallery=gallery))["key"]
    with serving(gallery, key=key) as server:
        return {"secret": key, **_changed(server)}


def _changed(server: Server) -> dict[str, str]:
    """What was done over HTTP; the ids of the records and of the job that are asked for."""
    items = server.get("/records", params={"limit": 100}).json()["items"]
    ids = {Path(one["source"]).name.split(".")[0].replace("-", "_"): one["id"] for one in items}
    first, second = ids["p0_no_finding"], ids["p1_cardiomegaly"]
    server.http.patch(f"/api/v1/records/{first}", json={"labels": ["no_finding", "checked"]})
    server.post("/labels", {"ids": [first, second], "add": ["seen"]})
    job = server.job(server.post("/evaluate", {"k": [1, 3]}))
    server.job(server.post("/evaluate", {"protocol": "nothing"}))
    return {**ids, "job": str(job["id"])}


def _command(*words: str, gallery: Path) -> str:
    call = [str(COMMAND), *words, "--gallery", str(gallery)]
    return subprocess.run(call, capture_output=True, text=True, check=True).stdout


def _pack(names: tuple[str, ...]) -> None:
    """The same bytes for the same files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in names:
            archive.add(PLACE / name, name, filter=_anonymous)
    ARCHIVE.parent.mkdir(exist_ok=True)
    ARCHIVE.write_bytes(gzip.compress(packed.getvalue(), mtime=0))


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    return member


if __name__ == "__main__":
    main(*sys.argv[1:])
