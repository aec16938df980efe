"""An installation for others, as ``docs/operations.md`` makes it: TLS by Caddy in front."""

from tests.support.https_site import check_site
from tests.support.operations_page import Command
from tests.support.production import BRIDGE, Production


async def test_what_tls_in_front_brings(production: Production) -> None:
    """A browser's cookies go by https alone, and the audit has the client's address: no proxy's, and none it claims."""
    async with production.client() as client:
        client.headers["x-forwarded-for"] = "203.0.113.9"
        person = await check_site(client)
    lines = production.operate(f"audit --user {person.id} --json")
    assert f'"address": "{BRIDGE}"' in lines
    assert "203.0.113.9" not in lines


def test_only_the_proxy_is_published(production: Production) -> None:
    """The gateway's own port can be reached from this machine alone, and says nothing under another name."""
    addresses = {address for _, address, _ in production.containers.read_published("port_holder")}
    assert addresses == {"127.0.0.1"}
    asked = Command(f"curl -s -o /dev/null -w '%{{http_code}}' http://127.0.0.1:{production.containers.port}/signup")
    assert production.run(asked) == "400"


def test_the_secrets_are_the_owners(production: Production) -> None:
    """``.env`` can be read by its owner alone, holds no secret twice, and is never written over."""
    env = production.clone / ".env"
    assert env.stat().st_mode & 0o777 == 0o600
    values = [line.partition("=")[2] for line in env.read_text().splitlines() if "SECRET" in line or "_URL" in line]
    assert len(set(values)) == len(values) == 6
    before = env.read_bytes()
    again = Command("deploy/https/new_env.sh other.example.com")
    assert again.run(production.clone, status=2).startswith(".env is there already")
    assert env.read_bytes() == before


def test_a_name_is_needed(production: Production) -> None:
    """Without DOMAIN nothing starts, and the sentence says what it is."""
    nameless = {**production.containers.environment(), "DOMAIN": ""}
    said = Command("deploy/compose.sh config").run(production.clone, nameless, status=1)
    assert "the name under which people reach this, such as gate.example.com" in said


def test_a_changed_file_of_the_proxy_counts(production: Production) -> None:
    """``make up`` starts Caddy anew where its file has changed, as an upgrade may do, and else leaves it alone."""
    before = production.containers.find_id("caddy")
    (production.clone / "deploy" / "https" / "Caddyfile").touch()
    up = Command("make up")
    assert "caddy starts anew with its changed files" in production.run(up)
    after = production.containers.find_id("caddy")
    assert after != before
    production.run(up)
    assert production.containers.find_id("caddy") == after
