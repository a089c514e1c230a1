"""What deploy/ says of several machines is true: cluster.yaml, the Kubernetes manifests and the scraper's files have
the form that their programs want, name each other rightly, and their commands and variables are lookalike's.

Nothing is started here: tests/packaging/test_cluster.py starts the parts. No image is pulled, and no kubelet asked.
"""

from __future__ import annotations

import importlib.resources
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import jsonschema
import kubernetes_validate
import pytest
import yaml
from composed import DEPLOY, compose_file
from prometheus_client.parser import text_string_to_metric_families
from test_door import parse

from lookalike.configuration.file import read_config_file
from lookalike.configuration.resolve import resolve
from lookalike.configuration.table import SETTINGS
from lookalike.server.configured import server_settings
from lookalike.server.metrics import GalleryFigures, Metrics
from lookalike.server.settings import PORT, check_settings

KUBERNETES: Final = DEPLOY / "kubernetes"
VERSIONS: Final = ("1.28", "1.33")
FILE: Final = compose_file("cluster.yaml")
SERVICES: Final = FILE["services"]
OURS: Final = [name for name, each in SERVICES.items() if each["image"].startswith("localhost/lookalike:")]
VARIABLES: Final = {setting.variable for setting in SETTINGS} | {"PGPASSFILE"}


def manifests() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted(KUBERNETES.glob("*.yaml")):
        for document in yaml.safe_load_all(file.read_text(encoding="utf-8")):
            yield f"{file.name}: {document['kind']} {document.get('metadata', {}).get('name', '')}", document


MANIFESTS: Final = dict(manifests())
OBJECTS: Final = {name: each for name, each in MANIFESTS.items() if each["kind"] != "Kustomization"}
PODS: Final = {name: each["spec"]["template"] for name, each in OBJECTS.items() if "template" in each.get("spec", {})}
CONTAINERS: Final = {
    f"{name}, {each['name']}": (pod, each) for name, pod in PODS.items() for each in pod["spec"]["containers"]
}


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each for each in OBJECTS.values() if each["kind"] == kind}


# The compose file


