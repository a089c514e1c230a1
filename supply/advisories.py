"""Look up known advisories of the pinned versions: ``python -m supply.advisories PIP_AUDIT``.

pip-audit asks for the Python packages and ``npm audit`` for those in the built page. Exit code 1 where there is an
advisory. Without a network, or where the service does not know the packages, one line says that nothing was looked up;
pip-audit by itself would call that clean.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
_PATIENCE: Final = 300.0  # seconds


def python_advisories(program: str) -> tuple[int, list[str]] | None:
    """How many packages were looked up, and what is known of them; None if nothing was looked up."""
    options = ["--requirement", "constraints.txt", "--no-deps", "--disable-pip", "--format", "json"]
    answer = _answer([program, *options, "--progress-spinner", "off"], ROOT)
    return None if answer is None else of_pip_audit(answer)


def of_pip_audit(answer: dict[str, Any]) -> tuple[int, list[str]] | None:
    """What pip-audit's JSON says."""
    looked = [package for package in answer.get("dependencies", ()) if "skip_reason" not in package]
    known = [f"{one['name']} {one['version']}: {found['id']}" for one in looked for found in one["vulns"]]
    return (len(looked), known) if looked else None


def page_advisories() -> tuple[int, list[str]] | None:
    """The same of the page."""
    answer = _answer(["npm", "audit", "--package-lock-only", "--omit=dev", "--json"], ROOT / "web")
    if answer is None or "vulnerabilities" not in answer:
        return None
    known = [f"{name}: {found['severity']}" for name, found in answer["vulnerabilities"].items()]
    return int(answer["metadata"]["dependencies"]["prod"]), known


def _answer(command: list[str], folder: Path) -> dict[str, Any] | None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=_PATIENCE, check=False)
        answer = json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return None
    return answer if isinstance(answer, dict) else None


def told(what: str, found: tuple[int, list[str]] | None) -> list[str]:
    """Lines for people."""
    if found is None:
        return [f"{what}: not looked up, no advisory service could be reached"]
    return [f"{what}: {found[0]} looked up, {len(found[1])} advisories", *(f"    {line}" for line in found[1])]


def main() -> None:
    """Look both up."""
    results = {"Python packages": python_advisories(sys.argv[1]), "page": page_advisories()}
    for what, found in results.items():
        print("\n".join(told(what, found)))
    sys.exit(any(found and found[1] for found in results.values()))


if __name__ == "__main__":
    main()
