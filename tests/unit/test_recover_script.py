"""``recover.sh``, ``promote.sh``, ``compose_up.sh`` and ``restart_unhealthy.sh``: what comes when.

Docker is a stand-in here.
"""

import fcntl
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.house import ROOT
from tests.support.project_turn import LOCK, PROJECT

# Both note what they are asked. What is stopped does not run; all else runs, is healthy and has recovered.
COMPOSE = """
case "$*" in
    "ps --quiet "*) echo "id-$3" ;;
    "ps --all --quiet "*) echo "id-$4" ;;
    "config --services") printf '%s\\n' $SERVICES ;;
    *=leads*) echo "$STANDBY" ;;
    *recover_files.sh*) echo "$*" >>"$CALLS"; eval "${REPLACING:-}" ;;
    "up --detach --no-deps postgres") echo "$*" >>"$CALLS"; eval "${STARTING:-}" ;;
    config* | version*) ;;
    exec*) echo "${*: -1}" >>"$CALLS"; eval "${PROMOTING:-}" ;;
    *) echo "$*" >>"$CALLS" ;;
esac
"""
DOCKER = """
case "$*" in
    info) exit "${UP:-0}" ;;
    *State.Health*State.Running*) echo "unhealthy ${RUNNING:-true} false /name" ;;
    *State.Running*) echo true ;;
    *RestartCount*) echo "${STATE:-running 0}" ;;
    *pg_is_in_recovery*) [ -n "${STATE:-}" ] || echo f ;;
    *user_changes* | *authors*) echo 7 ;;
    *pg_walfile_name*) echo 3 ;;
    exec*first_start*) echo "${*:4}" >>"$CALLS" ;;
    exec*psql*) echo "psql $(cat)" >>"$CALLS" ;;
    exec*python*) exit 1 ;;
    restart*) echo "$*" >>"$CALLS"; exit "${RESTARTED:-0}" ;;
esac
"""
READY = ["/etc/gatepost/first_start.sh passwords", "UPDATE", "UPDATE"]