def test_the_cluster_has_the_form_of_composes_specification() -> None:
    place = importlib.resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    jsonschema.validate(FILE, json.loads(place.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", OURS)
def test_commands_and_variables_are_lookalikes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_GALLERY", "g")
    parse(["lookalike", *SERVICES[name]["command"]])
    assert {*SERVICES[name]["environment"]} <= VARIABLES


@pytest.mark.parametrize("name", SERVICES)
def test_every_part_is_closed_limited_and_watched(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert ("ports" in service) == (name == "proxy")
    assert "healthcheck" in service or name in OURS  # the image's own
    for source in (each.split(":")[0] for each in service.get("volumes", ())):
        assert (DEPLOY / source).is_file() if source.startswith("./") else source in FILE["volumes"]
    assert {*service.get("secrets", ())} <= {*FILE["secrets"]}


def test_the_addresses_of_the_cluster_agree() -> None:
    address = [each["networks"]["back"]["ipv4_address"] for each in SERVICES.values()]
    assert len({*address}) == len(address)
    settings = SERVICES["api-1"]["environment"]
    assert settings["LOOKALIKE_TRUSTED_PROXIES"] == SERVICES["proxy"]["networks"]["back"]["ipv4_address"]
    scraped = [
        target for job in scraper()["scrape_configs"] for each in job["static_configs"] for target in each["targets"]
    ]
    assert {target.split(":")[0] for target in scraped} <= {*SERVICES}
    assert {f"{name}:{PORT}" for name in OURS if name != "make"} <= {*scraped}
    assert all(f"--allow-host={name}" in SERVICES[name]["command"] for name in OURS if name != "make")


def scraper() -> dict[str, Any]:
    return dict(yaml.safe_load((DEPLOY / "prometheus.yaml").read_text(encoding="utf-8")))


def test_alerts_ask_for_figures_that_are_told() -> None:
    metrics = Metrics()
    metrics.request("/x", "GET", 500, 0.1)
    text = metrics.text({"g": GalleryFigures(1, {"queued": 1, "running": 0}, 1.0)}).decode()
    told = {sample.name for family in text_string_to_metric_families(text) for sample in family.samples} | {"up"}
    rules = yaml.safe_load((DEPLOY / "alerts.yaml").read_text(encoding="utf-8"))["groups"][0]["rules"]
    for rule in rules:
        named = {word for word in told if word in rule["expr"]}
        assert named, rule
        assert "lookalike_" not in _without(rule["expr"], named), rule


def _without(text: str, words: set[str]) -> str:
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, "")
    return text


@pytest.mark.skipif(shutil.which("nginx") is None, reason="not installed: nginx")
def test_nginx_takes_the_clusters_file(tmp_path: Path) -> None:
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x"]
    subprocess.run([*made, "-keyout", tmp_path / "key", "-out", tmp_path / "pem"], check=True, capture_output=True)
    (tmp_path / "passwords").touch()
    text = (DEPLOY / "cluster-nginx.conf").read_text(encoding="utf-8")
    text = text.replace("/tmp/", f"{tmp_path}/").replace("api-1:", "127.0.0.1:").replace("api-2:", "127.0.0.2:")
    for name, file in (("tls_certificate", "pem"), ("tls_key", "key"), ("passwords", "passwords")):
        text = text.replace(f"/run/secrets/{name}", str(tmp_path / file))
    (tmp_path / "nginx.conf").write_text(text)
    done = subprocess.run(
        ["nginx", "-t", "-q", "-c", tmp_path / "nginx.conf"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


# Kubernetes


@pytest.mark.parametrize("version", VERSIONS)
def test_manifests_have_the_form_of_the_api(version: str) -> None:
    assert len(OBJECTS) > 25
    for name, each in OBJECTS.items():
        try:
            kubernetes_validate.validate(each, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            pytest.fail(f"{name}: {error.message}")


def test_a_wrong_manifest_is_told() -> None:
    wrong = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}, "spec": {"prots": []}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


def test_every_file_is_applied() -> None:
    (kustomization,) = (each for each in MANIFESTS.values() if each["kind"] == "Kustomization")
    there = {file.name for file in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml", "secrets.example.yaml"}
    assert {*kustomization["resources"]} == there | {"secrets.yaml"}
    ignored = subprocess.run(["git", "check-ignore", "-q", KUBERNETES / "secrets.yaml"], check=False)
    assert ignored.returncode == 0, "a secret would be committed"


def test_what_is_named_is_there() -> None:
    known = {kind: {*of_kind(kind)} for kind in ("ConfigMap", "Secret", "PersistentVolumeClaim", "Service")}
    keys = {name: {*each.get("stringData", {})} for name, each in of_kind("Secret").items()}
    for name, pod in PODS.items():
        for volume in pod["spec"]["volumes"]:
            if "configMap" in volume:
                assert volume["configMap"]["name"] in known["ConfigMap"], name
            if "persistentVolumeClaim" in volume:
                assert volume["persistentVolumeClaim"]["claimName"] in known["PersistentVolumeClaim"], name
            if "secret" in volume:
                assert {item["key"] for item in volume["secret"]["items"]} <= keys[volume["secret"]["secretName"]], name
    for name, (pod, container) in CONTAINERS.items():
        claims = {
            each["metadata"]["name"] for each in OBJECTS[name.split(",")[0]]["spec"].get("volumeClaimTemplates", ())
        }
        volumes = {each["name"] for each in pod["spec"]["volumes"]} | claims
        assert {each["name"] for each in container.get("volumeMounts", ())} <= volumes, name
        for variable in container.get("env", ()):
            if secret := variable.get("valueFrom", {}).get("secretKeyRef"):
                assert secret["key"] in keys[secret["name"]], name
        for source in container.get("envFrom", ()):
            assert source["configMapRef"]["name"] in known["ConfigMap"], name


def test_selectors_select() -> None:
    labels = [pod["metadata"]["labels"] for pod in PODS.values()]

    def selected(wanted: dict[str, str]) -> bool:
        return any(wanted.items() <= each.items() for each in labels)

    for name, each in OBJECTS.items():
        spec = each.get("spec", {})
        if each["kind"] == "Service":
            assert selected(spec["selector"]), name
        if each["kind"] in ("StatefulSet", "Deployment"):
            assert spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items(), name
        if each["kind"] == "NetworkPolicy":
            rules = [
                peer["podSelector"]["matchLabels"] for rule in spec.get("ingress", ()) for peer in rule.get("from", ())
            ]
            assert all(map(selected, [spec["podSelector"].get("matchLabels", {}), *rules])), name
        if "serviceName" in spec:
            assert spec["serviceName"] in of_kind("Service") or spec["serviceName"] == "prometheus", name


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_is_closed_limited_and_probed(name: str) -> None:
    pod, container = CONTAINERS[name]
    within = pod["spec"]["securityContext"]
    assert within["runAsNonRoot"] is True
    assert within["runAsUser"] > 0
    assert within["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["spec"]["automountServiceAccountToken"] is False
    own = container["securityContext"]
    assert own == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    assert container["resources"]["limits"]["memory"]
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert {"readinessProbe", "livenessProbe"} <= container.keys() or pod["spec"].get("restartPolicy") == "OnFailure"


def test_pods_of_lookalike_start_as_they_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Their commands are ones that lookalike takes, and the ConfigMap has settings that a service wants."""
    settings = of_kind("ConfigMap")["settings"]["data"]
    assert {*settings} <= VARIABLES
    secret = {setting.variable for setting in SETTINGS if setting.secret}
    assert not secret & {*settings}
    (tmp_path / "metrics").write_text("a-token-of-the-scraper")
    told = {**settings, "LOOKALIKE_METRICS_TOKEN_FILE": str(tmp_path / "metrics")}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    own = [each for pod, each in CONTAINERS.values() if each["image"].startswith("localhost/lookalike:")]
    assert len(own) == 3
    for each in own:
        parse(["lookalike", *(word.replace("$(POD_ADDRESS)", "10.1.2.3") for word in each["args"])])
        assert {variable["name"] for variable in each["env"]} <= VARIABLES | {"POD_ADDRESS"}
    found, problems = resolve({"server.host": "0.0.0.0"}, told, read_config_file(None))
    assert not problems
    check_settings(server_settings(found))


def test_the_two_descriptions_are_of_the_same_parts() -> None:
    """The same images of the same versions, the same store and engine, and two of each that there are two of."""
    compose = {each["image"] for each in SERVICES.values()}
    assert {each["image"] for _, each in CONTAINERS.values()} == compose
    settings, environment = of_kind("ConfigMap")["settings"]["data"], SERVICES["api-1"]["environment"]
    for name in ("LOOKALIKE_STORE", "LOOKALIKE_ENGINE", "LOOKALIKE_ENGINE_FALLBACK", "LOOKALIKE_PROXY_USER_HEADER"):
        assert settings[name] == environment[name]
    for name in ("api", "worker"):
        assert of_kind("StatefulSet")[name]["spec"]["replicas"] == sum(each.startswith(name) for each in SERVICES) == 2
    alerts = (DEPLOY / "alerts.yaml").read_text(encoding="utf-8")
    assert of_kind("ConfigMap")["prometheus"]["data"]["alerts.yaml"].strip() == alerts.strip()
    proxy = (DEPLOY / "cluster-nginx.conf").read_text(encoding="utf-8")
    inner = of_kind("ConfigMap")["proxy"]["data"]["nginx.conf"]
    assert inner.partition("  # Programs bring")[2] == proxy.partition("  # Programs bring")[2]
