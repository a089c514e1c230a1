"""The bills of materials are whole, and a look-up that did not happen is not called clean."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
from supply.advisories import of_pip_audit, told  # noqa: E402
from supply.sbom import declared, image_bill, normal, page_bill, python_bill  # noqa: E402


def test_the_bill_lists_every_dependency_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {re.split(r"[\[<>=]", text)[0] for part in project["optional-dependencies"].values() for text in part}
    wanted |= {re.split(r"[\[<>=]", text)[0] for text in project["dependencies"]}
    bill = python_bill()
    assert {normal(name) for name in wanted} - {"lookalike"} <= {part["name"] for part in bill["components"]}
    assert {name for name, _ in declared(project)} == {normal(name) for name in wanted} - {"lookalike"}
    required = {part["name"] for part in bill["components"] if part["scope"] == "required"}
    assert {"numpy", "pydicom", "faiss-cpu"} <= required
    assert not {"fastapi", "pytest"} & required
    assert all(part.get("version") or part.get("properties") for part in bill["components"])


def test_the_bill_lists_every_package_of_the_page() -> None:
    own = json.loads((ROOT / "web" / "package.json").read_text(encoding="utf-8"))
    parts = {(part["name"], part["version"]): part for part in page_bill()["components"]}
    for name, version in own["dependencies"].items():
        assert parts[name, version]["scope"] == "required"
        assert len(parts[name, version]["hashes"][0]["content"]) == 128
    assert all(parts[item]["scope"] == "excluded" for item in own["devDependencies"].items())


@pytest.mark.parametrize("bill", [python_bill, page_bill])
def test_a_bill_has_the_form_of_cyclonedx(bill: type) -> None:
    whole = bill()
    assert (whole["bomFormat"], whole["specVersion"]) == ("CycloneDX", "1.6")
    purls = [part["purl"] for part in whole["components"]]
    assert all(re.fullmatch(r"pkg:(pypi|npm)/[\w%./-]+(@[\w.+-]+)?", purl) for purl in purls)


def test_the_bill_of_an_image_lists_what_is_installed_in_it(tmp_path: Path) -> None:
    about = tmp_path / "opt/lookalike/lib/python3.11/site-packages/Two_Words-1.5.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: Two_Words\nVersion: 1.5\n")
    status = tmp_path / "var/lib/dpkg/status"
    status.parent.mkdir(parents=True)
    status.write_text(
        "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.36-9+deb12u1\nDepends: x\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n"
    )
    assert [part["purl"] for part in image_bill(tmp_path)["components"]] == [
        "pkg:pypi/two-words@1.5",
        "pkg:deb/debian/libc6@2.36-9%2Bdeb12u1?arch=amd64",
    ]


def test_what_was_not_looked_up_is_not_clean() -> None:
    skipped = {"dependencies": [{"name": "a", "skip_reason": "Dependency not found on PyPI"}]}
    assert of_pip_audit(skipped) is None
    assert "not looked up" in told("Python packages", None)[0]
    looked = {"name": "b", "version": "1", "vulns": [{"id": "CVE-1"}]}
    assert of_pip_audit({"dependencies": [*skipped["dependencies"], looked]}) == (1, ["b 1: CVE-1"])
