"""compose.yaml, started: what its services do with their commands, environment, mounts, addresses and privileges.

What this cannot show: that the images can be pulled (no registry is asked), Compose's own part in it, and limits. This
machine's programs stand for those of the images; tests/packaging/test_image.py builds and starts lookalike's own.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from boxes import Box, skip_without
from composed import DEPLOY, Composed, Image, compose_file, composed
from served import PATIENCE

from dicoms import data_set, save

pytestmark = pytest.mark.slow
OHIF = "3.13.2"
STUDIES = 6
METRICS_TOKEN = "a-token-of-the-scraper"
LOOK, PACS = "https://look.localhost:8443", "https://pacs.localhost:8443"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    skip_without("Orthanc", "nginx", "npm", "curl", "openssl", "storescu")
    work = tmp_path_factory.mktemp("compose")
    _make_secrets(work)
    checked = ("python", "/opt/lookalike/health.py", "http://127.0.0.1:8765/healthz")
    variables = {"LOOKALIKE_CONFIG": "/config", "PYTHONDONTWRITEBYTECODE": "1"}
    mounts = [("/opt/lookalike/health.py", DEPLOY / "health.py", "ro")]
    lookalike = Image(Box(["lookalike"], user=10001, environment=variables, mounts=mounts), checked)
    # Debian's Orthanc has another user than the image's, and its plugins, which are links, elsewhere.
    orthanc = pwd.getpwnam("orthanc").pw_uid
    shutil.copytree("/usr/share/orthanc/plugins", work / "plugins")
    plugins = ("/usr/local/share/orthanc/plugins", work / "plugins", "ro")
    images = {
        "proxy": Image(Box([], user=101, mounts=[("/usr/share/ohif", _viewer(work), "ro")])),
        "orthanc": Image(Box(["Orthanc"], user=orthanc, mounts=[plugins])),
        **dict.fromkeys(("receive", "pull", "serve"), lookalike),
    }
    for name, owner in (("galleries", 10001), ("config", 10001), ("orthanc", orthanc)):
        (work / "volumes" / name).mkdir(mode=0o700, parents=True)
        os.chown(work / "volumes" / name, owner, owner)
    with composed(compose_file(), images, work) as found:
        _until(lambda: _status(found, f"{LOOK}/healthz"), lambda status: status == "200", found)
        yield found


def _make_secrets(work: Path) -> None:
    names = "subjectAltName=DNS:look.localhost,DNS:pacs.localhost"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=look.localhost"]
    made = ["-addext", names, "-keyout", str(work / "tls.key"), "-out", str(work / "tls.pem")]
    subprocess.run([*command, *made], check=True, capture_output=True)
    lines = []
    for user in ("reader", "admin"):
        hashed = subprocess.run(
            ["openssl", "passwd", "-apr1", f"of-{user}"], check=True, capture_output=True, text=True
        )
        lines.append(f"{user}:{hashed.stdout}")
    (work / "passwords").write_text("".join(lines))
    (work / "metrics").write_text(METRICS_TOKEN)
    for name, user in (("tls.key", 101), ("passwords", 101), ("metrics", 10001)):
        os.chown(work / name, user, user)
        (work / name).chmod(0o400)


def _viewer(work: Path) -> Path:
    """The files of the viewer, as proxy.Containerfile fetches them."""
    assert f"ARG OHIF={OHIF}" in (DEPLOY / "proxy.Containerfile").read_text()
    packed = subprocess.run(
        ["npm", "pack", "--silent", f"@ohif/app@{OHIF}"], cwd=work, capture_output=True, text=True, check=True
    )
    (work / "ohif").mkdir()
    archive = work / packed.stdout.strip()
    subprocess.run(["tar", "-xzf", archive, "-C", work / "ohif", "--strip-components=2", "package/dist"], check=True)
    return work / "ohif"


def _curl(running: Composed, address: str, *options: str, user: str = "reader") -> str:
    """The body, then the status in a line of its own."""
    work = running.services["proxy"].log.parents[1]
    names = [word for name in ("look", "pacs") for word in ("--resolve", f"{name}.localhost:8443:172.30.7.2")]
    signed = ["--user", f"{user}:of-{user}"] if user else []
    written = ["--write-out", "\n%{http_code}", "--cacert", str(work / "tls.pem")]
    done = running.outside("curl", "--silent", "--show-error", *names, *written, *signed, *options, address)
    return done.stdout or done.stderr


def _status(running: Composed, address: str, *options: str, user: str = "reader") -> str:
    return _curl(running, address, *options, user=user).rpartition("\n")[2]


def _json(running: Composed, address: str, *options: str, user: str = "reader") -> Any:
    body, _, status = _curl(running, address, *options, user=user).rpartition("\n")
    assert status.startswith("2"), f"{address}: {status} {body}"
    return json.loads(body)


def _until(look: Callable[[], Any], done: Callable[[Any], bool], running: Composed, seconds: float = PATIENCE) -> Any:
    end = time.monotonic() + seconds
    while not done(seen := look()):
        logs = "\n".join(f"== {name}\n{each.said()[-3000:]}" for name, each in running.services.items())
        assert all(each.process.poll() is None for each in running.services.values()), logs
        assert time.monotonic() < end, f"still {seen}\n{logs}"
        time.sleep(0.5)
    return seen


def _study(number: int) -> Any:
    shape = np.random.default_rng(number).integers(0, 4096, (8, 8)).repeat(32, 0).repeat(32, 1).astype(np.uint16)
    own = f"1.2.826.0.1.3680043.10.7.{number}"
    ds = data_set(shape, stored=12, Modality="DX", PatientID=f"P{number}", PatientName=f"Canary^{number}")
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = own, f"{own}.1"
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"{own}.1.1"
    ds.StudyDate, ds.AccessionNumber = "20260101", f"A{number}"
    return ds


def test_a_study_that_orthanc_is_sent_is_found_in_lookalike_and_opened_in_ohif(
    running: Composed, tmp_path: Path
) -> None:
    files = [str(save(_study(number), tmp_path / f"{number}.dcm")) for number in range(STUDIES)]
    sent = running.outside("storescu", "-aec", "ORTHANC", "172.30.7.3", "4242", *files)
    assert sent.returncode == 0, sent.stderr
    gallery = f"{LOOK}/api/v1/gallery"
    _until(lambda: _json(running, gallery)["records"], lambda records: records == STUDIES, running)
    upload = _json(running, f"{LOOK}/api/v1/uploads", "-F", f"file=@{files[2]}")
    asked = json.dumps({"query": {"image": upload["id"]}, "k": 3, "same_patient": True})
    found = _json(running, f"{LOOK}/api/v1/search", "-H", "Content-Type: application/json", "-d", asked)
    first = found["hits"][0]
    assert first["score"] > 0.99
    study = str(_study(2).StudyInstanceUID)
    assert first["links"]["viewer"].startswith(f"https://pacs.localhost/viewer?StudyInstanceUIDs={study}")
    listed = _json(running, f"{PACS}/dicom-web/studies?StudyInstanceUID={study}")
    assert [each["0020000D"]["Value"] for each in listed] == [[study]]
    page = _curl(running, f"{PACS}/viewer?StudyInstanceUIDs={study}")
    assert "OHIF" in page
    assert page.endswith("200")


def test_the_viewer_has_its_configuration(running: Composed) -> None:
    assert "qidoRoot: '/dicom-web'" in _curl(running, f"{PACS}/app-config.js")


def test_who_has_not_signed_in_gets_nothing(running: Composed) -> None:
    for address in (f"{LOOK}/", f"{LOOK}/api/v1/gallery", f"{PACS}/", f"{PACS}/dicom-web/studies"):
        assert _status(running, address, user="") == "401", address
    forged = ("-H", "X-Forwarded-User: admin", "-H", "X-Forwarded-Groups: admin")
    assert _status(running, f"{LOOK}/api/v1/gallery", *forged, user="") == "401"
    assert _status(running, f"{LOOK}/api/v1/gallery", "-H", "Authorization: Bearer wrong", *forged, user="") == "401"
    assert _status(running, f"{LOOK}/metrics", user="admin") == "404"


def test_the_proxy_says_who_somebody_is_and_nobody_else(running: Composed) -> None:
    session = f"{LOOK}/api/v1/session"
    assert _json(running, session)["role"] == "reader"
    assert _json(running, session, "-H", "X-Forwarded-Groups: admin")["role"] == "reader"
    assert _json(running, session, user="admin")["role"] == "admin"
    forged = running.services["pull"].run(
        *("curl", "--silent", "-H", "Host: look.localhost", "-H", "X-Forwarded-User: admin"),
        *("--write-out", "%{http_code}", "--output", "/dev/null", "http://serve:8765/api/v1/gallery"),
    )
    assert forged.stdout == "401"


def test_the_viewer_looks_and_never_writes(running: Composed) -> None:
    for method in ("POST", "DELETE"):
        assert _status(running, f"{PACS}/dicom-web/studies", "-X", method, user="admin") == "403"
    assert "OHIF" in _curl(running, f"{PACS}/system", user="admin")  # the viewer's page: Orthanc's own is not reached


def test_a_key_is_asked_for_by_programs(running: Composed) -> None:
    made = running.services["serve"].run("lookalike", *_KEY)
    assert made.returncode == 0, made.stderr
    bearer = f"Authorization: Bearer {json.loads(made.stdout)['key']}"
    assert _json(running, f"{LOOK}/api/v1/session", "-H", bearer, user="")["role"] == "contributor"


_KEY = ("keys", "add", "program", "--role", "contributor", "--json", "--gallery", "/galleries/pacs")


def test_roots_are_read_only_and_nobody_has_privileges(running: Composed) -> None:
    for name, service in running.services.items():
        assert service.run("touch", "/usr/share/there", user=0).returncode, name
        status = Path(f"/proc/{service.process.pid}/status").read_text()
        assert "NoNewPrivs:\t1" in status, name
        assert "CapBnd:\t0000000000000000" in status, name
        assert "Uid:\t0" not in status, name


def test_a_scraper_beside_it_reads_the_metrics_with_its_token(running: Composed) -> None:
    asked = ("curl", "--silent", "--write-out", "%{http_code}", "http://serve:8765/metrics")
    assert running.services["pull"].run(*asked).stdout.endswith("401")
    read = running.services["pull"].run(*asked, "-H", f"Authorization: Bearer {METRICS_TOKEN}").stdout
    assert "lookalike_records" in read
    assert read.endswith("200")


def test_the_log_of_the_service_is_json(running: Composed) -> None:
    lines = [line for line in running.services["serve"].said().splitlines() if line.startswith("{")]
    assert any(json.loads(line).get("route") == "/api/v1/gallery" for line in lines)


def test_no_log_names_a_patient(running: Composed) -> None:
    for name in ("proxy", "receive", "pull", "serve"):  # Orthanc's own log is Orthanc's business
        assert "Canary" not in running.services[name].said(), name


def test_they_end_when_they_are_told_to(running: Composed) -> None:  # the last one of this module
    for name in ("pull", "receive", "serve"):
        assert running.services[name].stop(PATIENCE) in (0, 1, 130), name
