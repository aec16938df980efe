"""``deploy/postgres/recover_files.sh``: the server's files change places with those of a copy, and back."""

import datetime as dt
import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from stack.postgres import DEPLOY, DatabaseUrls, get_programs
from tests.support.restoring import Installation, connected
from tests.support.waiting import wait_until

COUNT = "SELECT count(*) FROM words"


@dataclass(frozen=True, slots=True)
class Archived:
    """An installation whose server keeps its log in a folder beside it, as ``archive.yml`` lets it."""

    installation: Installation
    archive: Path

    @property
    def data(self) -> Path:
        """Where the server's files are."""
        return self.installation.directory / "postgres"

    def set_up(self) -> None:
        """Let the server archive, and its superuser in, from its next start on."""
        rules = self.data / "pg_hba.conf"
        rules.write_text(f"local all postgres trust\nlocal replication postgres trust\n{rules.read_text()}")
        script = f"test ! -e {self.archive}/wal/%f && cp %p {self.archive}/wal/%f"
        with (self.data / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"archive_mode = on\narchive_command = '{script}'\n")
        (self.archive / "wal").mkdir(parents=True)
        for folder in (self.archive, self.archive / "wal"):
            shutil.chown(folder, self.data.stat().st_uid, self.data.stat().st_gid)

    def run(
        self, script: str, *arguments: str, path: Sequence[Path] = (), settings: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a script as the server's own user, as in the container; ``path``: where programs are found first."""
        pid_file, owner = self.data / "postmaster.pid", self.data.stat().st_uid
        sockets = pid_file.read_text().splitlines()[4] if pid_file.exists() else ""
        return subprocess.run(
            ["bash", DEPLOY / script, *arguments],
            env={
                "PATH": ":".join(str(each) for each in (*path, get_programs(), os.environ["PATH"])),
                "PGDATA": str(self.data),
                "PGHOST": sockets,
                "ARCHIVE": str(self.archive),
                **(settings or {}),
            },
            cwd="/",
            user=owner if os.geteuid() == 0 else None,
            group=owner if os.geteuid() == 0 else None,
            extra_groups=[] if os.geteuid() == 0 else None,
            capture_output=True,
            text=True,
            check=False,
        )

    def done(self, script: str, *arguments: str) -> str:
        """Return what a script prints that goes well."""
        finished = self.run(script, *arguments)
        assert finished.returncode == 0, finished.stderr
        return finished.stdout

    async def add_word(self) -> int:
        """Write a row, and return how many there are."""
        with self.installation.postgres() as urls:
            return await write_word(urls)

    async def count_words(self) -> int:
        """Return how many rows there are, once the server has recovered."""
        with self.installation.postgres() as urls:
            async with connected(urls.auth) as database:
                await wait_until(lambda: database.fetchval("SELECT pg_is_in_recovery()"), lambda found: not found)
                return int(await database.fetchval(COUNT))

    def list_replaced(self) -> list[str]:
        """Return which files of before are kept."""
        return sorted(path.name for path in self.data.glob("replaced-*"))


@pytest.fixture
async def archived(installation: Installation, folder: Path) -> Archived:
    """Give an installation with one word and, after that, a copy of its files; its server is stopped."""
    made = Archived(installation, folder / "archive")
    with installation.postgres():
        pass
    made.set_up()
    with installation.postgres() as urls:
        assert await write_word(urls) == 1
        made.done("base_backup.sh")
    return made


async def write_word(urls: DatabaseUrls) -> int:
    """Write a row, and return how many there are."""
    async with connected(urls.auth) as database:
        await wait_until(lambda: database.fetchval("SELECT pg_is_in_recovery()"), lambda found: not found)
        await database.execute("CREATE TABLE IF NOT EXISTS words (at timestamptz DEFAULT clock_timestamp())")
        await database.execute("INSERT INTO words DEFAULT VALUES")
        return int(await database.fetchval(COUNT))


def wait_for_another_second() -> str:
    """Return the time, once the second in which files were last named is over."""
    time.sleep(1.1)
    return dt.datetime.now(dt.UTC).isoformat()


async def test_back_and_forth(archived: Archived) -> None:
    """Recovered to a moment, later changes are gone; undone, they are there; undone again, gone. Nothing is deleted."""
    moment = wait_for_another_second()
    assert await archived.add_word() == 2
    archived.done("recover_files.sh", "--new", moment, "latest")
    assert await archived.count_words() == 1
    for words in (2, 1):
        wait_for_another_second()
        archived.done("recover_files.sh", "--new", "--undo")
        archived.done("recover_files.sh", "--undo")  # again, as after an interruption
        assert await archived.count_words() == words
    assert len(archived.list_replaced()) == 1


async def test_a_second_try_keeps_the_original(archived: Archived) -> None:
    """After a recovery that was not what was wanted, another is made, and the files of before the first are kept."""
    moment = wait_for_another_second()
    assert await archived.add_word() == 2
    (archived.data / "postmaster.pid").write_text("1\n" * 8)  # of a server that was killed
    archived.done("recover_files.sh", "--new", moment, "latest")
    assert [await archived.add_word() for _ in range(2)] == [2, 3]  # on a timeline of its own
    wait_for_another_second()
    assert archived.done("recover_files.sh", "latest", "latest").endswith("previous timeline: TIME 1\n")
    (first,), original = archived.list_replaced(), archived.data
    assert (original / first / "PG_VERSION").exists()
    assert not (original / first / "postmaster.pid").exists()
    assert await archived.add_word() == 3
    wait_for_another_second()
    archived.done("recover_files.sh", "--undo")
    assert await archived.count_words() == 2
    assert archived.list_replaced() == []
    assert len(list(archived.data.glob("tried-*"))) == 2


async def test_nothing_to_undo(archived: Archived, folder: Path) -> None:
    """A recovery that is cut off before it replaces anything is not undone by the files of one of last month."""
    wait_for_another_second()
    archived.done("recover_files.sh", "--new", "latest", "latest")
    assert await archived.add_word() == 2
    before = archived.list_replaced()
    programs = folder / "programs"
    programs.mkdir(mode=0o755)
    (programs / "tar").write_text("#!/bin/sh\nkill -9 $PPID\n")
    (programs / "tar").chmod(0o755)
    wait_for_another_second()
    assert archived.run("recover_files.sh", "--new", "latest", "latest", path=[programs]).returncode == -9
    assert archived.run("recover_files.sh", "--undo").returncode == 4
    assert archived.list_replaced() == before
    assert await archived.count_words() == 2


async def test_a_copy_made_between_two_recoveries(archived: Archived) -> None:
    """A copy made while replaced files still lay beside it leads to a second recovery; all that was replaced stays."""
    wait_for_another_second()
    archived.done("recover_files.sh", "--new", "latest", "latest")
    with archived.installation.postgres() as urls:
        assert await write_word(urls) == 2
        archived.done("base_backup.sh")
    wait_for_another_second()
    archived.done("recover_files.sh", "--new", "latest", "current")
    assert await archived.count_words() == 2
    assert len(archived.list_replaced()) == 2


async def test_passwords_of_today(archived: Archived) -> None:
    """After a recovery to before a change of passwords, the roles get those that the settings have now."""
    settings = {"AUTH_DATABASE_URL": "postgresql://auth:of%27today@postgres:5432/auth"}
    with archived.installation.postgres() as urls:
        done = archived.run("first_start.sh", "passwords", settings=settings)
        assert done.returncode == 0, done.stderr
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(urls.auth)
        host = urls.auth.partition("@")[2]
        async with connected(f"postgresql://auth:of%27today@{host}") as database:
            assert await database.fetchval("SELECT 1") == 1
        async with connected(urls.posts) as database:
            assert await database.fetchval("SELECT 1") == 1


async def test_a_damaged_copy_replaces_nothing(archived: Archived) -> None:
    """A copy with a single byte that is another is named, and the files are as they were."""
    (base,) = archived.archive.glob("base-*")
    packed = bytearray((base / "base.tar.gz").read_bytes())
    packed[len(packed) // 2] ^= 1
    (base / "base.tar.gz").write_bytes(packed)
    wait_for_another_second()
    refused = archived.run("recover_files.sh", "latest", "latest")
    assert refused.returncode == 1
    assert f"{base} is damaged" in refused.stderr
    assert sorted(path.name for path in archived.data.glob("re*")) == []
    assert await archived.count_words() == 1


async def test_a_full_disk_replaces_nothing(archived: Archived, folder: Path) -> None:
    """Where the copy does not fit beside what is there, it is said how much is needed, before anything is unpacked."""
    programs = folder / "programs"
    programs.mkdir(mode=0o755)
    (programs / "df").write_text("#!/bin/sh\necho Avail\necho 1000\n")
    (programs / "df").chmod(0o755)
    wait_for_another_second()
    refused = archived.run("recover_files.sh", "latest", "latest", path=[programs])
    assert refused.returncode == 1
    assert "MB are needed beside the files that are there, and 0 MB are free" in refused.stderr
    assert await archived.count_words() == 1


async def test_an_interrupted_swap_is_finished(archived: Archived, folder: Path) -> None:
    """Cut off while files change places, no server starts on half of them, and ``--undo`` leads to the original."""
    moment = wait_for_another_second()
    assert await archived.add_word() == 2
    programs, count = folder / "programs", folder / "count"
    programs.mkdir(mode=0o755)
    # Two notes; PG_VERSION, then the rest goes and gets its name; the rest, then PG_VERSION comes; find moves the rest.
    for moves_done, status in ((3, 3), (5, 3), (6, -9)):
        count.write_text("")
        count.chmod(0o666)
        (programs / "mv").write_text(
            f'#!/bin/sh\n[ "$(wc -l <{count})" -lt {moves_done} ] || {{ kill -9 $PPID; exit 1; }}\n'
            f'echo . >>{count}\nexec /bin/mv "$@"\n'
        )
        (programs / "mv").chmod(0o755)
        assert archived.run("recover_files.sh", "--new", moment, "latest", path=[programs]).returncode == status
        assert not (archived.data / "PG_VERSION").exists()
        wait_for_another_second()
        archived.done("recover_files.sh", "--undo")
        wait_for_another_second()
    assert archived.list_replaced() == []
    assert len(list(archived.data.glob("tried-*"))) == 3
    assert await archived.count_words() == 2


async def test_old_copies_are_cleared_out(archived: Archived) -> None:
    """With a number, so many copies stay with the log that they need, and a recovery begins with the oldest of them.

    While a copy is being made, which it would remove, a second call is refused.
    """
    holder = os.open(archived.archive, os.O_RDONLY)
    try:
        fcntl.flock(holder, fcntl.LOCK_EX)
        refused = archived.run("base_backup.sh")
    finally:
        os.close(holder)
    assert (refused.returncode, "another base backup is being made" in refused.stderr) == (1, True)
    (oldest,) = archived.archive.glob("base-*")
    before = {path.name for path in (archived.archive / "wal").iterdir()}
    for _ in range(2):
        wait_for_another_second()
        with archived.installation.postgres():
            name = archived.done("base_backup.sh", "2").strip()
    assert len(list(archived.archive.glob("base-*"))) == 2
    assert not oldest.exists()
    assert (archived.archive / name).exists()
    assert before - {path.name for path in (archived.archive / "wal").iterdir()}
    wait_for_another_second()
    archived.done("recover_files.sh", "latest", "current")
    assert await archived.count_words() == 1
    for wrong in (["0"], ["--make-room"], ["--make-room", "0"]):
        assert archived.run("base_backup.sh", *wrong).returncode == 2


async def test_room_is_made_without_another_copy(archived: Archived) -> None:
    """In a full archive room is made before anything is written: no server is asked, and the newest copies stay."""
    wait_for_another_second()
    with archived.installation.postgres():
        newest = archived.done("base_backup.sh").strip()
    pieces = {path.name for path in (archived.archive / "wal").iterdir()}
    archived.done("base_backup.sh", "--make-room", "2")
    assert len(list(archived.archive.glob("base-*"))) == 2
    archived.done("base_backup.sh", "--make-room", "1")
    assert [path.name for path in archived.archive.glob("base-*")] == [newest]
    assert pieces - {path.name for path in (archived.archive / "wal").iterdir()}
    wait_for_another_second()
    archived.done("recover_files.sh", "--new", "latest", "current")
    assert await archived.count_words() == 1


async def test_no_log_goes_without_a_copy(archived: Archived) -> None:
    """Where there is no copy, nothing of the log is deleted: nobody can tell what is needed."""
    (copy,) = archived.archive.glob("base-*")
    copy.rename(archived.archive / "elsewhere")
    pieces = {path.name for path in (archived.archive / "wal").iterdir()}
    refused = archived.run("base_backup.sh", "--make-room", "1")
    assert (refused.returncode, "no base backup" in refused.stderr) == (1, True)
    assert {path.name for path in (archived.archive / "wal").iterdir()} == pieces
