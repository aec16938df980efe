"""``restore.sh`` and ``backup.sh`` of deploy/postgres: what is done in which order. Docker is a stand-in here."""

import os
import shlex
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.house import ROOT
from tests.support.project_turn import PROJECT

# Both note what they are asked, and answer for containers that run and are healthy.
COMPOSE = """
case "$1" in
    ps) echo "id-$3" ;;
    config) ;;
    *) echo "$*" >>"$CALLS" ;;
esac
"""
DOCKER = """
case "$*" in
    *State.Running*) [ "${@: -1}" != "id-${DOWN:-}" ] && echo true || echo false ;;
    *State.Health*) echo healthy ;;
    *pg_dump*) echo "${2#id-}" >"$CALLS.server"; echo "dump ${@: -1}" >>"$CALLS"; echo dump ;;
    *"pg_restore --list"*) echo "1; 0 1 TABLE DATA public epochs auth" ;;
    *load.sh*) echo "load ${@: -1}" >>"$CALLS"; eval "$LOADING" ;;
    *psql*) echo 7 ;;
    start*) echo "docker start ${2#id-}" >>"$CALLS"; [ "$2" != "id-${BROKEN:-}" ] ;;
esac
"""


@dataclass(frozen=True, slots=True)
class Stand:
    """A backup, and where the stand-ins are and note what they are asked."""

    folder: Path

    @property
    def backup(self) -> Path:
        """The backup that is put back."""
        return self.folder / "backups" / "20261124T110334Z"

    def start(
        self, script: str, *arguments: str | Path, loading: str = "", down: str = "", broken: str = ""
    ) -> "subprocess.Popen[str]":
        """Start a script; ``loading`` is what becomes of the database meanwhile.

        ``down`` is a service that is off, ``broken`` one that can't be started again.
        """
        environment = {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "COMPOSE": str(self.folder / "compose"),
            "CALLS": str(self.folder / "calls"),
            "LOADING": loading,
            "DOWN": down,
            "BROKEN": broken,
            "COMPOSE_PROJECT_NAME": PROJECT,
        }
        command = [ROOT / "deploy" / "postgres" / script, *arguments]
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=self.folder
        )

    def run(
        self, script: str, *arguments: str | Path, loading: str = "", down: str = "", broken: str = ""
    ) -> tuple[int, str]:
        """Run a script, and return its exit status and what it printed."""
        started = self.start(script, *arguments, loading=loading, down=down, broken=broken)
        printed, _ = started.communicate(timeout=60)
        return started.returncode, printed

    def read_calls(self) -> list[str]:
        """Return what the stand-ins were asked to do, the services' names shortened."""
        return [call.replace("_service", "") for call in (self.folder / "calls").read_text().splitlines()]


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    """Give a backup of both databases, and the stand-ins."""
    for name, text in (("compose", COMPOSE), ("docker", DOCKER)):
        (tmp_path / name).write_text(f"#!/bin/bash\n{text}")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "calls").touch()
    made = Stand(tmp_path)
    made.backup.mkdir(parents=True)
    for database in ("auth", "posts"):
        (made.backup / f"{database}.dump").write_text("dump")
    return made


def migrating(service: str) -> str:
    """Return the call that migrates a service."""
    return f"run --rm --no-deps -T {service} python -m {service} migrate"


def test_nothing_serves_before_it_is_migrated(stand: Stand) -> None:
    """The services stop, what is there is kept, each database is loaded and migrated, and only then do they start.

    What starts are the containers that ran, and nothing else: compose would start what they depend on, too, an old
    primary among it whose standby has taken its place.
    """
    status, printed = stand.run("restore.sh", stand.backup)
    assert status == 0, printed
    assert stand.read_calls() == [
        *("stop auth", "stop posts", "dump auth", "dump posts"),
        *("load auth", migrating("auth"), "load posts", migrating("posts")),
        *("docker start auth", "docker start posts"),
    ]
    (kept,) = (stand.backup.parent / "replaced").iterdir()
    assert (kept / "deleted-users").read_text() == "7\n"
    assert f"user delete-again - <{kept}/deleted-users" in printed


def test_a_service_starts_again_after_a_failure(stand: Stand) -> None:
    """Where a dump can't be loaded the other database is left alone, and the services start as they were."""
    status, printed = stand.run("restore.sh", stand.backup, loading="exit 1")
    assert status == 1
    assert "auth was not put back; it is as it was" in printed
    assert stand.read_calls()[-3:] == ["load auth", "docker start auth", "docker start posts"]


def test_a_command_that_is_printed_can_be_pasted(stand: Stand) -> None:
    """Where the path of the backups has a blank, so has the command that deletes users again, and it is quoted."""
    backup = stand.backup.parent.rename(stand.folder / "my backups") / stand.backup.name
    status, printed = stand.run("restore.sh", backup)
    assert status == 0, printed
    words = shlex.split(printed[printed.index("- <") :].splitlines()[0])
    assert Path(words[1].removeprefix("<")).read_text() == "7\n"


