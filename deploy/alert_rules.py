"""The alerts of ``deploy/observe/alerts.yaml`` in other shapes, so that nothing is written twice.

    python -m deploy.alert_rules --kubernetes
    python -m deploy.alert_rules --runbooks https://git.example.org/gatepost/blob/main/

The first prints a PrometheusRule for the Prometheus operator, as ``deploy/kubernetes/monitoring/prometheus-rule.yaml``
has it: ``make alerts`` writes that. The second gives the rules complete runbook URLs. Both can be combined.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import yaml

ALERTS = Path(__file__).parent / "observe" / "alerts.yaml"
RUNBOOK = "runbook_url"
_WRITTEN = "# Written by `make alerts` from deploy/observe/alerts.yaml.\n"

Document = dict[str, Any]


def main() -> None:
    """Print what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m deploy.alert_rules", description=__doc__.partition("\n")[0])
    parser.add_argument("--kubernetes", action="store_true", help="as a PrometheusRule")
    parser.add_argument(
        "--runbooks", default="", metavar="URL", help="what docs/operations.md is below, with a / at its end"
    )
    options = parser.parse_args()
    rules = read_rules(options.runbooks)
    sys.stdout.write(write_prometheus_rule(rules) if options.kubernetes else dump(rules))


def read_rules(runbooks: str = "", file: Path = ALERTS) -> Document:
    """Return the file's content, with ``runbooks`` in front of each URL of a runbook."""
    rules: Document = yaml.safe_load(file.read_text(encoding="utf-8"))
    for group in rules["groups"]:
        for rule in group["rules"]:
            rule["annotations"][RUNBOOK] = runbooks + rule["annotations"][RUNBOOK]
    return rules


def write_prometheus_rule(rules: Document) -> str:
    """Return the rules as an object that the Prometheus operator takes."""
    about = {"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "metadata": {"name": "gatepost"}}
    return _WRITTEN + dump({**about, "spec": rules})


def dump(document: Document) -> str:
    """Return a document as YAML, its members in their order."""
    return str(yaml.safe_dump(document, sort_keys=False, width=1000, allow_unicode=True))


if __name__ == "__main__":
    main()
