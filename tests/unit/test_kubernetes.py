"""``deploy/kubernetes``: valid by Kubernetes' own schemas, and as confined as the containers of compose."""

import os
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from auth_service.operators.secret_keys import make_secrets
from auth_service.settings import AuthMigrationSettings
from gateway.policy.file import load_policy
from posts_service.settings import PostsMigrationSettings
from shared.settings import list_names, load_settings
from shared.timing import COMMAND_TIMEOUT, GRACE
from shared.tokens.key_pairs import make_key_pair
from shared.tokens.service_settings import list_callers, name_secret
from stack.services import SERVICES as TABLE
from stack.services import SETTING_NAMES
from tests.support.house import ROOT
from tests.support.manifests import (
    FOLDER,
    NAME,
    VARIANTS,
    Manifest,
    get_one,
    list_kind,
    list_sources,
    read_container,
    read_environment,
    read_pod,
    render,
    render_folder,
)

VERSIONS = ("1.25", "1.37")  # the oldest and the newest whose schemas there are
SERVICES = {service.name.replace("_", "-"): service.ports.requests for service in TABLE}
SETTINGS = {
    **{service.name.replace("_", "-"): service.settings for service in TABLE},
    "migrate-auth-service": AuthMigrationSettings,
    "migrate-posts-service": PostsMigrationSettings,
}
WORKLOADS = [*list_kind("base", "Deployment"), *list_kind("migrations", "Job")]
FOREIGN = ("traefik.io/v1alpha1", "monitoring.coreos.com/v1")  # no part of Kubernetes, so none of its schemas


def name_of(manifest: Manifest) -> str:
    """Return an object's name."""
    return str(manifest["metadata"]["name"])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_object_is_valid(variant: str, version: str) -> None:
    """Each variant renders, and every object is what the schema of its kind allows, with no member beyond it."""
    for manifest in render(variant):
        if manifest["apiVersion"] not in FOREIGN:
            kubernetes_validate.validate(manifest, version, strict=True)


def test_the_schemas_notice_a_wrong_word() -> None:
    """An object with a member that its kind does not have is refused, so the test above can fail."""
    wrong = get_one("base", "Service", "gateway") | {"speck": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)


@pytest.mark.parametrize("workload", WORKLOADS, ids=name_of)
def test_a_pod_runs_without_any_privilege(workload: Manifest) -> None:
    """No pod runs as root, gains or holds a capability, writes into its image, or has a token of the cluster."""
    pod, container = read_pod(workload), read_container(workload)
    assert pod["automountServiceAccountToken"] is False
    account = get_one("base", "ServiceAccount", pod["serviceAccountName"])
    assert account["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "memory" in container["resources"]["limits"]
    assert get_one("base", "Namespace", "gatepost")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]


@pytest.mark.parametrize("workload", WORKLOADS, ids=name_of)
def test_each_secret_is_only_where_it_is_used(workload: Manifest) -> None:
    """A pod mounts the secrets that its settings need, each read where it is mounted, and no other."""
    environment, pod = read_environment(workload), read_pod(workload)
    (volume,) = [each["secret"] for each in pod["volumes"] if "secret" in each]
    (mount,) = [each for each in read_container(workload)["volumeMounts"] if each["name"] == "secrets"]
    mounted = {f"{mount['mountPath']}/{item['path']}" for item in volume["items"]}
    read = {name.removesuffix("_FILE"): path for name, path in environment.items() if name.endswith("_FILE")}
    settings = SETTINGS[name_of(workload)]
    assert set(environment) <= list_names(settings)
    fields = settings.model_fields.items()
    needed = {name.upper() for name, field in fields if field.is_required() or name == "secret_key"}
    needed |= {name_secret(caller) for caller in list_callers(settings)}
    assert set(read.values()) == mounted
    assert set(read) == {name for name in needed if name.endswith(("SECRET_KEY", "_SECRET", "DATABASE_URL"))}


