"""Containers are upgraded under load, by the commands of ``docs/operations.md``; what fails leaves the old serving.

One stack in a clone, whose code and settings the tests change, one after the other.
"""

import asyncio
import fcntl
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from tests.support.containers import CommandFailed, Containers, clean_project
from tests.support.operations_page import copy_project, section
from tests.support.upgrade_traffic import upgrade_traffic

PROJECT = "gatepost-upgrade"
BESIDE = ("auth_service", "posts_service", "gateway")
STAYING = ("postgres", "port_holder")
DRAINING = {"DRAIN_SECONDS": "4"}  # as containers do, where a test says nothing else
NEXT_RELEASE = {"DRAIN_SECONDS": "3"}
SERVES_ON = "Nothing was replaced; the old version goes on serving."


@pytest.fixture(scope="module")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    """Give a running stack behind a proxy, with a policy of its own, made by the commands of the page."""
    clone = copy_project(tmp_path_factory.mktemp("clone"))
    settings = {"RULES_FOLDER": str(clone / "rules"), **DRAINING}
    with (
        clean_project(PROJECT, clone, **settings) as containers,
        section("Containers: limits, restarts, proxies, own rules") as commands,
    ):
        environment = containers.environment()
        commands.take("install -d rules").run(clone, environment)
        commands.take("deploy/proxy.yml").run(clone, environment)
        commands.take("deploy/reload.sh").run(clone, environment)
        commands.take("restart_unhealthy").run(clone, environment)
        yield containers


def list_ids(containers: Containers) -> dict[str, str]:
    """Return the id of each service's one container."""
    return {service: containers.find_id(service) for service in (*BESIDE, *STAYING)}


def make_release(clone: Path) -> None:
    """Change the code of all services."""
    file = clone / "shared" / "__init__.py"
    file.write_text(f"{file.read_text()}# The next release.\n")


def fail_to_start(containers: Containers, **settings: str) -> str:
    """Return what ``make up`` says when it fails, without building."""
    changed = replace(containers, settings={**containers.settings, **settings})
    with pytest.raises(CommandFailed) as failed:
        changed.start()
    return str(failed.value)


async def test_an_upgrade_fails_no_request(containers: Containers) -> None:
    """While all services are replaced, under load, every request is answered as ever, and nothing written is lost."""
    before = list_ids(containers)
    async with upgrade_traffic(containers.url) as outcomes:
        await outcomes.wait_for_more(20)
        with section("Upgrading") as commands:
            environment = {**containers.environment(), **NEXT_RELEASE}
            make_release(containers.root)
            await asyncio.to_thread(commands.take("make up").run, containers.root, environment)
            await outcomes.wait_for_more(20)
            anew = commands.take("--force-recreate port_holder")
    after = list_ids(containers)
    assert {service for service in before if before[service] != after[service]} == set(BESIDE)
    assert outcomes.failed == {}, outcomes.describe()
    listed = httpx2.get(f"{containers.url}/api/posts?limit=100", trust_env=False, timeout=30).json()
    newest = sorted(outcomes.written)[-50:]
    assert set(newest) <= {post["id"] for post in listed}
    print(outcomes.describe())  # noqa: T201 - the figures that the page gives

    anew.run(containers.root, environment)
    containers.wait_until_healthy("port_holder")
    assert httpx2.get(f"{containers.url}/readyz", trust_env=False, timeout=20).status_code == 200


def test_a_failed_migration_replaces_nothing(containers: Containers) -> None:
    """A migration that fails is named, is rolled back whole, and the old version goes on serving."""
    folder = containers.root / "posts_service" / "tables" / "migrations"
    newest = max(path.stem for path in folder.glob("*.sql"))
    bad = folder / "9999-sample.sql"
    bad.write_text(
        f"-- A migration that fails half way\n-- depends: {newest}\n\n-- migrate: apply\n"
        "CREATE TABLE left_over (id bigint);\nALTER TABLE posts ADD COLUMN title text;\n\n-- migrate: rollback\n"
    )
    before = list_ids(containers)
    environment = {**containers.environment(), **NEXT_RELEASE}
    try:
        with section("When a migration fails") as commands:
            said = commands.take("compose_up").run(containers.root, environment)
    finally:
        bad.unlink()
        containers.compose("build", "--quiet", "posts_service")
    assert "already exists" in said
    assert list_ids(containers) == before
    look = (
        "psql",
        "--tuples-only",
        "--username",
        "postgres",
        "--dbname",
        "posts",
        "-c",
        "SELECT to_regclass('left_over')",
    )
    assert containers.execute("postgres", *look).strip() == ""
    assert httpx2.get(f"{containers.url}/api/posts", trust_env=False, timeout=30).status_code == 200


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"ACCESS_TOKEN_TTL": "5"}, "auth_service does not start: ACCESS_TOKEN_TTL: "),
        ({"TRUSTED_PROXIES": "nonsense"}, "gateway does not start: TRUSTED_PROXIES: "),
        ({"POSTS_DATABASE_URL": "postgresql://posts:wrong@postgres:5432/posts"}, "posts_service does not migrate: "),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_a_bad_setting_replaces_nothing(containers: Containers, settings: dict[str, str], sentence: str) -> None:
    """What is wrong with a setting is said in the service's own sentence, and the old version goes on serving."""
    before = list_ids(containers)
    said = fail_to_start(containers, **NEXT_RELEASE, **settings)
    assert sentence in said
    assert SERVES_ON in said
    assert list_ids(containers) == before
    assert httpx2.get(f"{containers.url}/readyz", trust_env=False, timeout=30).status_code == 200


