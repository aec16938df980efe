"""Objects of ``deploy/kubernetes`` that are no part of Kubernetes, against the schemas that their operators publish.

The schemas are those of the npm packages ``@kubernetes-models/prometheus-operator`` and ``@kubernetes-models/traefik``.
"""

import copy
from collections.abc import Iterator

import pytest
import yaml

from tests.support.house import ROOT
from tests.support.manifests import FOLDER, Manifest, list_kind
from tests.support.node import NodeProgram, install_packages, running_program

POLICIES = ROOT / "tests" / "policies"


@pytest.fixture(scope="module")
def schemas() -> Iterator[NodeProgram]:
    """Give the program that validates."""
    install_packages(POLICIES)
    with running_program(POLICIES / "schemas.mjs", {}) as program:
        yield program


def list_objects() -> list[Manifest]:
    """Return the objects that there are."""
    monitoring = [
        yaml.safe_load((FOLDER / "monitoring" / f"{name}.yaml").read_text())
        for name in ("pod-monitor", "prometheus-rule")
    ]
    return [*monitoring, *list_kind("forward-auth", "Middleware")]


def test_each_object_is_valid(schemas: NodeProgram) -> None:
    """Each object is what the schema of its kind demands."""
    objects = list_objects()
    assert {each["kind"] for each in objects} == {"PodMonitor", "PrometheusRule", "Middleware"}
    for each in objects:
        assert schemas.ask(each) == {"wrong": None}, each["metadata"]["name"]


def test_the_schemas_notice_what_is_wrong(schemas: NodeProgram) -> None:
    """A rule without an expression, or an interval that is a number, is refused, so the test above can fail."""
    monitor, rule = (copy.deepcopy(each) for each in list_objects()[:2])
    monitor["spec"]["podMetricsEndpoints"][0]["interval"] = 15
    del rule["spec"]["groups"][0]["rules"][0]["expr"]
    assert all(schemas.ask(each) != {"wrong": None} for each in (monitor, rule))
