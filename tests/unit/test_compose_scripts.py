"""What the scripts of ``deploy/`` read out of what compose, Docker and the services say; without Docker."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.house import ROOT
from tests.support.project_turn import PROJECT

# A part of what ``compose config`` prints: by docker-compose 1.29, and by compose 2.
OLDER = """
networks:
  outside: {}
services:
  auth_service:
    build:
      context: /srv/gatepost
      target: auth_service
    deploy:
      replicas: 2
    labels:
      gatepost.start: 1 beside migrated
  gateway:
    labels:
      gatepost.start: 3 beside
    scale: 3
  mailbox:
    ports:
    - 127.0.0.1:8025:8025/tcp
    profiles:
    - mailbox
  port_holder:
    labels:
      gatepost.start: 0 kept
    ports:
    - 127.0.0.1:3001:3000/tcp
  postgres:
    labels:
      gatepost.start: '0'
  grafana:
    profiles:
    - observe
version: '3.9'
volumes:
  database: {}
"""
NEWER = """
name: gatepost
services:
  auth_service:
    build:
      context: /srv/gatepost
      target: auth_service
    deploy:
      replicas: 2
      placement: {}
    labels:
      gatepost.start: 1 beside migrated
  gateway:
    labels:
      gatepost.start: 3 beside
    scale: 3
  mailbox:
    profiles:
      - mailbox
    ports:
      - mode: ingress
        host_ip: 127.0.0.1
        target: 8025
        published: "8025"
        protocol: tcp
  port_holder:
    labels:
      gatepost.start: 0 kept
    ports:
      - mode: ingress
        host_ip: 127.0.0.1
        target: 3000
        published: "3001"
        protocol: tcp
  postgres:
    labels:
      gatepost.start: "0"
networks:
  outside:
    name: gatepost_outside
"""


@pytest.mark.parametrize("printed", [OLDER, NEWER], ids=["1.29", "2"])
def test_the_plan_is_the_same_by_each_compose(printed: str) -> None:
    """Steps, words, ports and replicas are read from the output of either compose, without inactive services."""
    command = ["awk", "-v", "active=,mailbox,", "-f", "deploy/compose_plan.awk"]
    plan = subprocess.run(command, cwd=ROOT, input=printed, capture_output=True, text=True, check=True).stdout
    assert sorted(plan.splitlines()) == [
        "auth_service 1 beside migrated replicas=2",
        "gateway 3 beside replicas=3",
        "mailbox -",
        "port_holder 0 kept 127.0.0.1:3001:3000",
        "postgres 0",
    ]


def say(function: str, *arguments: str, log: str = "") -> str:
    """Return what a function of ``compose_why.sh`` prints."""
    script = '. deploy/compose_why.sh; "$@"'
    command = ["bash", "-euo", "pipefail", "-c", script, "bash", function, *arguments]
    return subprocess.run(command, cwd=ROOT, input=log, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(
    ("log", "sentence"),
    [
        (
            '{"event": "starting", "level": "info"}\nposts_service does not start: SECRET_KEY: is missing\n',
            "posts_service does not start: SECRET_KEY: is missing",
        ),
        (
            "Creating run ... done\nposts_service does not migrate: 0004-x: relation exists\nERROR: 1\n",
            "posts_service does not migrate: 0004-x: relation exists",
        ),
        (
            (
                '{"reason":"column \\"a\\" exists","migration":"0004-x","event":"migration_failed","level":"error"}\n'
                '{"event":"database_not_there_yet","error":"TimeoutError","level":"warning"}\n'
            ),
            'posts_service: migration_failed, reason: column "a" exists, migration: 0004-x',
        ),
        (
            (
                '{"event":"request_finished","level":"info"}\n'
                '{"error":"InvalidPasswordError","event":"database_not_there_yet","level":"warning"}\n'
            ),
            "posts_service: database_not_there_yet, error: InvalidPasswordError",
        ),
        (
            '{"error":"PostgreSQL refuses the password of AUTH_DATABASE_URL","event":"x","level":"warning"}\n',
            "posts_service: PostgreSQL refuses the password of AUTH_DATABASE_URL",
        ),
        (
            "LOG: starting\nFATAL:  could not write lock file: No space left on device\n",
            "FATAL:  could not write lock file: No space left on device",
        ),
        ("one\ntwo\n", "posts_service does not start, and does not say why. Its last lines:\none\ntwo"),
    ],
)
def test_the_sentence_that_matters_is_found(log: str, sentence: str) -> None:
    """Of a log, the service's own refusal is said, else its last error, else its last warning, else how it ends."""
    assert say("why_said", "posts_service", log=log) == sentence


