"""The peers: the same lists from the same tables, served by what people would write instead (``peers/``).

Each runs in an environment of its own, which ``make bench`` prepares. They get the posts service's own database.
"""

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from shared.tokens.signed import ACCESS_AUDIENCE
from tests.benchmarks.processes import ProgramMissing, Server, get_program, pick_ports, running_server
from tests.benchmarks.upstreams import PUBLIC_URL, Keys

FASTAPI = "FastAPI + SQLAlchemy + PyJWT"
FASTIFY = "Fastify + @fastify/jwt + pg"
NEXT_AUTH = "next-auth in Next.js"

_PEERS = Path(__file__).parent / "peers"
_FASTAPI, _FASTIFY, _NEXT_AUTH = _PEERS / "fastapi_sqlalchemy", _PEERS / "fastify_pg", _PEERS / "next_auth"


@contextlib.contextmanager
def running_fastapi(keys: Keys, database: str, directory: Path) -> Iterator[Server]:
    """Run the peer in Python, on uvicorn in its fastest way."""
    uvicorn = _FASTAPI / ".venv" / "bin" / "uvicorn"
    _require(uvicorn)
    (port,) = pick_ports(1)
    options = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    command = [str(uvicorn), "--app-dir", str(_FASTAPI), "app:app", "--port", str(port), *options]
    environment = {**_describe_tokens(keys), "DATABASE_URL": database.replace("postgresql:", "postgresql+asyncpg:")}
    with running_server("fastapi", command, port=port, directory=directory, environment=environment) as server:
        yield server


@contextlib.contextmanager
def running_fastify(keys: Keys, database: str, directory: Path) -> Iterator[Server]:
    """Run the peer in JavaScript."""
    _require(_FASTIFY / "node_modules")
    (port,) = pick_ports(1)
    command = [get_program("node"), str(_FASTIFY / "server.js")]
    environment = {
        **_describe_tokens(keys),
        **libpq_environment(database),
        "PORT": str(port),
        "NODE_ENV": "production",
    }
    with running_server("fastify", command, port=port, directory=directory, environment=environment) as server:
        yield server


@contextlib.contextmanager
def running_next_auth(keys: Keys, directory: Path) -> Iterator[Server]:
    """Run the application of Next.js that has next-auth, built for production. It has no database."""
    _require(_NEXT_AUTH / ".next" / "BUILD_ID")
    (port,) = pick_ports(1)
    program = _NEXT_AUTH / "node_modules" / "next" / "dist" / "bin" / "next"
    command = [get_program("node"), str(program), "start", str(_NEXT_AUTH), "-H", "127.0.0.1", "-p", str(port)]
    environment = {
        "NEXTAUTH_URL": PUBLIC_URL,
        "NEXTAUTH_SECRET": keys.session,
        "NEXT_TELEMETRY_DISABLED": "1",
        "NODE_ENV": "production",
    }
    with running_server("next_auth", command, port=port, directory=directory, environment=environment) as server:
        yield server


def libpq_environment(url: str) -> dict[str, str]:
    """Return a database's URL as the variables that PostgreSQL's own programs read."""
    parts = urlsplit(url)
    (host,) = parse_qs(parts.query)["host"]
    return {
        "PGHOST": host,
        "PGDATABASE": parts.path.removeprefix("/"),
        "PGUSER": parts.username or "",
        "PGPASSWORD": parts.password or "",
    }


def list_versions() -> str:
    """Return the locked versions of what the peers are made of."""
    locked = dict(
        re.findall(r"^([a-z]+)(?:\[\w+\])?==(\S+)", (_FASTAPI / "requirements.txt").read_text(), re.MULTILINE)
    )
    python = {name: locked[name] for name in ("fastapi", "sqlalchemy", "pyjwt", "asyncpg", "uvicorn")}
    return ", ".join(
        f"{name} {version}" for name, version in {**python, **_read_node(_FASTIFY), **_read_node(_NEXT_AUTH)}.items()
    )


def _read_node(peer: Path) -> Mapping[str, str]:
    found: Mapping[str, str] = json.loads((peer / "package.json").read_text())["dependencies"]
    return found


def _describe_tokens(keys: Keys) -> dict[str, str]:
    return {"SECRET_KEY": keys.access, "ISSUER": PUBLIC_URL, "AUDIENCE": ACCESS_AUDIENCE, "PUBLIC_URL": PUBLIC_URL}


def _require(path: Path) -> None:
    if not path.exists():
        raise ProgramMissing(f"{path.relative_to(_PEERS.parents[1])} is missing: `make bench` installs the peers")
