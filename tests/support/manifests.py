"""What ``deploy/kubernetes`` becomes: rendered by kubectl, which holds kustomize."""

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.support.house import ROOT

FOLDER = ROOT / "deploy" / "kubernetes"
VARIANTS = ("base", "ingress", "forward-auth", "migrations")
KUBECTL = Path(sys.executable).with_name("kubectl")
NAME = "app.kubernetes.io/name"

Manifest = dict[str, Any]


@cache
def render(variant: str) -> tuple[Manifest, ...]:
    """Return the objects of a variant."""
    return render_folder(FOLDER / variant)


def render_folder(folder: Path) -> tuple[Manifest, ...]:
    """Return the objects that a folder's kustomization gives."""
    rendered = subprocess.run([KUBECTL, "kustomize", folder], capture_output=True, text=True, check=True)
    return tuple(yaml.safe_load_all(rendered.stdout))


def list_kind(variant: str, kind: str) -> list[Manifest]:
    """Return the objects of one kind."""
    return [manifest for manifest in render(variant) if manifest["kind"] == kind]


def get_one(variant: str, kind: str, name: str) -> Manifest:
    """Return the object of a name; of a generated one, without its hash."""
    (found,) = [each for each in list_kind(variant, kind) if each["metadata"]["name"].startswith(name)]
    return found


def read_pod(workload: Manifest) -> Manifest:
    """Return the pod's specification in a Deployment or a Job."""
    pod: Manifest = workload["spec"]["template"]["spec"]
    return pod


def read_container(workload: Manifest) -> Manifest:
    """Return the one container of a workload."""
    (container,) = read_pod(workload)["containers"]
    return dict(container)


def read_environment(workload: Manifest) -> dict[str, str]:
    """Return what a workload's own environment says, without its ConfigMap's."""
    return {each["name"]: each.get("value", "") for each in read_container(workload)["env"]}


def list_sources(variant: str, target: str, port: int) -> set[str]:
    """Return what the network policies admit to a port of a workload: its names, or ``namespace:LABEL``."""
    sources = set()
    for policy in list_kind(variant, "NetworkPolicy"):
        if policy["spec"]["podSelector"].get("matchLabels", {}).get(NAME) != target:
            continue
        for rule in policy["spec"].get("ingress", []):
            assert [each["port"] for each in rule["ports"]] == [port]
            sources |= {_name_peer(peer) for peer in rule["from"]}
    return sources


def _name_peer(peer: Manifest) -> str:
    match peer:
        case {"podSelector": {"matchLabels": {"app.kubernetes.io/name": name}}, **others} if not others:
            return str(name)
        case {"namespaceSelector": {"matchLabels": labels}, **others} if not others:
            return f"namespace:{next(iter(labels))}"
        case _:
            raise AssertionError(f"who is that? {peer}")
