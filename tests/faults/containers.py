"""The containers under experiment: a compose project of their own, on ports of their own, with data of their own.

Everything here waits without blocking, for the people of ``traffic`` go on meanwhile.
"""

import asyncio
import contextlib
import os
import re
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stack.services import SETTING_NAMES

ROOT = Path(__file__).parents[2]
PROJECT = "gatepost-faults"
SECOND = "_2"  # follows a service's name in that of its second replica
SERVICES = ("gateway", "auth_service", "posts_service")
PATIENCE = 300.0  # seconds for one command; the first build installs the libraries
HEALTHY_WITHIN = 60.0

_FETCH = """
import os, sys, urllib.error, urllib.request
port = os.environ["METRICS_PORT" if sys.argv[1] == "/metrics" else "PORT"]
try:
    answer = urllib.request.urlopen(f"http://127.0.0.1:{port}{sys.argv[1]}", timeout=10)
except urllib.error.HTTPError as refusal:
    answer = refusal
print(answer.read().decode())
"""

MANY_AT_ONE_ADDRESS = {
    **dict.fromkeys(("SIGN_IN_FAILURES_PER_ACCOUNT", "SIGN_IN_FAILURES_PER_ADDRESS"), "1000000"),
    **dict.fromkeys(("SIGN_IN_FAILURES_IN_A_ROW", "SIGN_UPS_PER_HOUR", "CLIENT_LOGS_PER_MINUTE"), "1000000"),
    **dict.fromkeys(("TOKEN_REFRESHES_PER_HOUR", "RENAMES_PER_HOUR"), "1000000"),
}


class CommandFailed(Exception):
    """A command ended with another code than 0; the text is what it printed."""


@dataclass(frozen=True, slots=True)
class Containers:
    """A compose project. ``files`` are compose's, ``settings`` beside those that the experiments always need."""

    port: int
    files: Sequence[Path] = (ROOT / "docker-compose.yml",)
    settings: Mapping[str, str] = field(default_factory=dict)

    async def up(self, *, build: bool = True) -> None:
        """Start, and wait until all are healthy."""
        await self._run("deploy/compose_up.sh", *([] if build else ["--no-build"]))

    async def down(self) -> None:
        """Remove the containers, the networks and the data."""
        await self.compose("down", "--volumes", "--remove-orphans", "--timeout", "3")

    async def compose(self, *arguments: str) -> str:
        """Return what a compose command prints."""
        return await self._run("deploy/compose.sh", *arguments)

    async def docker(self, *arguments: str) -> str:
        """Return what a docker command prints."""
        return (await self._run("docker", *arguments)).strip()

    async def get_id(self, service: str) -> str:
        """Return the id of a service's container, running or not."""
        labels = (f"com.docker.compose.project={PROJECT}", f"com.docker.compose.service={service}")
        filters = [part for label in labels for part in ("--filter", f"label={label}")]
        found = (await self.docker("ps", "--all", "--quiet", "--no-trunc", *filters)).split()
        if len(found) != 1:
            raise CommandFailed(f"{service} has {len(found)} containers")
        return found[0]

    async def list_services(self) -> list[str]:
        """Return the names of the services that are ours, replicas included."""
        label = "com.docker.compose"
        project = ("--filter", f"label={label}.project={PROJECT}")
        printed = await self.docker("ps", "--all", *project, "--format", f'{{{{.Label "{label}.service"}}}}')
        return [name for name in printed.split() if name.removesuffix(SECOND) in SERVICES]

    async def get_address(self, service: str) -> str:
        """Return a service's own address on the outer network, for what Docker's forwarding of ports would not bear."""
        template = f'{{{{(index .NetworkSettings.Networks "{PROJECT}_outside").IPAddress}}}}'
        return await self.docker("inspect", "--format", template, await self.get_id(service))

    async def execute(self, service: str, *command: str) -> str:
        """Return what a command prints inside a service's container."""
        return await self.docker("exec", await self.get_id(service), *command)

    async def fetch(self, service: str, path: str) -> str:
        """Return what a service answers when it is asked in its own container, whatever the status."""
        return await self.execute(service, "python", "-S", "-c", _FETCH, path)

    async def read_metric(self, service: str, name: str) -> float | None:
        """Return a metric of a service, all its labels together; None if there is no such metric."""
        lines = (await self.fetch(service, "/metrics")).splitlines()
        values = [float(line.rsplit(" ", 1)[1]) for line in lines if re.match(rf"{name}[ {{]", line)]
        return sum(values) if values else None

    async def ask_postgres(self, statement: str, database: str = "postgres") -> str:
        """Return what a statement of the superuser answers, unaligned."""
        psql = ("psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--username=postgres")
        return await self.execute("postgres", *psql, f"--dbname={database}", "--command", statement)

    async def kill(self, service: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a service's process a signal from outside: Docker does not know who it was, and starts what ended."""
        pid = int(await self.docker("inspect", "--format", "{{.State.Pid}}", await self.get_id(service)))
        if pid:
            os.kill(pid, number)

    async def wait_until_healthy(self, service: str) -> None:
        """Return when a service is ready; TimeoutError when it does not become so."""
        container = await self.get_id(service)
        deadline = time.monotonic() + HEALTHY_WITHIN
        while await self.docker("inspect", "--format", "{{.State.Health.Status}}", container) != "healthy":
            if time.monotonic() > deadline:
                raise TimeoutError(f"{service} is not healthy after {HEALTHY_WITHIN:.0f} s")
            await asyncio.sleep(0.2)

    async def read_log(self, service: str, since: float) -> str:
        """Return what a service has printed since a moment, in seconds since 1970."""
        return await self._run(
            "docker", "logs", "--since", f"{since:.3f}", await self.get_id(service), with_errors=True
        )

    async def _run(self, *command: str, with_errors: bool = False) -> str:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=ROOT,
            env=self._environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT if with_errors else asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(PATIENCE):
                printed, complaints = await process.communicate()
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
        if process.returncode != 0:
            raise CommandFailed(f"{' '.join(command)}: {printed.decode()}\n{(complaints or b'').decode()}")
        return printed.decode(errors="replace")

    def _environment(self) -> dict[str, str]:
        outside = {name: value for name, value in os.environ.items() if name not in SETTING_NAMES}
        ours = {
            "COMPOSE_PROJECT_NAME": PROJECT,
            "COMPOSE_FILE": ":".join(str(file) for file in self.files),
            "GATEWAY_PORT": str(self.port),
            "TRUSTED_PROXIES": "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16",  # so that floods come from many addresses
        }
        return {**outside, **MANY_AT_ONE_ADDRESS, **ours, **self.settings}
