"""``deploy/observe``: alerts that promtool takes and that fire when they should; a dashboard that finds its metrics."""

import json
import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from deploy.alert_rules import read_rules, write_prometheus_rule
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


def find_metrics(query: str) -> list[str]:
    """Return the metrics that a query names."""
    return re.findall(r"\b(gatepost_\w+|process_\w+|up|ALERTS)\b", query)


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


@pytest.mark.parametrize(("severity", "receiver"), [("critical", "at once"), ("warning", "in the morning")])
def test_somebody_is_called(severity: str, receiver: str) -> None:
    """Alertmanager takes the sample, which tells those who are to act: at once what is critical."""
    if shutil.which("amtool") is None:
        pytest.skip("amtool is not installed")
    for arguments in (("check-config",), ("config", "routes", "test", f"severity={severity}", "--config.file")):
        command = ["amtool", *arguments, "alertmanager.yaml"]
        ended = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.strip() == receiver


def test_prometheus_knows_whom_to_tell() -> None:
    """The alerts go to the Alertmanager of compose, whose inhibitions name alerts that there are."""
    ((alertmanagers,),) = [each["static_configs"] for each in PROMETHEUS["alerting"]["alertmanagers"]]
    assert alertmanagers["targets"] == ["alertmanager:9093"]
    assert "alertmanager" in COMPOSE
    inhibited = re.findall(r"Gatepost\w+", (FOLDER / "alertmanager.yaml").read_text())
    assert set(inhibited) <= {rule["alert"] for rule in RULES}


def test_every_alert_is_tested() -> None:
    """Each alert has a case in which it fires, and in another nothing at all does though all it asks about is there."""
    (quiet, idle, loud, said) = CASES
    fired = {
        re.search(r'alertname="(\w+)"', sample["labels"])[1]  # type: ignore[index]
        for check in loud["promql_expr_test"]
        for sample in check["exp_samples"]
    }
    assert fired == {rule["alert"] for rule in RULES}
    for case in (quiet, idle):
        assert [check["exp_samples"] for check in case["promql_expr_test"]] == [[], []]
    there = " ".join(series["series"] for series in quiet["input_series"])
    for rule in RULES:
        assert set(find_metrics(rule["expr"])) <= set(find_metrics(there)), rule["alert"]
    assert [check["exp_alerts"][0]["exp_annotations"] for check in said["alert_rule_test"]]


def test_every_alert_says_what_to_do() -> None:
    """Each alert waits a while, has a severity, and says what is the matter, what to do, and where more stands."""
    for rule in RULES:
        assert {"for", "labels", "annotations"} <= set(rule)
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert set(rule["annotations"]) == {"summary", "action", "runbook_url"}


def test_every_alert_has_its_entry_in_the_runbook() -> None:
    """Each alert's URL leads to an entry of its own, which is complete, and no entry is about what does not exist."""
    page, _, rest = (ROOT / "docs" / "operations.md").read_text().partition("\n## Alerts\n")
    assert page
    entries = dict(re.findall(r"^### (Gatepost\w+)\n(.*?)(?=^##|\Z)", rest, re.MULTILINE | re.DOTALL))
    assert list(entries) == [rule["alert"] for rule in RULES]
    for rule in RULES:
        assert rule["annotations"]["runbook_url"] == f"docs/operations.md#{rule['alert'].lower()}"
        parts = re.findall(r"^- \*\*([\w ]+)\*\*: (?=\S)", entries[rule["alert"]], re.MULTILINE)
        assert parts == ["Means", "Users notice", "Look", "Do"], rule["alert"]


def test_no_number_is_written_twice() -> None:
    """A limit that is a setting, or somebody else's, is compared as a metric: no alert repeats a default of ours."""
    expressions = {rule["alert"]: rule["expr"] for rule in RULES}
    for alert, limit in (
        ("GatepostDatabaseFull", "gatepost_database_connections_limit"),
        ("GatepostMemory", "gatepost_memory_limit_bytes"),
        ("GatepostDescriptors", "process_max_fds"),
        ("GatepostClockOff", "gatepost_clock_offset_limit_seconds"),
    ):
        assert limit in expressions[alert]


def test_what_has_an_alert_of_its_own_is_not_told_twice() -> None:
    """The alert on any other remark leaves out those that have one, and no others; each remark is told by one."""
    (own,) = [rule["expr"] for rule in RULES if rule["alert"] == "GatepostKeys"]
    (rest,) = [rule["expr"] for rule in RULES if rule["alert"] == "GatepostRemarked"]
    told = set(re.search(r'about=~"([^"]*)"', own)[1].split("|"))  # type: ignore[index]
    left_out = set(re.search(r'about!~"([^"]*)"', rest)[1].split("|"))  # type: ignore[index]
    assert left_out == told | {"clock", "mail", "revocations", "user_changes"}
    assert {"GatepostClockOff", "GatepostLettersWait", "GatepostFeedCut"} <= {rule["alert"] for rule in RULES}


def test_the_operator_s_rules_are_these() -> None:
    """Kubernetes gets the same alerts; ``make alerts`` writes them."""
    rule = ROOT / "deploy" / "kubernetes" / "monitoring" / "prometheus-rule.yaml"
    assert rule.read_text() == write_prometheus_rule(read_rules())


def test_runbooks_are_found_where_they_are_published() -> None:
    """With an address in front each URL is complete, and nothing else is different."""
    published = read_rules("https://git.example.org/gatepost/blob/main/")
    urls = [rule["annotations"].pop("runbook_url") for group in published["groups"] for rule in group["rules"]]
    assert urls[0] == "https://git.example.org/gatepost/blob/main/docs/operations.md#gatepostreplicadown"
    without = [{**rule, "annotations": {**rule["annotations"]}} for rule in RULES]
    for rule in without:
        del rule["annotations"]["runbook_url"]
    assert [rule for group in published["groups"] for rule in group["rules"]] == without


def test_queries_name_only_what_there_is(known: Known) -> None:
    """No query of an alert or of the dashboard names a metric or a label that no service has."""
    for query in list_queries():
        bare = re.sub(r'"[^"]*"', '""', query)
        assert set(find_metrics(bare)) <= known.metrics, query
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
    built = {name for name, service in COMPOSE.items() if "build" in service and "profiles" not in service}
    ours = built - {"port_holder"}  # which has nothing to tell
    assert set(found) == ours
    for name, target in found.items():
        stage = image.partition(f"AS {name}\n")[2]
        assert target["names"] == [name]
        assert f"METRICS_PORT={target['port']}\n" in stage.partition("EXPOSE")[0]


def test_watching_is_optional_and_local() -> None:
    """Prometheus, Alertmanager and Grafana start only with their profile, and listen on 127.0.0.1 alone."""
    for name in ("prometheus", "alertmanager", "grafana"):
        assert COMPOSE[name]["profiles"] == ["observe"]
        assert all(port.startswith("127.0.0.1:") for port in COMPOSE[name]["ports"])
        sources = [volume.split(":")[0] for volume in COMPOSE[name]["volumes"]]
        assert all((ROOT / source).is_file() for source in sources)
