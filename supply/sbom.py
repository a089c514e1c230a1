"""Software bills of materials as CycloneDX 1.6 JSON, without a network: of the Python environment and of the page.

``python -m supply.sbom FOLDER`` writes sbom-python.json and sbom-page.json. Versions are those that constraints.txt and
web/package-lock.json pin; licences of Python packages are told where they are installed. ``npm sbom`` cannot do the
second: a package of the page's own, which has no version, ends it. ``python -m supply.sbom FOLDER ROOT`` writes
sbom-image.json too: what is installed in a container image, by its root in a folder (``podman export``).
"""

from __future__ import annotations

import base64
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distributions, metadata
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

ROOT: Final = Path(__file__).parents[1]
_NAME: Final = re.compile(r"([\w.-]+)(?:\[[^]]*\])?(.*)")
_FIELD: Final = re.compile(r"^(Package|Status|Version|Architecture): (.*)$", re.MULTILINE)
_LONGEST_LICENCE: Final = 100  # characters; some packages give the whole text


def python_bill() -> dict[str, Any]:
    """Every package that constraints.txt pins, and every further one that pyproject.toml names in some extra."""
    project = _project()
    pinned = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text("utf-8").split() if "==" in line)
    ranges = dict(declared(project))
    versions = {normal(name): version for name, version in pinned.items()}
    for name, wanted in ranges.items():
        versions.setdefault(name, wanted[2:] if wanted.startswith("==") else "")
    core = {name for name, _ in _requirements(project["dependencies"])}
    parts = [_python_part(name, version, core, ranges) for name, version in sorted(versions.items())]
    return _bill(project["name"], project["version"], parts)


def page_bill() -> dict[str, Any]:
    """Every package that the page is built with; excluded is what is not in the built page."""
    locked = json.loads((ROOT / "web" / "package-lock.json").read_text("utf-8"))
    own, *parts = locked["packages"].items()
    return _bill(own[1]["name"], own[1]["version"], [_page_part(*part) for part in parts if "version" in part[1]])


def image_bill(root: Path) -> dict[str, Any]:
    """Every Python package and every Debian package in the root of an image."""
    places = [str(place) for place in root.glob("opt/lookalike/lib/python3*/site-packages")]
    found = sorted(distributions(path=places), key=lambda each: normal(each.metadata["Name"]))
    status = (root / "var" / "lib" / "dpkg" / "status").read_text("utf-8")
    project = _project()
    return _bill(project["name"], project["version"], [*map(_installed_part, found), *_debian_parts(status)])


def declared(project: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(name, range) of every requirement of a project, of all extras."""
    for texts in (project["dependencies"], *project["optional-dependencies"].values()):
        yield from ((name, wanted) for name, wanted in _requirements(texts) if name != project["name"])


def normal(name: str) -> str:
    """A package's name as PyPI compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _project() -> dict[str, Any]:
    return dict(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"])


def _requirements(texts: list[str]) -> Iterator[tuple[str, str]]:
    for text in texts:
        if found := _NAME.match(text):
            yield normal(found[1]), found[2].strip()


def _python_part(name: str, version: str, core: set[str], ranges: dict[str, str]) -> dict[str, Any]:
    part: dict[str, Any] = {"type": "library", "name": name, "purl": f"pkg:pypi/{name}" + f"@{version}" * bool(version)}
    part["scope"] = "required" if name in core else "optional"
    part |= {"version": version} if version else {}
    if wanted := ranges.get(name):
        part["properties"] = [{"name": "pyproject.toml", "value": wanted}]
    if licence := _licence(name):
        part["licenses"] = [{"license": {"name": licence}}]
    return part


def _licence(name: str) -> str:
    try:
        about = metadata(name).json
    except PackageNotFoundError:
        return ""
    stated = str(about.get("license_expression") or about.get("license") or "")
    return stated if len(stated) <= _LONGEST_LICENCE else ""


def _installed_part(found: Distribution) -> dict[str, Any]:
    name = normal(found.metadata["Name"])
    purl = f"pkg:pypi/{name}@{found.version}"
    return {"type": "library", "name": name, "version": found.version, "purl": purl, "scope": "required"}


def _debian_parts(status: str) -> Iterator[dict[str, Any]]:
    """The packages of dpkg's own list that are installed."""
    for paragraph in status.split("\n\n"):
        told = dict(_FIELD.findall(paragraph))
        if told.get("Status") == "install ok installed":
            name, version = told["Package"], told["Version"]
            purl = f"pkg:deb/debian/{quote(name)}@{quote(version)}?arch={told['Architecture']}"
            yield {"type": "library", "name": name, "version": version, "purl": purl, "scope": "required"}


def _page_part(place: str, locked: dict[str, Any]) -> dict[str, Any]:
    name = place.rpartition("node_modules/")[2]
    part: dict[str, Any] = {"type": "library", "name": name, "version": locked["version"]}
    part["purl"] = f"pkg:npm/{quote(name, safe='/')}@{locked['version']}"
    part["scope"] = "excluded" if locked.get("dev") else "required"
    kind, _, digest = locked.get("integrity", "").partition("-")
    if kind == "sha512":
        part["hashes"] = [{"alg": "SHA-512", "content": base64.b64decode(digest).hex()}]
    if licence := locked.get("license"):
        part["licenses"] = [{"license": {"name": licence}}]
    return part


def _bill(name: str, version: str, parts: list[dict[str, Any]]) -> dict[str, Any]:
    whole = {"type": "application", "name": name, "version": version}
    head = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1}
    return {**head, "metadata": {"component": whole}, "components": parts}


def main() -> None:
    """Write them."""
    folder, *roots = map(Path, sys.argv[1:])
    folder.mkdir(parents=True, exist_ok=True)
    bills = [("python", python_bill()), ("page", page_bill()), *(("image", image_bill(root)) for root in roots)]
    for name, bill in bills:
        (folder / f"sbom-{name}.json").write_text(json.dumps(bill, indent=1) + "\n", "utf-8")
        print(f"{folder / f'sbom-{name}.json'}: {len(bill['components'])} components")


if __name__ == "__main__":
    main()