@dataclass(frozen=True, slots=True)
class Stand:
    """A project's folder, and where the stand-ins are and note what they are asked."""

    folder: Path

    def run(self, script: str, *arguments: str, **settings: str) -> tuple[int, str]:
        """Run a script, and return its exit status and what it printed."""
        environment = {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "COMPOSE": str(self.folder / "compose"),
            "CALLS": str(self.folder / "calls"),
            "SERVICES": "postgres auth_service",
            "STANDBY": "=follows",
            "COMPOSE_PROJECT_NAME": PROJECT,
            **settings,
        }
        (self.folder / "calls").write_text("")
        done = subprocess.run(
            [self.folder / "project" / "deploy" / script, *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=60,
        )
        return done.returncode, done.stdout

    def recover(self, *arguments: str, **settings: str) -> tuple[int, str]:
        """Run ``recover.sh``; ``make up`` at its end finds no Docker."""
        return self.run("postgres/recover.sh", *arguments, UP="1", **settings)

    def read_calls(self) -> list[str]:
        """Return what the stand-ins were asked to do, shortened."""
        calls = [
            line.removeprefix("run --rm --no-deps -T ") for line in (self.folder / "calls").read_text().splitlines()
        ]
        return ["UPDATE" if "synchronous_commit = local; SELECT 'UPDATE epochs" in call else call for call in calls]

    @property
    def is_marked(self) -> bool:
        """Whether a recovery is noted as not ended."""
        return (self.folder / "project" / ".recovering").exists()


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    """Give a project's scripts, and the stand-ins."""
    shutil.copytree(ROOT / "deploy", tmp_path / "project" / "deploy", ignore=shutil.ignore_patterns("node_modules"))
    for name, text in (("compose", COMPOSE), ("docker", DOCKER)):
        (tmp_path / name).write_text(f"#!/bin/bash\n{text}")
        (tmp_path / name).chmod(0o755)
    return Stand(tmp_path)


def files(*words: str) -> str:
    """Return the call that replaces the server's files."""
    return f"postgres bash /etc/gatepost/recover_files.sh {' '.join(words)}"


def test_a_standby_copies_anew(stand: Stand) -> None:
    """It stops with the rest, nothing waits for it, and its copy goes before all start; then nothing is noted."""
    _, printed = stand.recover("latest", SERVICES="postgres postgres_standby")
    assert stand.read_calls() == [
        *("stop gateway auth_service posts_service", "stop postgres postgres_standby"),
        files("--new", "latest", "latest"),
        *("up --detach --no-deps postgres", *READY, "/etc/gatepost/first_start_of_primary.sh"),
        '--entrypoint sh postgres_standby -c rm -f "$PGDATA/PG_VERSION" && find "$PGDATA" -mindepth 1 -delete',
    ]
    assert "Docker does not answer" in printed  # make up was reached
    assert not stand.is_marked


def test_a_standby_that_leads_is_not_recovered(stand: Stand) -> None:
    """Where the standby has taken the primary's place, nothing is stopped, and the way is said."""
    status, printed = stand.recover("latest", SERVICES="postgres postgres_standby", STANDBY="=leads")
    assert status == 1
    assert "fail_back.sh" in printed
    assert stand.read_calls() == []


@pytest.mark.parametrize("words", [(), ("2026-11-24",), ("yesterdayZ",), ("latest", "old"), ("--undo", "latest")])
def test_a_wrong_call_stops_nothing(stand: Stand, words: tuple[str, ...]) -> None:
    """A time without a zone, one that is none, or another word ends it with status 2, before anything is stopped."""
    status, printed = stand.recover(*words)
    assert (status, "Usage:" in printed) == (2, True)
    assert stand.read_calls() == []


def test_nothing_starts_after_an_interruption(stand: Stand) -> None:
    """Ended by Ctrl-C while PostgreSQL recovers, ``make up`` starts nothing; repeated, it ends, with the first list."""
    status, printed = stand.recover("latest", STARTING="kill -INT $(ps -o ppid= $PPID)")
    assert status == 1
    assert "It was interrupted" in printed
    assert stand.is_marked
    (listed,) = (stand.folder / "project" / "backups").iterdir()
    status, printed = stand.run("compose_up.sh")
    assert (status, "repeat deploy/postgres/recover.sh" in printed) == (1, True)
    assert stand.read_calls() == []
    stand.recover("latest")
    assert stand.read_calls()[-3:] == READY
    assert not stand.is_marked
    assert list((stand.folder / "project" / "backups").iterdir()) == [listed]


@pytest.mark.parametrize("status", [1, 2, 3])
def test_what_is_as_it_was_starts(stand: Stand, status: int) -> None:
    """Where nothing was replaced, all starts as it was; not where some files were, or all by an earlier call."""
    ended, printed = stand.recover("latest", REPLACING=f"exit {status}")
    assert ("all starts again as it was" in printed, stand.is_marked) == (status < 3, status == 3)
    (stand.folder / "project" / ".recovering").touch()
    ended, printed = stand.recover("latest", REPLACING=f"exit {status}")
    assert (ended, "make up starts nothing" in printed, stand.is_marked) == (1, True, True)
    assert "up --detach --no-deps postgres" not in stand.read_calls()


def test_nothing_to_undo_is_no_dead_end(stand: Stand) -> None:
    """Interrupted before the swap and undone, all starts as it was: no data was lost, and no standby's copy goes."""
    (stand.folder / "project" / ".recovering").touch()
    _, printed = stand.recover("--undo", REPLACING="exit 4", SERVICES="postgres postgres_standby")
    assert "all starts again as it was" in printed
    assert stand.read_calls()[-1] == files("--undo")
    assert not stand.is_marked


def test_what_follows_is_said_before_all_starts(stand: Stand) -> None:
    """Who was deleted, and which timeline goes on, is said though the start fails afterwards."""
    _, printed = stand.recover("--undo")
    (listed,) = (stand.folder / "project" / "backups").iterdir()
    assert f"delete-again - <backups/{listed.name}" in printed
    assert "name the current one: recover.sh TIME 3" in printed
    assert printed.splitlines()[-2].startswith("Docker does not answer")
    assert printed.splitlines()[-1].startswith("The recovery has ended")


def test_two_at_once_are_kept_apart(stand: Stand) -> None:
    """While containers are started, or recovered, nothing is stopped."""
    LOCK.touch()
    with LOCK.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        status, printed = stand.recover("latest")
    assert (status, stand.read_calls()) == (1, [])
    assert f"Another make up of {PROJECT} is running, or something else" in printed


def test_postgresql_that_does_not_recover(stand: Stand) -> None:
    """It is stopped again, nothing else starts, and both ways on are said."""
    status, printed = stand.recover("latest", STATE="exited 1")
    assert status == 1
    assert "--undo leads back" in printed
    assert stand.is_marked
    assert stand.read_calls()[-1] == "stop postgres"


START_STANDBY = "up --detach --no-deps --no-recreate postgres_standby"


def test_a_standby_takes_over(stand: Stand) -> None:
    """It runs and answers before the primary is stopped, and only then is promoted."""
    status, printed = stand.run("postgres/promote.sh")
    assert status == 0, printed
    assert stand.read_calls() == [
        *(START_STANDBY, "--quiet", "stop --timeout 5 postgres"),
        *("SELECT pg_is_in_recovery()", "--timeout=30"),
    ]


def test_a_standby_that_leads_takes_over_again(stand: Stand) -> None:
    """Where a way back was cut off it leads by what its volume says: it is started, and nobody promotes it."""
    leading = 'case "$*" in *pg_is_in_recovery*) echo f ;; esac'
    status, printed = stand.run("postgres/promote.sh", STANDBY="=leads", PROMOTING=leading)
    assert status == 0, printed
    assert stand.read_calls()[-1] == "SELECT pg_is_in_recovery()"


@pytest.mark.parametrize("volume", ["=empty", "no such service: postgres_standby"])
def test_a_primary_without_a_standby_goes_on(stand: Stand, volume: str) -> None:
    """Where no standby has a whole copy, or nobody knows, promote.sh says so, with status 1, and stops nothing."""
    status, printed = stand.run("postgres/promote.sh", STANDBY=volume)
    assert (status, "Nothing was stopped" in printed) == (1, True)
    assert stand.read_calls() == []


def test_a_standby_that_does_not_answer_stops_nothing(stand: Stand) -> None:
    """Where the standby has a whole copy, but does not come up in time, the primary goes on."""
    (stand.folder / "sleep").write_text("#!/bin/sh\nexec /bin/sleep 10\n")
    (stand.folder / "sleep").chmod(0o755)
    status, printed = stand.run("postgres/promote.sh", PROMOTING="exit 1")
    assert (status, "Nothing was stopped" in printed) == (1, True)
    assert set(stand.read_calls()) == {START_STANDBY, "--quiet"}


def test_a_promotion_that_fails_shows_the_way_on(stand: Stand) -> None:
    """Where the standby can't be promoted, that is said, with status 1, and what starts the primary again."""
    (stand.folder / "sleep").write_text("#!/bin/sh\n")
    (stand.folder / "sleep").chmod(0o755)
    failing = 'case "$*" in *"pg_ctl promote"*) exit 1 ;; esac'
    status, printed = stand.run("postgres/promote.sh", PROMOTING=failing)
    assert (status, "make up starts it again" in printed) == (1, True)


@pytest.mark.parametrize("running", ["true", "false"])
def test_what_was_stopped_is_not_restarted(stand: Stand, running: str) -> None:
    """A frozen container is restarted; one that a script has stopped stays so, though Docker calls it unhealthy."""
    status, printed = stand.run("restart_unhealthy.sh", RUNNING=running)
    assert status == 0, printed
    assert len(stand.read_calls()) == (3 if running == "true" else 0)


def test_what_fails_once_is_tried_again(stand: Stand) -> None:
    """A look at which something fails has the exit status 1, does the rest, and those in its turn go on."""
    status, printed = stand.run("restart_unhealthy.sh", RESTARTED="1")
    assert (status, printed.count("name could not be restarted"), len(stand.read_calls())) == (1, 3, 3)
    assert stand.run("restart_unhealthy.sh", COMPOSE="false")[0] == 1
    sleep = stand.folder / "sleep"
    sleep.write_text('#!/bin/bash\necho "sleep $*" >>"$CALLS"; [ "$(grep -c sleep "$CALLS")" = 1 ] || kill $PPID')
    sleep.chmod(0o755)
    stand.run("restart_unhealthy.sh", "--every", "30", RESTARTED="1")
    assert [call.split()[0] for call in stand.read_calls()] == [*["restart"] * 3, "sleep"] * 2
