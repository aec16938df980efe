"""The mistakes of ``docs/operations.md``, each made for real: the service says the sentence that the page shows."""

import asyncio
import http.client
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import asyncpg
import pytest

from shared.settings import SAMPLE_SECRETS
from stack.postgres import DatabaseUrls
from tests.support.house import ROOT
from tests.support.operations_page import is_as_shown
from tests.support.own_postgres import own_postgres
from tests.support.ports import wait_until_it_listens
from tests.support.service_processes import SOUND, ServiceProcess, service_process

WRONG_SETTING = 2
SHORT = "too-short"
SAMPLE = SAMPLE_SECRETS["NEXTAUTH_SECRET"]
PAGE = (ROOT / "docs" / "operations.md").read_text()


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake: the settings that are otherwise, and how it is told; with ``event``, by a line of the log."""

    settings: dict[str, str] = field(default_factory=dict)
    service: str = "posts_service"
    event: str = ""
    headers: dict[str, str] = field(default_factory=dict)


REFUSED = {
    "a secret is missing": Mistake({"NEXTAUTH_SECRET": ""}, "gateway"),
    "a secret of a service is missing": Mistake({"POSTS_SERVICE_SECRET": ""}),
    "a secret is short": Mistake({"SECRET_KEY": SHORT}),
    "a secret is a published sample": Mistake({"NEXTAUTH_SECRET": SAMPLE}, "gateway"),
    "two secrets are equal": Mistake({"POSTS_SERVICE_SECRET": SOUND["SECRET_KEY"]}),
    "several of these at once": Mistake(
        {"SECRET_KEY": SHORT, "NEXTAUTH_SECRET": SAMPLE, "GATEWAY_SERVICE_SECRET": ""}, "gateway"
    ),
    "a secret is set, and as a file, too": Mistake({"SECRET_KEY_FILE": "/run/secrets/secret_key"}),
    "the file of a secret is not there": Mistake({"SECRET_KEY": "", "SECRET_KEY_FILE": "/run/secrets/secret_key"}),
    "a setting is misspelt": Mistake({"SECRET_KEY_PREVIUOS": "x"}),
    "`NEXTAUTH_URL` was forgotten": Mistake({"NEXTAUTH_URL": ""}),
    "`NEXTAUTH_URL` is http": Mistake({"NEXTAUTH_URL": "http://example.com"}),
    "`NEXTAUTH_URL` has a path": Mistake({"NEXTAUTH_URL": "https://example.com/app"}),
    "a database has the sample password": Mistake(
        {"POSTS_DATABASE_URL": "postgresql://posts:development-only-posts@postgres:5432/posts"}
    ),
    "a database's URL is none": Mistake({"POSTS_DATABASE_URL": "postgres:5432/posts"}),
    "the key file is not there": Mistake({"TOKEN_KEY_FILE": "/run/secrets/token-keys.pem"}, "auth_service"),
    "the file of providers is not there": Mistake({"PROVIDERS_FILE": "/etc/gatepost/providers.toml"}, "auth_service"),
    "the folder of branding is not there": Mistake({"BRANDING": "/etc/gatepost/branding"}),
    "the mail server is no URL": Mistake({"SMTP_URL": "mail.example.com"}, "auth_service"),
    "mail is wanted, and there is no server": Mistake({"EMAIL_SIGN_IN": "on"}, "auth_service"),
    "an audience is there twice": Mistake({"AUDIENCES": "orders,orders"}, "auth_service"),
    "the policy is not there": Mistake({"GATEWAY_RULES": "/etc/gatepost/rules.toml"}, "gateway"),
    "a trusted proxy is no address": Mistake({"TRUSTED_PROXIES": "proxy"}, "gateway"),
    "the cookie's domain is another": Mistake({"COOKIE_DOMAIN": "example.org"}, "gateway"),
}
WAITED_FOR = {
    "nothing listens where the database should be": "postgresql://posts:word@127.0.0.1:1/posts",
    "the database's host has no such name": "postgresql://posts:word@no-such-host.invalid/posts",
    "the role's password is another": "{server}posts:word@/posts{socket}",
    "there is no such role, or it may not log in": "{server}nobody:word@/posts{socket}",
}
ASKED = {
    "`NEXTAUTH_URL` is other than what browsers open": Mistake({}, event="host_not_served"),
    "`TRUSTED_PROXIES` was forgotten": Mistake(
        {}, event="forwarder_not_trusted", headers={"Host": "example.com", "X-Forwarded-For": "203.0.113.7"}
    ),
}
MIGRATION = "a migration fails"
CLOCK = "a clock is off"


def read_table() -> dict[str, str]:
    """Return the sentences that the page shows, by mistake."""
    part = PAGE[PAGE.index("## Mistakes and what they say") :]
    rows = re.findall(r"^\| (.+?) \| `(.+?)` \|", part[: part.index("\n### ")], re.MULTILINE)
    return dict(rows)


def _list_secrets() -> list[str]:
    return [value for name, value in SOUND.items() if name.endswith(("_SECRET", "_KEY"))]


@pytest.fixture(scope="module")
def postgres() -> Iterator[DatabaseUrls]:
    """Give a server of one's own."""
    with own_postgres() as urls:
        yield urls


