"""``deploy/kubernetes`` as a platform team takes it: releases, connections, zones, digests, the operator's rules."""

import os
import re
import textwrap
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from deploy.alert_rules import read_rules
from shared.postgres.pool_settings import POOL_SIZE
from tests.support.house import ROOT
from tests.support.manifests import FOLDER, NAME, Manifest, get_one, list_kind, read_pod, render_folder

README = (FOLDER / "README.md").read_text()
IMAGES = ("auth_service", "posts_service")
MAX_CONNECTIONS = 100  # PostgreSQL's own default
RESERVED = 3  # for superusers: superuser_reserved_connections
OF_OPERATORS = 3  # a command line, a backup, somebody with psql
# Connections of a replica beside the pool: housekeeping, and in the auth service the delivery of mail.
OWN = {"auth-service": 2, "posts-service": 1}


def read_samples() -> list[str]:
    """Return the kustomizations that the README proposes."""
    return [textwrap.dedent(text) for text in re.findall(r"```yaml\n(.*?)   ```", README, re.DOTALL)]


def render_own(folder: Path, text: str) -> tuple[Manifest, ...]:
    """Return what a kustomization of an operator's own gives, in a folder beside ours."""
    folder.mkdir(exist_ok=True)
    place = os.path.relpath(FOLDER, folder)
    (folder / "kustomization.yaml").write_text(text.replace("../gatepost/deploy/kubernetes", place))
    return render_folder(folder)


def name_jobs(rendered: tuple[Manifest, ...]) -> dict[str, Manifest]:
    """Return the jobs by their names."""
    return {each["metadata"]["name"]: each for each in rendered if each["kind"] == "Job"}


def test_two_releases_in_a_row_have_jobs_of_their_own(tmp_path: Path) -> None:
    """The next release within the hour changes no job that is there, which a cluster would refuse."""
    (_, sample) = read_samples()
    first = name_jobs(render_own(tmp_path, sample))
    again = name_jobs(render_own(tmp_path, sample))
    second = name_jobs(render_own(tmp_path, sample.replace("0.2.0", "0.3.0").replace("0-2-0", "0-3-0")))
    assert len(first) == len(second) == len(IMAGES)
    assert first == again
    assert not set(first) & set(second)
    for name, job in {**first, **second}.items():
        kubernetes_validate.validate(job, "1.37", strict=True)
        (container,) = read_pod(job)["containers"]
        assert name.endswith(container["image"].rpartition(":")[2].replace(".", "-"))
        assert read_pod(job)["serviceAccountName"] == "migration"


def test_the_jobs_account_is_there_before_the_jobs() -> None:
    """What the jobs run as is made together with the namespace, before any job."""
    first = list(yaml.safe_load_all((FOLDER / "base" / "namespace.yaml").read_text()))
    assert [(each["kind"], each["metadata"]["name"]) for each in first] == [
        ("Namespace", "gatepost"),
        ("ServiceAccount", "migration"),
    ]
    assert first[1]["metadata"]["namespace"] == first[0]["metadata"]["name"]


def count_connections() -> int:
    """Return how many connections there are when all autoscalers are at their end, in the midst of a roll-out."""
    size = int(get_one("base", "ConfigMap", "gatepost-settings")["data"]["POOL_SIZE"])
    total = len(list_kind("migrations", "Job"))
    for service, own in OWN.items():
        most = get_one("base", "HorizontalPodAutoscaler", service)["spec"]["maxReplicas"]
        surge = get_one("base", "Deployment", service)["spec"]["strategy"]["rollingUpdate"]["maxSurge"]
        total += (most + surge) * (size + own)
    return total


def test_all_replicas_fit_into_postgresql() -> None:
    """The connections of all replicas, in a roll-out with its jobs, fit into PostgreSQL's own ``max_connections``."""
    assert count_connections() + RESERVED + OF_OPERATORS <= MAX_CONNECTIONS


def test_the_capacity_page_counts_as_the_manifests_do() -> None:
    """The figures in ``docs/operations.md`` are those of the manifests."""
    page = (ROOT / "docs" / "operations.md").read_text().partition("\n## Capacity\n")[2]
    rows = re.findall(
        r"^\| `(auth|posts)-service` \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", page, re.MULTILINE
    )
    size = int(get_one("base", "ConfigMap", "gatepost-settings")["data"]["POOL_SIZE"])
    assert [row[0] for row in rows] == ["auth", "posts"]
    for name, *cells in rows:
        replicas, surge, pool, own, total = map(int, cells)
        service = f"{name}-service"
        assert replicas == get_one("base", "HorizontalPodAutoscaler", service)["spec"]["maxReplicas"]
        assert (surge, pool, own) == (1, size, OWN[service])
        assert total == (replicas + surge) * (pool + own)
    assert f"**{count_connections()}**" in page
    in_compose = 2 * sum(POOL_SIZE + own for own in OWN.values())
    assert f"has at most {in_compose} with" in page