@pytest.mark.parametrize("variant", ["base", "ingress", "forward-auth"])
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_starts_with_these_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variant: str, service: str
) -> None:
    """With the ConfigMap, the image's own settings and fresh secrets a service takes its settings in production."""
    secrets = {**make_secrets(), "AUTH_DATABASE_URL": "postgresql://a", "POSTS_DATABASE_URL": "postgresql://p"}
    settings = get_one(variant, "ConfigMap", "gatepost-settings")["data"]
    for name, value in {**settings, "PORT": "1", "METRICS_PORT": "2"}.items():
        assert name in SETTING_NAMES
        monkeypatch.setenv(name, value)
    for name, path in read_environment(get_one(variant, "Deployment", service)).items():
        if name.endswith("_FILE"):
            (tmp_path / Path(path).name).write_text(str(secrets[name.removesuffix("_FILE")]))
            monkeypatch.setenv(name, str(tmp_path / Path(path).name))
    assert load_settings(SETTINGS[service]).environment == "production"


def test_variables_of_kubernetes_stay_outside() -> None:
    """No pod gets the variables that Kubernetes makes of services, such as GATEWAY_PORT, which are none of ours."""
    assert not [name_of(each) for each in WORKLOADS if read_pod(each)["enableServiceLinks"]]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_probed_replaced_and_scaled(service: str) -> None:
    """Each service has its probes on its port, a budget, an autoscaler from two replicas on, no gap in a rollout."""
    container = read_container(get_one("base", "Deployment", service))
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    image = (ROOT / "Dockerfile").read_text().partition(f"AS {service.replace('-', '_')}\n")[2]
    assert re.search(r"PORT=(\d+) METRICS_PORT=(\d+)", image)[0] == (  # type: ignore[index]
        f"PORT={ports['http']} METRICS_PORT={ports['metrics']}"
    )
    assert ports["http"] == SERVICES[service]
    probes = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    assert probes == {"startup": "/livez", "liveness": "/livez", "readiness": "/readyz"}
    assert get_one("base", "PodDisruptionBudget", service)["spec"]["maxUnavailable"] == 1
    assert get_one("base", "HorizontalPodAutoscaler", service)["spec"]["minReplicas"] == 2
    assert get_one("base", "Deployment", service)["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


@pytest.mark.parametrize("variant", ["base", "ingress", "forward-auth"])
def test_only_the_gateway_is_let_in(variant: str) -> None:
    """From outside the gateway alone is reached; the services are by one another, as the calls between them go."""
    assert list_sources(variant, "gateway", 3000) == {"namespace:may-reach-gatepost"}
    assert list_sources(variant, "auth-service", 8001) == {"gateway", "posts-service"}
    assert list_sources(variant, "posts-service", 8002) == {"gateway"}
    (nothing,) = [each for each in list_kind(variant, "NetworkPolicy") if name_of(each) == "nothing"]
    assert nothing["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert not {"ingress", "egress"} & set(nothing["spec"])
    selector = nothing["spec"]["podSelector"]["matchLabels"].items()
    for deployment in list_kind(variant, "Deployment"):
        assert selector <= deployment["spec"]["template"]["metadata"]["labels"].items()
        assert deployment["spec"]["template"]["metadata"]["labels"][NAME] == name_of(deployment)


@pytest.mark.parametrize("service", SERVICES)
def test_a_replica_has_time_to_drain(service: str) -> None:
    """A replica drains for longer than its probe takes to notice, and is not killed before it is done."""
    deployment = get_one("base", "Deployment", service)
    probe = read_container(deployment)["readinessProbe"]
    drain = int(get_one("base", "ConfigMap", "gatepost-settings")["data"]["DRAIN_SECONDS"])
    assert drain > probe["periodSeconds"] * probe["failureThreshold"]
    assert read_pod(deployment)["terminationGracePeriodSeconds"] > drain + GRACE + COMMAND_TIMEOUT


def test_migrations_know_their_database_alone() -> None:
    """A job runs the word that migrates, in its service's image, with its database's URL and no other setting."""
    for service in ("auth", "posts"):
        job = get_one("migrations", "Job", f"migrate-{service}-service")
        assert read_container(job)["command"] == ["python", "-m", f"{service}_service", "migrate"]
        assert f"/{service}_service:" in read_container(job)["image"]
        assert list(read_environment(job)) == [f"{service.upper()}_DATABASE_URL_FILE"]


def test_the_sample_secret_has_every_key() -> None:
    """The sample is a valid Secret with each key that a pod mounts, and values that production refuses."""
    sample = yaml.safe_load((FOLDER / "secrets.example.yaml").read_text())
    kubernetes_validate.validate(sample, VERSIONS[0], strict=True)
    volumes = [volume["secret"] for each in WORKLOADS for volume in read_pod(each)["volumes"] if "secret" in volume]
    assert {volume["secretName"] for volume in volumes} == {sample["metadata"]["name"]}
    assert {item["key"] for volume in volumes for item in volume["items"]} == set(sample["stringData"])
    assert all(len(value) < 32 for name, value in sample["stringData"].items() if not name.endswith("-url"))


def test_forward_auth_is_that_of_the_docs() -> None:
    """Policy and middlewares of the forward-auth variant are those of ``docs/forward-auth``, but for the address."""
    docs = ROOT / "docs" / "forward-auth"
    expected = yaml.safe_load((docs / "traefik.yaml").read_text())["http"]["middlewares"]
    address = "http://gateway.gatepost.svc.cluster.local:3000/_gateway/auth"
    expected["ask-gatepost"]["forwardAuth"]["address"] = address
    assert {name_of(each): each["spec"] for each in list_kind("forward-auth", "Middleware")} == expected
    assert (FOLDER / "forward-auth" / "rules.toml").read_text() == (docs / "rules.toml").read_text()
    application = get_one("forward-auth", "Ingress", "application")
    (used,) = application["metadata"]["annotations"].values()
    assert used == ",".join(f"gatepost-{name}@kubernetescrd" for name in ("without-claims", "ask-gatepost"))


def test_the_policy_of_forward_auth_is_mounted(tmp_path: Path) -> None:
    """The policy that the gateway reads there is the one of the variant."""
    policy = get_one("forward-auth", "ConfigMap", "gatepost-rules")
    (tmp_path / "rules.toml").write_text(policy["data"]["rules.toml"])
    assert load_policy(tmp_path / "rules.toml", {"AUTH_SERVICE_URL": "http://auth-service:8001"}).rules
    gateway = get_one("forward-auth", "Deployment", "gateway")
    (volume,) = [each for each in read_pod(gateway)["volumes"] if each["name"] == "rules"]
    (mount,) = [each for each in read_container(gateway)["volumeMounts"] if each["name"] == "rules"]
    settings = get_one("forward-auth", "ConfigMap", "gatepost-settings")["data"]
    assert volume["configMap"]["name"] == name_of(policy)
    assert f"{mount['mountPath']}/rules.toml" == settings["GATEWAY_RULES"]


@pytest.mark.parametrize("variant", ["ingress", "forward-auth"])
@pytest.mark.parametrize("has_secret", [True, False])
def test_a_key_pair_signs(tmp_path: Path, variant: str, *, has_secret: bool) -> None:
    """The components give the auth service alone the key pair, and take the shared secret away from every pod."""
    components = ["key-pair"] if has_secret else ["key-pair", "no-shared-secret"]
    for deployment in render_with(tmp_path, variant, components):
        kubernetes_validate.validate(deployment, VERSIONS[0], strict=True)
        environment = read_environment(deployment)
        secrets = [each["secret"] for each in read_pod(deployment)["volumes"] if "secret" in each]
        mounted = {item["key"] for secret in secrets for item in secret.get("items", ())}
        assert ("secret-key" in mounted, "SECRET_KEY_FILE" in environment) == (has_secret, has_secret)
        pairs = [secret["defaultMode"] for secret in secrets if secret["secretName"] == "gatepost-token-keys"]
        is_issuer = name_of(deployment) == "auth-service"
        assert pairs == ([0o440] if is_issuer else [])  # of root's, so for the pod's group alone
        assert ("TOKEN_KEY_FILE" in environment) is is_issuer


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_starts_by_a_key_pair(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, service: str) -> None:
    """With both components a service takes its settings in production, and has no secret that signs tokens."""
    (deployment,) = [
        each for each in render_with(tmp_path, "ingress", ["key-pair", "no-shared-secret"]) if name_of(each) == service
    ]
    (tmp_path / "keys.pem").touch(0o600)
    (tmp_path / "keys.pem").write_text(make_key_pair())
    secrets = {**make_secrets(), "AUTH_DATABASE_URL": "postgresql://a", "POSTS_DATABASE_URL": "postgresql://p"}
    settings = {**get_one("ingress", "ConfigMap", "gatepost-settings")["data"], "PORT": "1", "METRICS_PORT": "2"}
    settings |= {"PUBLISHED_KEYS": "on"}
    for name in read_environment(deployment):
        secret = name.removesuffix("_FILE")
        settings |= {secret: str(secrets[secret])} if secret in secrets else {}
        settings |= {name: str(tmp_path / "keys.pem")} if name == "TOKEN_KEY_FILE" else {}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert load_settings(SETTINGS[service]).shared_key is None


@pytest.mark.parametrize("name", ["comments-service", "my-gateway", "gateway-2"])
def test_a_service_of_ones_own_is_left_alone(tmp_path: Path, name: str) -> None:
    """Beside a Deployment of the operator's own, whatever its name, the components build, and leave it as it is."""
    pod = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "own", "image": "own:1"}]}}
    about = {"selector": {"matchLabels": {"app": name}}, "template": pod}
    own = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": about}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(own))
    rendered = render_with(tmp_path, "ingress", ["key-pair", "no-shared-secret"], ["own.yaml"])
    assert [each["spec"] for each in rendered if name_of(each) == name] == [about]


