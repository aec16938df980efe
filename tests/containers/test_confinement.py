"""What a container may do: no more than its service needs."""

import json

import pytest

from tests.support.containers import SERVICES, CommandFailed, Containers
from tests.support.locks import read_lock
from tests.support.running_stack import ROOT

LARGEST_IMAGE = 150_000_000  # bytes
OURS = ("gateway", "auth_service", "posts_service")
COMPILERS = "gcc g++ cc c++ clang tcc as ld make"


@pytest.mark.parametrize("service", SERVICES)
def test_it_runs_without_any_privilege(containers: Containers, service: str) -> None:
    """No container runs as root, holds a capability or can gain one."""
    status = containers.read_status(service)
    assert "0" not in status["Uid"].split()
    assert "0" not in status["Gid"].split()
    for held in ("CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[held], 16) == 0, held
    assert status["NoNewPrivs"] == "1"


@pytest.mark.parametrize("service", SERVICES)
def test_its_root_file_system_is_read_only(containers: Containers, service: str) -> None:
    """Nothing in the image can be changed, by nobody; only what is mounted for writing can."""
    mounts = [line.split() for line in containers.execute(service, "cat", "/proc/mounts").splitlines()]
    assert [options.split(",")[0] for _, point, _, options, *_ in mounts if point == "/"] == ["ro"]
    with pytest.raises(CommandFailed, match="Read-only file system"):
        containers.execute(service, "touch", "/opt/x")


def test_only_the_gateway_is_published(containers: Containers) -> None:
    """One port is open on the host, the one held for the gateway, and only on 127.0.0.1."""
    published = {service: containers.read_published(service) for service in SERVICES}
    assert published == {
        "gateway": [],
        "auth_service": [],
        "posts_service": [],
        "postgres": [],
        "port_holder": [("3000/tcp", "127.0.0.1", str(containers.port))],
    }


@pytest.mark.parametrize("service", OURS)
def test_its_image_holds_only_its_own_code(containers: Containers, service: str) -> None:
    """An image holds the service's folder, ``shared`` and its commit, no compiler, and no pip beside the libraries."""
    assert containers.execute(service, "ls", "/app").split() == sorted(["COMMIT", service, "shared"])
    look = f"for program in {COMPILERS}; do command -v $program || true; done"
    assert containers.execute(service, "sh", "-c", look) == ""
    assert "pip" not in containers.execute(service, "ls", "/venv/bin").split()


@pytest.mark.parametrize("service", OURS)
def test_its_image_holds_no_package_cache(containers: Containers, service: str) -> None:
    """Neither packages that were fetched nor lists of them stayed in an image."""
    look = "find /var/cache/apt /var/lib/apt/lists /root/.cache /tmp -type f -size +0 2>/dev/null || true"
    assert containers.execute(service, "sh", "-c", look) == ""


@pytest.mark.parametrize("service", OURS)
def test_its_image_holds_the_listed_parts(containers: Containers, service: str) -> None:
    """Every library in an image is in the lock that the list of parts is made from, in the same version."""
    tell = "from importlib.metadata import distributions as d; print(*(f'{x.name.lower()}=={x.version}' for x in d()))"
    installed = containers.execute(service, "python", "-c", tell).replace("_", "-").replace(".", "-").split()
    locked = {f"{name}=={version}" for name, version in read_lock(ROOT / "requirements.txt").items()}
    assert installed
    assert set(installed) <= {pin.replace(".", "-") for pin in locked}


def test_each_secret_is_only_where_it_is_used(containers: Containers) -> None:
    """A container's environment names the secrets that its service uses, and no other."""
    keys = ("SECRET_KEY", "SECRET_KEY_PREVIOUS", "SERVICE_SECRET", "SERVICE_SECRET_PREVIOUS")
    gateway = ("GATEWAY_SERVICE_SECRET", "GATEWAY_SERVICE_SECRET_PREVIOUS")
    posts = ("POSTS_SERVICE_SECRET", "POSTS_SERVICE_SECRET_PREVIOUS")
    of_version_5 = ("AUTH_SECRET", "AUTH_SECRET_1", "AUTH_SECRET_2", "AUTH_SECRET_3")
    cookies = ("NEXTAUTH_SECRET", "NEXTAUTH_SECRET_PREVIOUS", *of_version_5)
    held = {service: read_secret_names(containers, service) for service in SERVICES}
    assert held == {
        "gateway": {*keys, *gateway, *cookies},
        "auth_service": {*keys, *gateway, *posts, *cookies, "AUTH_DATABASE_URL"},
        "posts_service": {*keys, *posts, "POSTS_DATABASE_URL"},
        "postgres": {"AUTH_DATABASE_URL", "POSTS_DATABASE_URL"},
        "port_holder": set(),
    }


def read_secret_names(containers: Containers, service: str) -> set[str]:
    """Return the names of the secrets in a container's environment."""
    environment: list[str] = json.loads(containers.format(service, "{{json .Config.Env}}"))
    names = {line.partition("=")[0] for line in environment}
    return {name for name in names if "SECRET" in name or name.endswith("DATABASE_URL")}


@pytest.mark.parametrize("service", SERVICES)
def test_what_it_takes_is_bounded(containers: Containers, service: str) -> None:
    """A container's memory has a limit, and its log is rotated."""
    assert int(containers.format(service, "{{.HostConfig.Memory}}")) > 0
    log = json.loads(containers.format(service, "{{json .HostConfig.LogConfig}}"))
    assert log == {"Type": "json-file", "Config": {"max-file": "5", "max-size": "20m"}}


@pytest.mark.parametrize("service", [*OURS, "port_holder"])
def test_its_image_is_small(containers: Containers, service: str) -> None:
    """An image takes less than 150 MB."""
    size = containers.run_script(
        "docker", "image", "inspect", "--format", "{{.Size}}", containers.format(service, "{{.Image}}").strip()
    )
    assert int(size) < LARGEST_IMAGE


def test_the_gateway_cannot_reach_the_databases(containers: Containers) -> None:
    """Between the gateway and PostgreSQL there is no network, by name or by address."""
    addresses = containers.format("postgres", "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}").split()
    assert addresses
    for target in ("postgres", *addresses):
        connect = f"import socket; socket.create_connection(({target!r}, 5432), timeout=2)"
        with pytest.raises(CommandFailed, match=r"gaierror|TimeoutError|Network is unreachable"):
            containers.execute("gateway", "python", "-c", connect)


@pytest.mark.parametrize("service", ["auth_service", "posts_service", "postgres"])
def test_a_service_behind_the_gateway_reaches_nothing_outside(containers: Containers, service: str) -> None:
    """Only the gateway has a network that leads out of the project."""
    names = containers.format(service, "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}").split()
    assert names
    assert all(containers.is_internal(name) for name in names)