def test_names_are_resolved_wherever_that_is() -> None:
    """Pods may ask for names in any namespace and at a node's own address, by both protocols, and nowhere else."""
    (names,) = [each for each in list_kind("base", "NetworkPolicy") if each["metadata"]["name"] == "names"]
    (rule,) = names["spec"]["egress"]
    assert rule["to"] == [{"namespaceSelector": {}}, {"ipBlock": {"cidr": "169.254.0.0/16"}}]
    assert {(port["port"], port["protocol"]) for port in rule["ports"]} >= {(53, "UDP"), (53, "TCP")}


@pytest.mark.parametrize("service", [*OWN, "gateway"])
def test_replicas_are_spread(service: str) -> None:
    """The replicas of a service are spread over zones, and over nodes within them, and start where there is one."""
    deployment = get_one("base", "Deployment", service)
    constraints = read_pod(deployment)["topologySpreadConstraints"]
    keys = [each["topologyKey"] for each in constraints]
    assert keys == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    for each in constraints:
        assert each["labelSelector"]["matchLabels"] == {NAME: service}
        assert each["whenUnsatisfiable"] == "ScheduleAnyway"
    assert read_pod(deployment)["serviceAccountName"] == service


SECONDS = {"2s": "2", "1h": "3600"}
"""Times as nginx writes them, and as the annotations of its controller do."""


def test_an_ingress_names_its_class() -> None:
    """No ingress is left to whatever controller feels responsible, and the README's sample changes the class."""
    for variant in ("ingress", "forward-auth"):
        assert all(each["spec"]["ingressClassName"] for each in list_kind(variant, "Ingress"))
    assert "/spec/ingressClassName" in read_samples()[0]


def test_ingress_nginx_passes_what_the_gateway_takes() -> None:
    """Large bodies and long event streams, which it would refuse and end by itself, as the sample for nginx has it."""
    (ingress,) = list_kind("ingress", "Ingress")
    said = {name.rpartition("/")[2]: value for name, value in ingress["metadata"]["annotations"].items()}
    sample = (ROOT / "deploy/https/nginx.conf").read_text().replace("client_max_body_size", "proxy_body_size")
    found = re.findall(r"^ *(proxy_(?:\w+_)?(?:buffering|timeout|size)) +([^;]+);", sample, re.MULTILINE)
    assert said == {name.replace("_", "-"): SECONDS.get(value, value) for name, value in found}


def test_images_can_be_named_by_digest(tmp_path: Path) -> None:
    """With ``digest`` in the place of ``newTag`` each pod runs that image and no other."""
    digest = f"sha256:{'0123456789abcdef' * 4}"
    for sample in read_samples():
        rendered = render_own(tmp_path, sample.replace("newTag: 0.2.0", f"digest: '{digest}'"))
        workloads = [each for each in rendered if each["kind"] in {"Deployment", "Job"}]
        assert workloads
        for each in workloads:
            assert read_pod(each)["containers"][0]["image"].endswith(f"@{digest}")


def test_the_operator_of_prometheus_gets_everything(tmp_path: Path) -> None:
    """With the component every service is scraped, as the job that the alerts know, and the alerts are all there."""
    rendered = render_own(tmp_path, read_samples()[0])
    (rule,) = [each for each in rendered if each["kind"] == "PrometheusRule"]
    (monitor,) = [each for each in rendered if each["kind"] == "PodMonitor"]
    assert rule["spec"] == read_rules()
    assert {each["metadata"]["namespace"] for each in (rule, monitor)} == {"gatepost"}
    (selector,) = monitor["spec"]["selector"]["matchExpressions"]
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    jobs = set()
    for deployment in [each for each in rendered if each["kind"] == "Deployment"]:
        labels, ports = (
            deployment["spec"]["template"]["metadata"]["labels"],
            read_pod(deployment)["containers"][0]["ports"],
        )
        assert labels[selector["key"]] in selector["values"]
        assert endpoint["port"] in {port["name"] for port in ports}
        jobs.add(relabel(labels, endpoint["relabelings"])["job"])
    prometheus = yaml.safe_load((ROOT / "deploy" / "observe" / "prometheus.yaml").read_text())
    assert jobs == {each["job_name"] for each in prometheus["scrape_configs"]}


def relabel(labels: dict[str, str], steps: list[Manifest]) -> dict[str, str]:
    """Return the labels of a target after Prometheus' relabelling (action ``replace``) of a pod with these labels."""
    found = {
        f"__meta_kubernetes_pod_label_{re.sub(r'[^a-zA-Z0-9_]', '_', name)}": value for name, value in labels.items()
    }
    for step in steps:
        value = ";".join(found.get(name, "") for name in step["sourceLabels"])
        match = re.fullmatch(step.get("regex", "(.*)"), value)
        if match:
            template = re.sub(r"\$\{?(\d+)\}?", r"\\\1", step.get("replacement", "$1"))
            found[step["targetLabel"]] = match.expand(template.replace("\\1_", "\\g<1>_"))
    return found
