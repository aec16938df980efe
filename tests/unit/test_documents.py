"""What documents and configurations for others say is there, and what is there is said."""

import re

from shared.settings import SETTING_NAMES
from tests.support.house import ROOT

RESERVED = ("example.com", "example.org", "example.net", "example", "localhost")  # RFC 2606, and this machine


def test_the_list_of_targets_stands_in_columns() -> None:
    """``make help`` leaves room for the longest name of a target that it lists."""
    text = (ROOT / "Makefile").read_text()
    names = re.findall(r"^([a-z -]+):.*## ", text, re.MULTILINE)
    (room,) = re.findall(r"make %-(\d+)s", text)
    assert max(map(len, names)) <= int(room)


def test_nginx_sets_no_variable_in_vain() -> None:
    """Each variable that the configuration for nginx sets is used there."""
    text = (ROOT / "docs" / "forward-auth" / "nginx.conf").read_text()
    for name in re.findall(r"auth_request_set (\$\w+)", text):
        assert text.count(name) > 1, name


def test_images_of_nobody() -> None:
    """The README of Kubernetes names images at hosts that belong to nobody."""
    text = (ROOT / "deploy" / "kubernetes" / "README.md").read_text()
    hosts = re.findall(r"(?:name|newName): ([a-z0-9.-]+)/", text)
    assert hosts
    assert not [host for host in hosts if not host.endswith(RESERVED)]


def test_what_compose_has_otherwise_is_said() -> None:
    """The README's table names each default of compose that is not the one of ``.env.example``."""
    compose = (ROOT / "docker-compose.yml").read_text()
    ours = dict(re.findall(r"^#([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    readme = (ROOT / "README.md").read_text().partition("## Settings")[2]
    others = {
        name: value
        for name, value in re.findall(r"\$\{([A-Z_]+):-([^}]*)\}", compose)
        if name in SETTING_NAMES and ours[name] not in {"", value} and name != "GATEWAY_RULES"
    }
    assert {"LOG_FORMAT", "DRAIN_SECONDS"} <= set(others)
    for name, value in others.items():
        (row,) = [line for line in readme.splitlines() if line.startswith("|") and f"`{name}`" in line.split("|")[1]]
        assert f"containers: `{value}`" in row
