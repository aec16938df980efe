"""Mail in containers: the auth service and a real server, Debian's Exim, over STARTTLS and TLS, in all its tempers."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.certificates import Authority
from tests.support.containers import CommandFailed, Containers, running_containers
from tests.support.people import sign_up_and_in
from tests.support.waiting import wait_until

PROJECT = "gatepost-mail"
HOST = "mail.gatepost.test"
LOGIN = "gatepost:a%20password%20of%20the%20tests"
STARTTLS = f"smtp://{LOGIN}@{HOST}:587"
SILENCE = f"smtp://{LOGIN}@{HOST}:2500"
INBOX = "/var/spool/exim4/inbox"
PATIENCE = 180.0  # seconds
WRITE = """
import asyncio, asyncpg, datetime, os, sys
from auth_service.mail.letters import LetterKind
from auth_service.tables.letters import NewLetter, insert_letter

async def write(address):
    connection = await asyncpg.connect(os.environ["AUTH_DATABASE_URL"])
    lifetime, facts = datetime.timedelta(minutes=10), {"code": "7K3F9QXM"}
    await insert_letter(connection, NewLetter(LetterKind.RESET_CODE, address, "en", lifetime, facts=facts))

asyncio.run(write(sys.argv[1]))
"""
ASK_READY = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8001/readyz').read().decode())"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Give an authority whose files the containers' users may read, and that has signed for the server."""
    folder = Path(tmp_path_factory.mktemp("certificates"))
    folder.chmod(0o755)
    authority = Authority.create(folder)
    authority.sign(HOST).chmod(0o644)
    return authority


@pytest.fixture(scope="module")
def containers(authority: Authority) -> Iterator[Containers]:
    """Give a stack of its own, whose letters go to Exim."""
    settings = {
        "COMPOSE_FILE": "docker-compose.yml:deploy/mail.yml:tests/containers/exim/compose.yml",
        "CERTIFICATES": str(authority.file.parent),
        "SMTP_URL": STARTTLS,
        "MAIL_FROM": "Gatepost <no-reply@gatepost.test>",
    }
    with running_containers(PROJECT, **settings) as running:
        yield running


def write_letter(containers: Containers, address: str) -> None:
    """Let a letter wait, as a request for a new password does."""
    containers.execute("auth_service", "python", "-c", WRITE, address)


def query(containers: Containers, statement: str) -> str:
    """Return what the auth service's database answers."""
    command = ("psql", "--host=127.0.0.1", "--username=auth", "--dbname=auth", "-Atc", statement)
    return containers.execute("postgres", "env", "PGPASSWORD=development-only-auth", *command).strip()


async def wait_until_gone(containers: Containers, address: str) -> None:
    """Return when no letter to an address waits any more."""

    async def count() -> str:
        return query(containers, f"SELECT count(*) FROM letters WHERE address = '{address}'")  # noqa: S608 - ours

    await wait_until(count, lambda letters: letters == "0", PATIENCE)


async def count_arrived(containers: Containers, address: str, least: int) -> int:
    """Return how many letters to an address Exim has stored, once there are as many as there should be."""

    async def read() -> int:
        try:
            return containers.execute("exim", "cat", INBOX).count(f"Envelope-to: {address}\n")
        except CommandFailed:  # there is none yet
            return 0

    return await wait_until(read, lambda arrived: arrived >= least, PATIENCE)


def recreate(containers: Containers, smtp_url: str) -> Containers:
    """Return the stack with another server for mail, and its auth service started anew."""
    changed = dataclasses.replace(containers, settings={**containers.settings, "SMTP_URL": smtp_url})
    changed.start()
    return changed


async def test_a_letter_arrives(containers: Containers) -> None:
    """A letter that a transaction left in the table arrives by STARTTLS, with a password, within seconds."""
    write_letter(containers, "ada@example.com")
    await wait_until_gone(containers, "ada@example.com")
    assert await count_arrived(containers, "ada@example.com", 1) == 1
    assert "7K3F-9QXM" in containers.execute("exim", "cat", INBOX)
    log = containers.execute("exim", "cat", "/var/spool/exim4/mainlog")
    [line] = [line for line in log.splitlines() if " <= no-reply@gatepost.test " in line]
    assert "P=esmtpsa X=TLS1.3" in line