def test_each_mistake_of_the_page_is_made() -> None:
    """The page has the mistakes that are made here, and no other."""
    assert set(read_table()) == {*REFUSED, *WAITED_FOR, *ASKED, MIGRATION, CLOCK}


@pytest.mark.parametrize("mistake", REFUSED)
def test_a_mistake_that_is_refused(mistake: str) -> None:
    """The service ends at once with status 2 and the one line that the page shows, and no secret in it."""
    made = REFUSED[mistake]
    with service_process(made.service, made.settings) as running:
        status, said = running.wait_for_end()
    assert (status, said) == (WRONG_SETTING, read_table()[mistake])
    assert not [secret for secret in (SHORT, SAMPLE, *_list_secrets()) if secret in said]


@pytest.mark.parametrize("mistake", WAITED_FOR)
def test_a_database_that_is_waited_for(postgres: DatabaseUrls, mistake: str) -> None:
    """The service says once what is wrong with its database, and goes on trying."""
    socket = "?" + postgres.posts.partition("?")[2]
    url = WAITED_FOR[mistake].format(server="postgresql://", socket=socket)
    with service_process("posts_service", {"POSTS_DATABASE_URL": url}) as running:
        said = running.wait_for_error("database_not_there_yet")
        assert running.process.poll() is None
        assert len([line for line in running.lines if "database_not_there_yet" in line]) == 1
    assert is_as_shown(read_table()[mistake], said)


async def test_a_migration_that_fails(postgres: DatabaseUrls) -> None:
    """It is named, with PostgreSQL's error and what is as before; the service goes on trying."""
    connection = await asyncpg.connect(postgres.auth)
    await connection.execute("CREATE TABLE users (id int)")
    await connection.close()
    with service_process("auth_service", {"AUTH_DATABASE_URL": postgres.auth}) as running:
        said = await asyncio.to_thread(running.wait_for_error, "migration_failed")
        assert running.process.poll() is None
    assert is_as_shown(read_table()[MIGRATION], said)


@pytest.fixture(scope="module")
def gateway() -> Iterator[ServiceProcess]:
    """Give a gateway that runs, with an auth service whose clock is ten minutes ahead."""
    with service_process("auth_service", {}, ahead=600) as auth:
        where = {"AUTH_SERVICE_URL": f"http://127.0.0.1:{auth.port}"}
        with service_process("gateway", where) as running:
            wait_until_it_listens(running.process, running.port, running.output)
            yield running


@pytest.mark.parametrize("mistake", ASKED)
def test_a_mistake_that_a_request_shows(gateway: ServiceProcess, mistake: str) -> None:
    """The gateway says what a request tells about its settings."""
    made = ASKED[mistake]
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
    connection.request("GET", "/", headers={"Host": "app.example", **made.headers})
    connection.getresponse().read()
    connection.close()
    assert is_as_shown(read_table()[mistake], gateway.wait_for_error(made.event))


def test_a_clock_that_is_off(gateway: ServiceProcess) -> None:
    """Services that call one another notice that their clocks differ, and one says so."""
    assert gateway.wait_for_error("clock_is_off") == read_table()[CLOCK]