@pytest.mark.parametrize(
    ("printed", "words"),
    [
        ("Bind for 127.0.0.1:3000 failed: port is already allocated", "127.0.0.1:3000 is taken on this machine"),
        ("listen tcp4 127.0.0.1:3000: bind: address already in use", "127.0.0.1:3000 is taken on this machine"),
        ("failed to copy: write /var/lib/x: no space left on device", "the disk that Docker uses is full"),
        ("Get https://registry/v2/: dial tcp: lookup: no such host", "no image registry answers"),
        ("could not find an available, non-overlapping IPv4 address pool", "Docker has no addresses left"),
        ("all predefined address pools have been fully subnetted", "Docker has no addresses left"),
        ("Pool overlaps with other one on this address space", "Choose others: CADDY_NETWORK in .env"),
        ("conflicts with network d7 (br-d7): networks have overlapping IPv4", "Choose others: CADDY_NETWORK in .env"),
        ("starting\nERROR: Unsupported option\n", "ERROR: Unsupported option"),
    ],
)
def test_what_docker_says_is_put_plainly(printed: str, words: str) -> None:
    """A port that is taken, a full disk and other usual obstacles are named, with what to do; all else is passed on."""
    said = say("why_compose", "port_holder could not be started", printed)
    assert said.startswith("port_holder could not be started:")
    assert words in said


def test_what_stands_in_env_counts(tmp_path: Path) -> None:
    """With ``MAIL=mailbox`` the profiles and the sender of letters that stand in ``.env`` are kept."""
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    (tmp_path / ".env").write_text("COMPOSE_PROFILES=observe # ours\nexport MAIL_FROM='Gate <gate@example.com>'\n")
    environment = {"PATH": "/usr/bin:/bin", "MAIL": "mailbox", "COMPOSE": "printenv"}
    command = [tmp_path / "deploy" / "compose.sh", "COMPOSE_PROFILES", "MAIL_FROM"]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert printed.splitlines() == ["observe,mailbox", "Gate <gate@example.com>"]


def add(project: Path, file: str, **environment: str) -> tuple[int, str]:
    """Return the exit status of ``add_compose_file.sh`` and what it printed."""
    command = [project / "deploy" / "add_compose_file.sh", file]
    ended = subprocess.run(command, env={"PATH": "/usr/bin:/bin", **environment}, capture_output=True, check=False)
    return ended.returncode, (ended.stdout + ended.stderr).decode()


def test_files_are_added_to_those_in_env(tmp_path: Path) -> None:
    """A compose file joins those of ``.env``, once, whether or not any stands there; what is not there is refused."""
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    proxy = "COMPOSE_FILE=docker-compose.yml:deploy/proxy.yml\n"
    assert add(tmp_path, "deploy/proxy.yml") == (0, proxy)
    assert add(tmp_path, "./deploy/proxy.yml") == (0, proxy)
    assert add(tmp_path, "deploy/rules.yml") == (0, f"{proxy.strip()}:deploy/rules.yml\n")
    assert add(tmp_path, "deploy/prxy.yml") == (2, "there is no file deploy/prxy.yml here\n")
    assert add(tmp_path, "deploy/mail.yml", COMPOSE_FILE="docker-compose.yml")[0] == 2
    assert (tmp_path / ".env").read_text() == f"{proxy.strip()}:deploy/rules.yml\n"


def test_an_override_goes_on_counting(tmp_path: Path) -> None:
    """What compose reads only where ``COMPOSE_FILE`` is not set is named there, once that is set."""
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    (tmp_path / "docker-compose.override.yml").touch()
    files = "COMPOSE_FILE=docker-compose.yml:docker-compose.override.yml:deploy/proxy.yml\n"
    assert add(tmp_path, "deploy/proxy.yml") == (0, files)


