"""Other requests than lists: a post that is written, a token that is refused, the session endpoint, a redirect.

All at the same number of connections, on the servers' core. Posts are drafts, which change no list but their author's.
"""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from http import HTTPStatus
from itertools import count
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.peer_servers import FASTAPI, FASTIFY
from benchmarks.processes import Server, get_program
from benchmarks.reading import GATEWAY, POSTS
from benchmarks.rounds import Contender
from benchmarks.rows import PASSWORD
from benchmarks.upstreams import PUBLIC_URL, Keys, request_headers, sign_tokens
from benchmarks.whole_stack import WholeStack
from benchmarks.wrk import Ask, LoadInvalid, Plan, exchange, send_load, write_plan

BROWSERS = 16
TITLE = "Written under load"

_HOST = {"Host": PUBLIC_URL.removeprefix("http://")}
_DRAFT = json.dumps({"title": TITLE, "content": "About as long as a short post is, and it is one.", "published": False})


class OtherRequests:
    """Makes the contenders; plans are written to ``directory``."""

    def __init__(self, stack: WholeStack, directory: Path) -> None:
        self._stack = stack
        self._directory = directory
        self._numbers: Iterator[int] = count()
        self._posts = (stack.posts, (stack.postgres_pid,))
        self._gateway = (stack.gateway, (stack.posts.pid, stack.postgres_pid))

    def list_refused(self, peers: dict[str, Server]) -> list[Contender]:
        """Return everyone who refuses forged tokens on the list of posts."""
        path = self._stack.asks[0].path
        plan = Plan(_each(sign_tokens(Keys()), path), status=HTTPStatus.UNAUTHORIZED, part="No Authorization")
        ours = {POSTS: self._posts, GATEWAY: self._gateway}
        servers = {**ours, **{name: (peers[name], (self._stack.postgres_pid,)) for name in (FASTAPI, FASTIFY)}}
        return [self._contend(name, *servers[name], plan) for name in servers]

    def list_redirects(self) -> list[Contender]:
        """Return the gateway, asked for a page by browsers that are not signed in."""
        ask = Ask("/userposts/1", {**_HOST, "Accept": "text/html"})
        reply = exchange(self._stack.gateway.port, "GET", ask.path, ask.headers)
        if "/api/auth/signin?callbackUrl=" not in reply.headers.get("Location", ""):
            raise LoadInvalid("the gateway leads nobody to the sign-in page")
        plan = Plan([Ask(ask.path, ask.headers, reply.body)], status=HTTPStatus.FOUND)
        return [self._contend("Gatepost, gateway", *self._gateway, plan)]

    def list_sessions(self) -> list[Contender]:
        """Return those that tell a browser who is signed in: the auth service, alone and through the gateway."""
        asks = [
            Ask("/api/auth/session", {**_HOST, "Cookie": self._sign_in(number)}) for number in range(1, BROWSERS + 1)
        ]
        plan = Plan(asks, part='"user":{')
        behind = (self._stack.auth.pid, self._stack.postgres_pid)
        return [
            self._contend("Gatepost, auth service", self._stack.auth, (self._stack.postgres_pid,), plan),
            self._contend(GATEWAY, self._stack.gateway, behind, plan),
        ]

    def list_writers(self) -> list[Contender]:
        """Return those that store posts: the posts service, alone and through the gateway."""
        asks = _each(sign_tokens(self._stack.keys), "/api/posts", _DRAFT)
        plan = Plan(asks, status=HTTPStatus.CREATED, part=f'"title":"{TITLE}"')
        return [self._contend(POSTS, *self._posts, plan), self._contend(GATEWAY, *self._gateway, plan)]

    def _contend(self, name: str, server: Server, behind: tuple[int, ...], plan: Plan) -> Contender:
        path = write_plan(self._directory / f"other-{next(self._numbers)}.lua", plan)
        return Contender(name, (server.pid,), behind, partial(send_load, get_program("wrk"), server.port, path))

    def _sign_in(self, number: int) -> str:
        """Return the Cookie header of a browser that this user signed in with, as next-auth's client does it."""
        port = self._stack.gateway.port
        offered = exchange(port, "GET", "/api/auth/csrf", _HOST)
        fields = {
            "csrfToken": str(json.loads(offered.body)["csrfToken"]),
            "username": f"user{number}@example.com",
            "password": PASSWORD,
            "json": "true",
        }
        headers = {
            **_HOST,
            "Origin": PUBLIC_URL,
            "Cookie": _join_cookies(offered.headers.get_all("Set-Cookie", [])),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        reply = exchange(port, "POST", "/api/auth/callback/credentials", headers, urlencode(fields))
        if reply.status != HTTPStatus.OK:
            raise LoadInvalid(f"a browser's sign-in is answered {reply.status}")
        return _join_cookies(reply.headers.get_all("Set-Cookie", []))


def _each(tokens: Sequence[str], path: str, content: str | None = None) -> list[Ask]:
    return [Ask(path, request_headers(token), content=content) for token in tokens]


def _join_cookies(lines: Sequence[str]) -> str:
    return "; ".join(line.partition(";")[0] for line in lines)