def render_with(folder: Path, variant: str, components: list[str], own: Sequence[str] = ()) -> list[Manifest]:
    """Return the Deployments of a variant with components, as an operator's own kustomization names them."""
    place = os.path.relpath(FOLDER, folder)
    listed = ", ".join(f"{place}/{each}" for each in components)
    resources = ", ".join((f"{place}/{variant}", *own))
    (folder / "kustomization.yaml").write_text(f"resources: [{resources}]\ncomponents: [{listed}]\n")
    rendered = render_folder(folder)
    (settings,) = [each for each in rendered if name_of(each).startswith("gatepost-settings")]
    assert settings["data"]["PUBLISHED_KEYS"] == "on"
    return [each for each in rendered if each["kind"] == "Deployment"]


def test_the_readme_s_own_kustomization_works(tmp_path: Path) -> None:
    """The kustomization that the README proposes renders: its images, its host, its settings are what comes out."""
    text = (FOLDER / "README.md").read_text().partition("```yaml\n")[2].partition("   ```")[0]
    own = textwrap.dedent(text).replace("../gatepost/deploy/kubernetes", os.path.relpath(FOLDER, tmp_path))
    (tmp_path / "kustomization.yaml").write_text(own)
    rendered = render_folder(tmp_path)
    for manifest in rendered:
        if manifest["apiVersion"] in FOREIGN:
            continue
        kubernetes_validate.validate(manifest, VERSIONS[0], strict=True)
    images = {read_container(each)["image"] for each in rendered if each["kind"] == "Deployment"}
    assert images == {f"registry.example.org/you/{name}:0.2.0" for name in ("gateway", "auth_service", "posts_service")}
    (ingress,) = [each for each in rendered if each["kind"] == "Ingress"]
    (settings,) = [each["data"] for each in rendered if each["kind"] == "ConfigMap"]
    assert [rule["host"] for rule in ingress["spec"]["rules"]] == ["id.example.org"]
    assert ingress["spec"]["tls"][0]["hosts"] == ["id.example.org"]
    assert settings["NEXTAUTH_URL"] == "https://id.example.org"
    assert settings["AUTH_SERVICE_URL"] == "http://auth-service:8001"