@pytest.mark.parametrize(
    ("option", "public"),
    [
        ((), "DOMAIN=gate.example.com\nCOMPOSE_FILE=docker-compose.yml:deploy/https/caddy.yml"),
        (("--proxy",), "NEXTAUTH_URL=https://gate.example.com\nCOMPOSE_FILE=docker-compose.yml:deploy/proxy.yml"),
    ],
)
def test_whose_proxy_is_in_front(tmp_path: Path, option: tuple[str, ...], public: str) -> None:
    """With a proxy of one's own Caddy takes no ports, and the public URL and the trusted address are still set."""
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    command = [tmp_path / "deploy" / "https" / "new_env.sh", *option, "gate.example.com"]
    subprocess.run(command, env={"PATH": "/usr/bin:/bin"}, capture_output=True, check=True)
    assert (tmp_path / ".env").read_text().startswith(f"ENVIRONMENT=production\n{public}\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("base:archive standby", "base:archive:standby:archive_and_standby"),
        ("base:standby archive", "base:standby:archive:archive_and_standby"),
        ("base:archive_and_standby:standby archive", "base:standby:archive:archive_and_standby"),
        ("base:archive:standby:archive_and_standby:own own", "base:archive:standby:archive_and_standby:own"),
    ],
)
def test_an_archive_and_a_standby_go_together(tmp_path: Path, before: str, after: str) -> None:
    """Whichever comes second, the file with the options of both comes after them; what stands right stays there."""
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    folder = tmp_path / "deploy" / "postgres"
    (folder / "own.yml").touch()

    def name(files: str) -> str:
        return ":".join(f"deploy/postgres/{file}.yml" for file in files.split(":"))

    there, new = before.split()
    (tmp_path / ".env").write_text(f"COMPOSE_FILE={name(there)}\n")
    assert add(tmp_path, name(new)) == (0, f"COMPOSE_FILE={name(after)}\n")


@pytest.mark.parametrize(
    ("running", "words", "told"),
    [
        ("postgres", "-T postgres pg_dump postgres", "--index=1 -T postgres pg_dump postgres"),
        ("postgres postgres_standby", "-T postgres psql", "--index=1 -T postgres psql"),
        ("postgres_standby", "-T postgres pg_dump postgres", "--index=1 -T postgres_standby pg_dump postgres"),
        ("gateway", "-e A=b -T gateway doctor", "--index=1 -e A=b -T gateway doctor"),
        ("", "-T postgres psql", "-T postgres psql"),
        ("gateway", "--index 1 gateway sh", "--index 1 gateway sh"),
    ],
)
def test_a_command_reaches_the_primary(tmp_path: Path, running: str, words: str, told: str) -> None:
    """What is meant for ``postgres`` goes to its standby where only that runs; all else goes where it is sent."""
    (tmp_path / "docker").write_text('#!/bin/sh\ncase "$3" in *Running*) echo true ;; *) echo --index=1 ;; esac\n')
    (tmp_path / "docker").chmod(0o755)
    compose = f'case $1 in ps) echo "{running}" | tr " " "\\n" | grep -x "$3" ;; exec) shift; echo "$@" ;; esac\n'
    (tmp_path / "compose").write_text(compose)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "COMPOSE": f"bash {tmp_path / 'compose'}"}
    command = ["deploy/compose.sh", "exec", *words.split()]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == (f"{told}\n", 0)


@pytest.mark.parametrize(
    ("failing", "interrupted", "said"),
    [
        ("stop --timeout", "none", "postgres_standby could not be stopped. postgres_standby goes on as the primary."),
        ("follow.sh again", "none", "could not be told to follow. postgres_standby goes on as the primary."),
        ("pg_ctl promote", "none", "postgres could not be promoted. postgres_standby goes on as the primary."),
        ("--no-deps postgres_standby", "none", "postgres leads, but postgres_standby does not follow"),
        ("none", "pg_ctl promote", "postgres is the primary again, and postgres_standby follows."),
    ],
)
def test_the_way_back_is_gone_to_its_end(tmp_path: Path, failing: str, interrupted: str, said: str) -> None:
    """Each failure is named, with who leads then; a signal between the two changes of place does not end it."""
    (tmp_path / "docker").write_text('#!/bin/sh\ncase "$3" in *ExitCode*) echo 0 ;; *) echo true ;; esac\n')
    (tmp_path / "docker").chmod(0o755)
    compose = f"""
        case "$*" in *"{interrupted}"*) kill -TERM $PPID ;; esac
        case "$*" in
            *"{failing}"*) exit 1 ;;
            *pg_is_in_recovery*) echo f ;;
            *pg_wal_lsn_diff*) echo t ;;
            ps*) echo id ;;
        esac
    """
    (tmp_path / "compose").write_text(compose)
    programs = {"PATH": f"{tmp_path}:/usr/bin:/bin", "COMPOSE": f"bash {tmp_path / 'compose'}"}
    environment = {**programs, "COMPOSE_PROJECT_NAME": PROJECT}
    command = ["deploy/postgres/fail_back.sh"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert said in done.stdout + done.stderr
    assert done.returncode == (0 if failing == "none" else 1)