def test_one_that_does_not_start_keeps_no_other_off(stand: Stand) -> None:
    """Where a service can't be started again, that is said, with status 1, and the other one starts all the same."""
    status, printed = stand.run("restore.sh", stand.backup, broken="auth_service")
    assert status == 1
    assert "auth_service could not be started" in printed
    assert stand.read_calls()[-2:] == ["docker start auth", "docker start posts"]


@pytest.mark.parametrize("name", ["SIGHUP", "SIGINT", "SIGTERM"])
def test_a_service_starts_again_after_an_interruption(stand: Stand, name: str) -> None:
    """Ended by a signal in the midst of it, it starts the services again before it ends."""
    started = stand.start("restore.sh", stand.backup, "posts", loading=f"touch {stand.folder}/loading; sleep 1")
    while not (stand.folder / "loading").exists():
        assert started.poll() is None
        time.sleep(0.05)
    started.send_signal(getattr(signal, name))
    started.communicate(timeout=60)
    assert started.returncode == 1
    assert stand.read_calls()[-2:] == ["load posts", "docker start posts"]


def test_what_can_not_be_read_is_replaced_by_an_explicit_word(stand: Stand) -> None:
    """Without a dump of what is there nothing is replaced, unless that is said; then no dump is tried."""
    (stand.folder / "docker").write_text((stand.folder / "docker").read_text().replace("echo dump ;;", "exit 1 ;;"))
    status, printed = stand.run("restore.sh", stand.backup, "auth")
    assert status == 1
    assert "Nothing was replaced" in printed
    assert stand.read_calls() == ["stop auth", "dump auth", "docker start auth"]
    (stand.folder / "calls").write_text("")
    assert stand.run("restore.sh", "--without-backup", stand.backup, "auth")[0] == 0
    assert stand.read_calls() == ["stop auth", "load auth", migrating("auth"), "docker start auth"]


def test_a_wrong_call_stops_nothing(stand: Stand) -> None:
    """A folder, a database or a dump that is not there ends it with status 2, before anything is stopped."""
    (stand.backup / "posts.dump").unlink()
    for arguments in ((), ("nowhere",), (stand.backup, "users"), (stand.backup, "posts"), ("--force", stand.backup)):
        assert stand.run("restore.sh", *arguments)[0] == 2
    assert stand.read_calls() == []


def test_old_backups_go_once_a_new_one_is_whole(stand: Stand) -> None:
    """With ``--keep`` the newest so many stay, and what is no backup; when there is no new one, nothing is deleted."""
    backups = stand.backup.parent
    for name in ("20261101T000000Z", "20261102T000000Z", "replaced", "notes"):
        (backups / name).mkdir()
    before = {path.name for path in backups.iterdir()}
    docker = (stand.folder / "docker").read_text()
    (stand.folder / "docker").write_text(docker.replace("TABLE DATA public epochs", ""))
    assert stand.run("backup.sh", "--keep", "2", backups)[0] == 1
    assert {path.name for path in backups.iterdir()} == before
    (stand.folder / "docker").write_text(docker)
    status, printed = stand.run("backup.sh", "--keep", "2", backups)
    assert status == 0, printed
    new = Path(printed.strip()).name
    assert {path.name for path in backups.iterdir()} == {new, stand.backup.name, "replaced", "notes"}
    assert stand.run("backup.sh", "--keep", "0", backups)[0] == 2


@pytest.mark.parametrize("name", ["my backups", "linked", "two\nlines"])
def test_old_backups_go_wherever_they_are(stand: Stand, name: str) -> None:
    """In a folder with a blank in its name, or behind a link, ``--keep`` deletes the old backups, and nothing else."""
    folder = stand.folder / "disk" / name
    beside = stand.folder / "disk" / "my"
    for each in (folder / "20261101T000000Z", folder / "20261102T000000Z", beside, stand.folder / "disk" / "two"):
        each.mkdir(parents=True)
    if name == "linked":
        folder.rename(stand.folder / "disk" / "behind")
        folder.symlink_to("behind")
    status, printed = stand.run("backup.sh", "--keep", "2", folder)
    assert status == 0, printed
    kept = {path.name for path in folder.iterdir()}
    assert len(kept) == 2
    assert "20261102T000000Z" in kept
    assert beside.exists()
    assert (stand.folder / "disk" / "two").exists()
    assert Path(printed.rstrip("\n")).parent == folder


def test_the_standby_that_leads_is_backed_up(stand: Stand) -> None:
    """Where the standby has taken the place of PostgreSQL, which is off, it is the one that is dumped and put back."""
    status, printed = stand.run("restore.sh", stand.backup, down="postgres")
    assert status == 0, printed
    assert (stand.folder / "calls.server").read_text() == "postgres_standby\n"
    assert "load posts" in stand.read_calls()
