"""What ``docker-compose.yml`` puts into a container's environment, given an ``.env``."""

import re
from collections.abc import Mapping

import yaml

from tests.support.house import ROOT

_VARIABLE = re.compile(r"\$\{(?P<name>\w+):-(?P<default>[^}]*)\}")  # the one form that the file uses


def read_compose_environment(service: str, env_file: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a service's container, without what its image sets."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    given: dict[str, object] = compose["services"][service]["environment"]
    return {
        name: _VARIABLE.sub(lambda found: env_file.get(found["name"]) or found["default"], str(value))
        for name, value in given.items()
    }
