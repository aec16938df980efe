"""``deploy/observe``: alerts that promtool takes and that fire when they should; a dashboard that finds its metrics."""

import json
import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from shared.postgres.database import POOL_SIZE
from tests.support.house import ROOT
from tests.support.metric_names import Known, list_known

FOLDER = ROOT / "deploy" / "observe"
ALERTS = yaml.safe_load((FOLDER / "alerts.yaml").read_text())
CASES = yaml.safe_load((FOLDER / "alerts.test.yaml").read_text())["tests"]
PROMETHEUS = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())
DASHBOARD = json.loads((FOLDER / "grafana" / "dashboard.json").read_text())
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
OF_PROMETHEUS = Known({"up", "ALERTS"}, {"job", "instance", "le", "alertname", "alertstate"})


def list_queries() -> list[str]:
    """Return every query of the alerts and of the dashboard."""
    panels = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    annotations = [each["expr"] for each in DASHBOARD["annotations"]["list"]]
    return [*panels, *annotations, *(rule["expr"] for rule in RULES)]


@pytest.fixture(scope="module")
def known() -> Known:
    """Give the names that there are."""
    found = list_known()
    return Known(found.metrics | OF_PROMETHEUS.metrics, found.labels | OF_PROMETHEUS.labels)


@pytest.mark.parametrize(
    "arguments",
    [("check", "rules", "alerts.yaml"), ("check", "config", "prometheus.yaml"), ("test", "rules", "alerts.test.yaml")],
)
def test_promtool_accepts_it(arguments: tuple[str, ...]) -> None:
    """Rules and settings are what Prometheus takes, and every alert fires, and stays silent, as its test says."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed")
    ended = subprocess.run(["promtool", *arguments], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_every_alert_is_tested() -> None:
    """Each alert has a case in which it fires and one in which it does not."""
    checks = [check for case in CASES for check in case["alert_rule_test"]]
    names = {rule["alert"] for rule in RULES}
    assert {check["alertname"] for check in checks if check.get("exp_alerts")} == names
    assert {check["alertname"] for check in checks if not check.get("exp_alerts")} == names


def test_every_alert_says_what_to_do() -> None:
    """Each alert waits a while, has a severity, and says what is the matter and what to do."""
    for rule in RULES:
        assert {"for", "labels", "annotations"} <= set(rule)
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert set(rule["annotations"]) == {"summary", "action"}


def test_queries_name_only_what_there_is(known: Known) -> None:
    """No query of an alert or of the dashboard names a metric or a label that no service has."""
    for query in list_queries():
        bare = re.sub(r'"[^"]*"', '""', query)
        assert set(re.findall(r"\b(gatepost_\w+|up|ALERTS)\b", bare)) <= known.metrics, query
        matched = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", bare)
        grouped = [label for labels in re.findall(r"\bby \(([^)]*)\)", bare) for label in labels.split(",")]
        assert {label.strip() for label in (*matched, *grouped)} <= known.labels, query


def test_metrics_are_told_apart_from_others(known: Known) -> None:
    """The comparison knows what there is, and would notice what is not."""
    assert {"gatepost_requests_total", "gatepost_request_seconds_bucket", "gatepost_upstream_resting"} <= known.metrics
    assert {"matcher", "status", "upstream", "feed", "reason"} <= known.labels
    assert "gatepost_requests" not in known.metrics


def test_every_query_shows_something() -> None:
    """Each panel has an id of its own and at least one query, each with a legend."""
    panels: list[dict[str, Any]] = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(target["expr"] and target["legendFormat"] for panel in panels for target in panel["targets"])
    assert all(panel["targets"] for panel in panels)


def test_prometheus_finds_every_service() -> None:
    """Each service is scraped by its name in compose, at the port where its image shows its metrics.

    What starts only with a profile, such as the mailbox of development, is no service of the product.
    """
    image = (ROOT / "Dockerfile").read_text()
    found = {job["job_name"]: job["dns_sd_configs"][0] for job in PROMETHEUS["scrape_configs"]}
    ours = {name for name, service in COMPOSE.items() if "build" in service and "profiles" not in service}
    assert set(found) == ours
    for name, target in found.items():
        stage = image.partition(f"AS {name}\n")[2]
        assert target["names"] == [name]
        assert f"METRICS_PORT={target['port']}\n" in stage.partition("EXPOSE")[0]


def test_the_threshold_of_the_pool_is_the_pools_size() -> None:
    """The alert on lent connections fires at as many as a replica has."""
    (rule,) = [rule for rule in RULES if rule["alert"] == "GatepostDatabaseFull"]
    assert rule["expr"].endswith(f">= {POOL_SIZE}")


def test_watching_is_optional_and_local() -> None:
    """Prometheus and Grafana start only with their profile, and listen on 127.0.0.1 alone."""
    for name in ("prometheus", "grafana"):
        assert COMPOSE[name]["profiles"] == ["observe"]
        assert all(port.startswith("127.0.0.1:") for port in COMPOSE[name]["ports"])
        sources = [volume.split(":")[0] for volume in COMPOSE[name]["volumes"]]
        assert all((ROOT / source).is_file() for source in sources)