async def test_a_greylisted_letter_comes_the_second_time(containers: Containers) -> None:
    """A letter that Exim wants to be asked about twice (451) waits for half a minute, and arrives, once."""
    write_letter(containers, "twice@example.com")
    waiting = "SELECT answer FROM letters WHERE address = 'twice@example.com' AND due_at > now()"

    async def ask() -> str:
        return query(containers, waiting)

    assert await wait_until(ask, bool, PATIENCE) == "451 4.7.1 Greylisted, try again later"
    query(containers, "UPDATE letters SET due_at = now()")  # instead of sleeping
    await wait_until_gone(containers, "twice@example.com")
    assert await count_arrived(containers, "twice@example.com", 1) == 1


async def test_a_refused_letter_is_given_up(containers: Containers) -> None:
    """A letter to somebody who does not exist (550) is deleted and audited; the log says why, and not to whom."""
    write_letter(containers, "nobody@example.com")
    await wait_until_gone(containers, "nobody@example.com")
    assert query(containers, "SELECT count(*) FROM audit WHERE event = 'letter_refused'") == "1"
    log = containers.compose("logs", "--no-log-prefix", "auth_service")
    [line] = [json.loads(line) for line in log.splitlines() if "letter_refused" in line]
    assert line["answer"] == "550 5.1.1 … … is unknown here"
    assert "nobody@" not in log


def test_operators_see_what_the_server_says(containers: Containers) -> None:
    """``mail test`` sends a letter from inside the container; a refusal is quoted."""
    command = ("python", "-m", "auth_service", "mail", "test")
    assert "250 OK id=" in containers.execute("auth_service", *command, "operator@example.com")
    with pytest.raises(CommandFailed, match=f"{HOST}:587 did not take the letter: 550 5.1.1"):
        containers.execute("auth_service", *command, "nobody@example.com")


@pytest.mark.parametrize("killed", ["auth_service", "exim"])
async def test_killed_in_between(containers: Containers, killed: str) -> None:
    """A letter whose sender or server is killed right after the commit arrives when they are back.

    Once: but a server that is killed in the middle may have taken the letter, and its 250 may be lost.
    """
    address = f"{killed}@example.com"
    containers.docker("pause", "exim")  # so that it is certainly not sent before
    write_letter(containers, address)

    async def count_tries() -> str:
        return query(containers, f"SELECT tries FROM letters WHERE address = '{address}'")  # noqa: S608 - ours

    await wait_until(count_tries, lambda tries: tries == "1", PATIENCE)
    if killed == "auth_service":
        containers.docker("kill", "auth_service")
        containers.docker("unpause", "exim")
    else:
        containers.docker("unpause", "exim")
        containers.docker("kill", "exim")
    containers.start()
    query(containers, "UPDATE letters SET due_at = now()")  # the lease is over, or half a minute is
    await wait_until_gone(containers, address)
    assert await count_arrived(containers, address, 1) == 1 or killed == "exim"


async def test_silence_harms_nobody_and_loses_nothing(containers: Containers) -> None:
    """While the server is silent people sign in, and ``/readyz`` remarks on it; later the letter comes, by TLS."""
    silent = recreate(containers, SILENCE)
    write_letter(silent, "patient@example.com")
    query(silent, "UPDATE letters SET created_at = now() - interval '2 minutes'")

    async def read_remark() -> str:
        ready = json.loads(silent.execute("auth_service", "python", "-c", ASK_READY))
        assert ready["status"] == "ready"
        return str(ready.get("remarks", {}).get("mail", ""))

    remark = await wait_until(read_remark, lambda remark: "Timed out" in remark, PATIENCE)
    assert remark.startswith("1 wait, the oldest since ")
    async with httpx2.AsyncClient(base_url=silent.url, timeout=15) as client:
        await sign_up_and_in(client, "Somebody")

    back = recreate(containers, f"smtps://{LOGIN}@{HOST}:465")
    query(back, "UPDATE letters SET due_at = now()")
    await wait_until_gone(back, "patient@example.com")
    assert await count_arrived(back, "patient@example.com", 1) == 1


async def test_an_unknown_authority_gets_no_letter(containers: Containers, authority: Authority) -> None:
    """A server whose certificate is of an authority that the service does not trust gets nothing."""
    strangers = Authority.create(authority.file.parent / "strangers").file
    authority.file.write_bytes(strangers.read_bytes())
    wary = recreate(containers, f"{STARTTLS}/")  # another setting, so that the service starts anew
    write_letter(wary, "wary@example.com")

    async def read_answer() -> str:
        return query(wary, "SELECT answer FROM letters WHERE address = 'wary@example.com'")

    assert "CERTIFICATE_VERIFY_FAILED" in await wait_until(read_answer, bool, PATIENCE)
