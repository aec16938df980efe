"""Two replicas of each service: compose's file, and a second one made from it, with what is there once more.

Each replica of an upstream has a name of its own, for the gateway chooses among those that its policy names. Who asks
for "the" auth service (``/internal/*``) finds both under one name, as behind any balancer.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import yaml

from tests.faults.containers import ROOT, SECOND, SERVICES

MIGRATION = "/app/posts_service/tables/migrations/0099-experiment.sql"
ADDITIVE = """-- A column more, as an upgrade brings it while replicas run that do not know it
-- depends: {depends}

-- migrate: apply
ALTER TABLE posts ADD COLUMN experiment text NOT NULL DEFAULT 'none';

-- migrate: rollback
ALTER TABLE posts DROP COLUMN experiment;
"""

_PORTS = {"auth_service": 8001, "posts_service": 8002}
RULES = "rules.toml"
START = "gatepost.start"  # the label that says how deploy/compose_up.sh starts a service
KEYS, KEYS_INSIDE = "keys", "/run/keys"  # a folder for key files, and where the auth service finds it


def name_second(service: str) -> str:
    """Return the name of a service's second replica."""
    return service + SECOND


def write_replicas(directory: Path, second_port: int, *, is_upgrade: bool = False) -> Path:
    """Write compose's second file, and the policy, into a directory; ``is_upgrade`` brings posts a migration more."""
    directory.chmod(0o755)  # it is read by another user in the containers
    (directory / KEYS).mkdir(exist_ok=True)
    (directory / RULES).write_text(_name_replicas((ROOT / "gateway/rules.toml").read_text()))
    newest = max(path.stem for path in (ROOT / "posts_service/tables/migrations").glob("*.sql"))
    (directory / "migration.sql").write_text(ADDITIVE.format(depends=newest))
    given = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    services: dict[str, Mapping[str, object]] = {}
    for name in SERVICES:
        more = _list_more(name, directory, is_upgrade=is_upgrade)
        services[name] = {"networks": _name_networks(given[name]["networks"], f"{name}_1"), **more}
        second = {key: value for key, value in given[name].items() if key not in {"ports", "depends_on"}}
        second |= {"networks": _name_networks(given[name]["networks"], name), **more}
        second["volumes"] = [*given[name].get("volumes", []), *more.get("volumes", [])]
        second["labels"] = {START: given[name]["labels"][START].removesuffix(" migrated")}  # once is enough
        if name == "gateway":
            second["ports"] = [f"127.0.0.1:{second_port}:3000"]
        services[name_second(name)] = second
    file = directory / ("upgrade.json" if is_upgrade else "replicas.json")  # compose reads YAML, and JSON is YAML
    file.write_text(json.dumps({"version": "3.8", "services": services}))
    return file


def _list_more(name: str, directory: Path, *, is_upgrade: bool) -> dict[str, list[str]]:
    if name == "gateway":
        return {"volumes": [f"{directory / RULES}:/app/gateway/{RULES}:ro"]}
    if name == "auth_service":
        return {"volumes": [f"{directory / KEYS}:{KEYS_INSIDE}:ro"]}
    if name == "posts_service" and is_upgrade:
        return {"volumes": [f"{directory}/migration.sql:{MIGRATION}:ro"]}
    return {}


def _name_networks(networks: list[str], alias: str) -> dict[str, dict[str, list[str]]]:
    return {network: {"aliases": [alias]} if network == "services" else {} for network in networks}


def _name_replicas(rules: str) -> str:
    """Return the policy with both replicas of each upstream."""
    for name, port in _PORTS.items():
        both = f'["http://{name}_1:{port}", "http://{name_second(name)}:{port}"]'
        rules = rules.replace(f'"${{{name.upper()}_URL}}"', both)
    return rules
