"""The kinds of requests that are measured through the gateway: what each is, beside whom, and what is aimed at."""

from dataclasses import dataclass

from tests.benchmarks.peer_servers import FASTAPI, FASTIFY, NEXT_AUTH

CONSTANT = "raw ASGI, constant body"
OURS = "Gatepost"
WITH_PAIR = "key pair"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind. ``yardstick``: what the aim is a multiple of; by rate, or else by the gateway's own CPU time."""

    word: str
    title: str
    aim: str
    yardstick: str
    peers: tuple[str, ...]
    by_rate: bool = True
    warm_up: int = 1  # seconds; Node compiles what has run often


READ = Kind("read", "`GET /api/user/{id}`, ten posts", ">= 2.5", FASTIFY, (FASTIFY, FASTAPI))
PAGE = Kind("page", "a page for somebody not signed in: 302", ">= 1.3", FASTIFY, (FASTIFY, FASTAPI))
FORGED = Kind("forged", "a forged token, one that came before: 401", ">= 1.4", FASTIFY, (FASTIFY, FASTAPI))
NEW_FORGED = Kind("new-forged", "a forged token, each time another: 401", ">= 1.4", FASTIFY, (FASTIFY, FASTAPI))
SESSION = Kind("session", "`GET /api/auth/session`, signed in", ">= 5", NEXT_AUTH, (NEXT_AUTH,), warm_up=5)
WRITE = Kind("write", "`POST /api/posts`", "<= 2.7", CONSTANT, (CONSTANT,), by_rate=False)

KINDS = (READ, PAGE, FORGED, NEW_FORGED, SESSION, WRITE)  # writing last: the lists are not the same afterwards


def name_pair(label: str) -> tuple[str, str]:
    """Return what the two sides of one tree are called: with the request log on, as it starts, and without."""
    return f"{label}, log on", f"{label}, LOG_LEVEL=WARNING"
