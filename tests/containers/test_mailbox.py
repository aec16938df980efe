"""The mailbox in containers, ``make up MAIL=mailbox``: it takes letters, shows them here, and reaches nobody."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import httpx2
import pytest

from tests.support.containers import CommandFailed, Containers, clean_project
from tests.support.ports import find_free_port

SEND = """
import smtplib
with smtplib.SMTP("mailbox", 2525, timeout=5) as smtp:
    smtp.sendmail("no-reply@localhost", ["ada@example.com"], "Subject: It came\\n\\nHello")
"""


@dataclass(frozen=True, slots=True)
class WithMailbox:
    """The stack with a mailbox, where that is published, and what the start printed."""

    containers: Containers
    port: str
    printed: str

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture(scope="module")
def stack() -> Iterator[WithMailbox]:
    """Give the stack in containers with a mailbox."""
    port = str(find_free_port())
    with clean_project("gatepost-mailbox", MAIL="mailbox", MAILBOX_PORT=port) as containers:
        yield WithMailbox(containers, port, containers.run_script("deploy/compose_up.sh"))


def test_its_page_is_named(stack: WithMailbox) -> None:
    """Whoever starts the containers with a mailbox is told where it shows letters."""
    assert f"  letters        {stack.url}   shows all" in stack.printed


def test_the_auth_service_sends_there(stack: WithMailbox) -> None:
    """Letters of the auth service, and of no other, go to the mailbox, which its own network leads to."""
    told = {
        service: [line for line in read_environment(stack.containers, service) if line.startswith("SMTP_URL=")]
        for service in ("auth_service", "posts_service", "gateway", "mailbox")
    }
    expected = ["SMTP_URL=smtp://mailbox:2525?tls=none"]
    assert told == {"auth_service": expected, "posts_service": [], "gateway": [], "mailbox": []}
    stack.containers.execute("auth_service", "python", "-c", SEND)
    letters = httpx2.get(f"{stack.url}/letters.json", timeout=10, trust_env=False).json()
    assert [letter["subject"] for letter in letters] == ["It came"]


def test_it_knows_no_secret(stack: WithMailbox) -> None:
    """Of our settings the mailbox gets which environment this is, and nothing else."""
    names = {line.partition("=")[0] for line in read_environment(stack.containers, "mailbox")}
    assert not [name for name in names if "SECRET" in name or name.endswith("_URL")]


def read_environment(containers: Containers, service: str) -> list[str]:
    """Return the environment of a container, a variable a line."""
    lines: list[str] = json.loads(containers.format(service, "{{json .Config.Env}}"))
    return lines


def test_it_runs_without_any_privilege(stack: WithMailbox) -> None:
    """It does not run as root, holds no capability and can gain none, and can't change its image."""
    status = stack.containers.read_status("mailbox")
    assert "0" not in (*status["Uid"].split(), *status["Gid"].split())
    assert [int(status[held], 16) for held in ("CapPrm", "CapEff", "CapBnd", "CapAmb")] == [0, 0, 0, 0]
    assert status["NoNewPrivs"] == "1"
    with pytest.raises(CommandFailed, match="Read-only file system"):
        stack.containers.execute("mailbox", "touch", "/opt/x")


def test_only_its_page_is_published(stack: WithMailbox) -> None:
    """The page is published on 127.0.0.1, and SMTP to containers alone."""
    assert stack.containers.read_published("mailbox") == [("8025/tcp", "127.0.0.1", stack.port)]


def test_it_reaches_nothing_outside(stack: WithMailbox) -> None:
    """Its networks are the services', which leads nowhere, and its own, whose packets nobody outside can answer."""
    containers, (services, own) = stack.containers, ("gatepost-mailbox_services", "gatepost-mailbox_mailbox")
    names = containers.format("mailbox", "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}").split()
    assert sorted(names) == sorted([services, own])
    assert containers.is_internal(services)
    assert containers.read_network_options(own)["com.docker.network.bridge.enable_ip_masquerade"] == "false"


def test_its_image_holds_only_what_it_needs(stack: WithMailbox) -> None:
    """The image holds the mailbox's folder, ``shared`` and the number of the commit, and nothing else of ours."""
    listed = stack.containers.execute("mailbox", "find", "/app", "-maxdepth", "2", "-path", "/app/deploy*").split()
    assert listed == ["/app/deploy", "/app/deploy/mailbox"]
    assert sorted(stack.containers.execute("mailbox", "ls", "/app").split()) == ["COMMIT", "deploy", "shared"]
