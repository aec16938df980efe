"""The containers under test: a compose project of their own, on a port of their own, from a clean state."""

import contextlib
import fcntl
import ipaddress
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from stack.services import SETTING_NAMES
from tests.support.ports import find_free_port
from tests.support.running_stack import MANY_AT_ONE_ADDRESS, ROOT

PROJECT = "gatepost-tests"
SERVICES = ("gateway", "auth_service", "posts_service", "postgres", "port_holder")
STATE_PATIENCE = 300.0  # seconds
PATIENCE = 1200.0  # seconds for one command; the first build installs the libraries


class CommandFailed(Exception):
    """A command ended with another code than 0; the text is what it printed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered, so that two ways to it can be compared."""

    status: int
    body: object
    challenge: str | None


@dataclass(frozen=True, slots=True)
class Containers:
    """A running compose project; ``settings`` are added to the environment of its commands, which run in ``root``."""

    url: str
    port: int
    project: str = PROJECT
    settings: Mapping[str, str] = field(default_factory=dict)
    root: Path = ROOT

    def up(self) -> None:
        """Build, start, and wait until all are healthy, as ``make up`` does."""
        self._run("deploy/compose_up.sh")

    def start(self) -> str:
        """Start what does not run, without building, wait until all are healthy, and return what was printed."""
        return self._run("deploy/compose_up.sh", "--no-build")

    def compose(self, *arguments: str) -> str:
        """Return what a compose command prints."""
        return self._run("deploy/compose.sh", *arguments)

    def run_script(self, script: str, *arguments: str) -> str:
        """Return what a script of the project prints."""
        return self._run(script, *arguments)

    def docker(self, verb: str, service: str) -> None:
        """Do something to a service's container: ``kill``, ``pause`` and so on."""
        self._run("docker", verb, self.find_id(service))

    def format(self, service: str, template: str) -> str:
        """Return what Docker knows of a service's container, in ``docker inspect``'s template language."""
        return self._run("docker", "inspect", "--format", template, self.find_id(service))

    def read_status(self, service: str) -> dict[str, str]:
        """Return the kernel's view of a container's first process (proc_pid_status(5))."""
        lines = self.execute(service, "cat", "/proc/1/status").splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def read_published(self, service: str) -> list[tuple[str, str, str]]:
        """Return (port inside, host address, host port) of what a container publishes."""
        printed = self.format(service, "{{json .NetworkSettings.Ports}}")
        return [
            (inside, binding["HostIp"], binding["HostPort"])
            for inside, bindings in json.loads(printed).items()
            for binding in bindings or []
        ]

    def is_internal(self, network: str) -> bool:
        """Return whether a network leads nowhere else."""
        return self._run("docker", "network", "inspect", "--format", "{{.Internal}}", network).strip() == "true"

    def read_network_options(self, network: str) -> dict[str, str]:
        """Return what the driver of a network was told."""
        options: dict[str, str] = json.loads(
            self._run("docker", "network", "inspect", "--format", "{{json .Options}}", network)
        )
        return options

    def find_id(self, service: str) -> str:
        """Return the id of a service's container."""
        labels = (f"com.docker.compose.project={self.project}", f"com.docker.compose.service={service}")
        filters = [part for label in labels for part in ("--filter", f"label={label}")]
        return self._run("docker", "ps", "--all", "--quiet", "--no-trunc", *filters).strip()

    def wait_for_state(self, service: str, template: str, wanted: str) -> None:
        """Return once Docker says this of a service's container; raises TimeoutError."""
        self._wait_for(lambda: self.format(service, template).strip() == wanted, f"{service}: {wanted}")

    def wait_until_healthy(self, service: str) -> None:
        """Return once a service's container is healthy; raises TimeoutError."""
        self.wait_for_state(service, "{{.State.Health.Status}}", "healthy")

    def wait_for_log(self, service: str, event: str, times: int = 1) -> None:
        """Return once a service's container has logged an event so often; raises TimeoutError."""
        self._wait_for(lambda: self.read_log(service).count(event) >= times, f"{service}: {event}")

    def read_log(self, service: str) -> str:
        """Return what a service's container has logged."""
        return self._run("docker", "logs", self.find_id(service), is_log=True)

    @staticmethod
    def _wait_for(holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + STATE_PATIENCE
        while not holds():
            if time.monotonic() > deadline:
                raise TimeoutError(what)
            time.sleep(0.2)

    def execute(self, service: str, *command: str) -> str:
        """Return what a command prints inside a container; raises CommandFailed."""
        return self._run("docker", "exec", self.find_id(service), *command)

    def ask(self, questions: Sequence[tuple[str, Mapping[str, str]]]) -> list[Answer]:
        """GET each URL with its headers from inside the network, where every service can be reached."""
        command = ("docker", "exec", "--interactive", self.find_id("gateway"), "python", "-c", _ASK)
        printed = self._run(*command, stdin=json.dumps(list(questions)))
        return [Answer(**answer) for answer in json.loads(printed)]

    def _run(self, *command: str, stdin: str = "", is_log: bool = False) -> str:
        finished = subprocess.run(
            command,
            cwd=self.root,
            env=self.environment(),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        if finished.returncode != 0:
            raise CommandFailed(f"{command}: {finished.stdout}\n{finished.stderr}")
        return finished.stdout + finished.stderr if is_log else finished.stdout

    def environment(self) -> dict[str, str]:
        """Return the environment in which commands see this project."""
        outside = {name: value for name, value in os.environ.items() if name not in SETTING_NAMES}
        project = {"COMPOSE_PROJECT_NAME": self.project, "GATEWAY_PORT": str(self.port)}
        nobody_waits = {"DRAIN_SECONDS": "0"}
        return {**outside, **MANY_AT_ONE_ADDRESS, **nobody_waits, **self.settings, **project}


_ASK = """
import json, sys, urllib.error, urllib.request

def ask(url, headers):
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return {"status": answer.status, "body": json.load(answer), "challenge": answer.headers["www-authenticate"]}

print(json.dumps([ask(*question) for question in json.load(sys.stdin)]))
"""


def find_host_address() -> str:
    """Return where containers reach this machine, which compose calls ``host-gateway``; or skip the test.

    Until its second start Docker does not tell it: it is the first address of the network then (moby issue 26799).
    """
    _require_docker()
    command = ("docker", "network", "inspect", "bridge", "--format", "{{json (index .IPAM.Config 0)}}")
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return told.get("Gateway") or str(next(ipaddress.ip_network(told["Subnet"]).hosts()))


def _require_docker() -> None:
    """Skip the test where Docker does not answer."""
    is_here = shutil.which("docker") is not None
    if not is_here or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        pytest.skip("Docker does not answer")


@contextlib.contextmanager
def running_containers(project: str = PROJECT, root: Path = ROOT, **settings: str) -> Iterator[Containers]:
    """Give the stack in containers, with empty databases, or skip the test; remove it and its data at the end."""
    with clean_project(project, root, **settings) as containers:
        containers.up()
        yield containers


@contextlib.contextmanager
def clean_project(project: str, root: Path = ROOT, **settings: str) -> Iterator[Containers]:
    """Give a compose project in which nothing runs yet, or skip the test; remove it and its data at the end.

    The project's name is always the same, so that a run clears away what a killed one left; a second run waits.
    """
    _require_docker()
    port = find_free_port()
    containers = Containers(f"http://localhost:{port}", port, project, settings, root)
    with (Path(tempfile.gettempdir()) / f"{project}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # until the file is closed
        containers.compose("down", "--volumes", "--remove-orphans")
        try:
            yield containers
        finally:
            containers.compose("down", "--volumes", "--remove-orphans")