def test_two_at_once_are_kept_apart(containers: Containers) -> None:
    """While one upgrade runs, another is refused with a sentence."""
    with Path(f"/tmp/gatepost-make-up.{PROJECT}.lock").open() as lock:  # noqa: S108 - what the script takes
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = fail_to_start(containers)
    assert f"Another make up of {PROJECT} is running, or something else" in said


def test_the_file_says_how_many(containers: Containers) -> None:
    """As many replicas run as the compose file asks for: leftovers of a run that was killed go, whatever they do."""
    same_release = replace(containers, settings={**containers.settings, **NEXT_RELEASE})
    before = containers.find_id("posts_service")
    same_release.compose("up", "--detach", "--no-deps", "--no-recreate", "--scale", "posts_service=3", "posts_service")
    (containers.root / "two.yml").write_text("services: {posts_service: {scale: 2}}\n")
    files = containers.run_script("sed", "-n", "s/^COMPOSE_FILE=//p", ".env").strip()
    replace(same_release, settings={**same_release.settings, "COMPOSE_FILE": f"{files}:two.yml"}).start()
    assert len(containers.find_id("posts_service").split()) == 2
    same_release.start()
    after = containers.find_id("posts_service")
    assert len(after.split()) == 1
    assert after != before


def test_a_taken_port_is_named(containers: Containers) -> None:
    """Another port that somebody else has is named, with the way to a third, and the old one goes on serving."""
    before = list_ids(containers)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        elsewhere = replace(containers, port=port)
        said = fail_to_start(elsewhere)
    assert f"127.0.0.1:{port} is taken on this machine" in said
    assert "GATEWAY_PORT=3001 make up" in said
    assert list_ids(containers) == before
    assert httpx2.get(f"{containers.url}/readyz", trust_env=False, timeout=30).status_code == 200


def test_the_port_may_stand_in_env(containers: Containers) -> None:
    """With the port in ``.env`` alone the printed address is the one that works."""
    env = containers.root / ".env"
    before = env.read_text()
    env.write_text(f"{before}GATEWAY_PORT = 3977 # ours\n")
    try:
        config = Containers("", 0, PROJECT, {"COMPOSE_FILE": "docker-compose.yml"}, containers.root)
        environment = {name: value for name, value in config.environment().items() if name != "GATEWAY_PORT"}
        printed = run(("deploy/compose.sh", "config"), containers.root, environment)
    finally:
        env.write_text(before)
    assert "NEXTAUTH_URL: http://localhost:3977" in printed


def test_a_proxy_is_believed(containers: Containers) -> None:
    """What reaches the published port comes from the address that ``deploy/proxy.yml`` documents."""
    gateway = containers.format("port_holder", "{{range .NetworkSettings.Networks}}{{.Gateway}} {{end}}").split()
    assert gateway == ["10.213.94.1"]
    environment = containers.format("gateway", "{{range .Config.Env}}{{println .}}{{end}}").splitlines()
    assert "TRUSTED_PROXIES=10.213.94.1" in environment


def test_a_policy_of_ones_own_is_in_force(containers: Containers) -> None:
    """A rule in ``rules/rules.toml`` counts once the gateway has read it; Docker still restarts it when it ends."""
    rules = containers.root / "rules" / "rules.toml"
    rules.write_text(rules.read_text().replace('"/api/posts", "/api/posts/:id"', '"/api/posts/:id"', 1))
    loaded = containers.read_log("gateway").count("policy_loaded")
    containers.run_script("deploy/reload.sh", "gateway")
    containers.wait_for_log("gateway", "policy_loaded", times=loaded + 1)
    # Only POST is left.
    assert httpx2.get(f"{containers.url}/api/posts", trust_env=False, timeout=30).status_code == 405
    os.kill(int(containers.format("gateway", "{{.State.Pid}}")), signal.SIGKILL)
    containers.wait_for_state("gateway", "{{.RestartCount}}", "1")
    containers.wait_until_healthy("gateway")


def test_what_is_frozen_is_restarted(containers: Containers) -> None:
    """A service whose process is stopped is restarted by the script; what is well is left alone."""
    before = {service: containers.format(service, "{{.State.StartedAt}}") for service in (*BESIDE, *STAYING)}
    os.kill(int(containers.format("posts_service", "{{.State.Pid}}")), signal.SIGSTOP)
    containers.wait_for_state("posts_service", "{{.State.Health.Status}}", "unhealthy")
    said = containers.run_script("deploy/restart_unhealthy.sh")
    assert said.count("is frozen: it is restarted") == 1
    containers.wait_until_healthy("posts_service")
    after = {service: containers.format(service, "{{.State.StartedAt}}") for service in (*BESIDE, *STAYING)}
    assert {service for service in before if before[service] != after[service]} == {"posts_service"}


def run(command: tuple[str, ...], directory: Path, environment: Mapping[str, str]) -> str:
    """Return what a command prints."""
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=True).stdout
