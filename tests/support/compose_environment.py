"""What is in a container's environment: what its image sets, and ``docker-compose.yml``, given an ``.env``."""

import re
from collections.abc import Mapping

import yaml

from tests.support.house import ROOT

# The two forms that the file uses: with a default for what is not set or empty, and for what is not set.
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?P<even_empty>:?)-(?P<default>[^}]*)\}")


_STAGE = re.compile(r"^FROM \S+ AS (?P<name>\w+)\n(?P<text>(?:(?!FROM ).*\n)*)", re.MULTILINE)
_SETS = re.compile(r"^ENV (?P<pairs>(?:.*\\\n)*.*)$", re.MULTILINE)
_PAIR = re.compile(r"(?P<name>\w+)=(?P<value>[^\s$]+)(?=\s|$)")


def read_container_environment(service: str, env_file: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a service's container."""
    stages = {stage["name"]: stage["text"] for stage in _STAGE.finditer((ROOT / "Dockerfile").read_text())}
    sets = _SETS.findall(stages["runtime"] + stages[service])
    image = {pair["name"]: pair["value"] for each in sets for pair in _PAIR.finditer(each)}
    return {**image, **read_compose_environment(service, env_file)}


def read_compose_environment(service: str, env_file: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a service's container, without what its image sets."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    given: dict[str, object] = compose["services"][service]["environment"]
    return {name: _VARIABLE.sub(lambda found: _resolve(found, env_file), str(value)) for name, value in given.items()}


def _resolve(variable: re.Match[str], env_file: Mapping[str, str]) -> str:
    value = env_file.get(variable["name"])
    return variable["default"] if value is None or (variable["even_empty"] and not value) else value
