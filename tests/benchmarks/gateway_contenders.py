"""Who is measured with one kind of request: the gateway of each side, the service behind it alone, and the peers.

All are checked before: each must answer what the others answer, in its own spelling.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from itertools import count
from pathlib import Path

from tests.benchmarks.browsers import check_redirect, check_sessions, sign_in_browsers
from tests.benchmarks.checks import check_refusals, check_size, learn_answers
from tests.benchmarks.constant_app import CONTENT, CREATED, TITLE
from tests.benchmarks.kinds import FORGED, NEW_FORGED, PAGE, READ, SESSION, WRITE, Kind, name_pair
from tests.benchmarks.processes import Server, get_program
from tests.benchmarks.rounds import Contender
from tests.benchmarks.upstreams import Keys, request_headers, sign_tokens
from tests.benchmarks.whole_stack import WholeStack
from tests.benchmarks.wrk import MARK, Ask, Load, LoadInvalid, Plan, exchange, send_load, write_plan

POSTS_ALONE = "posts service alone"
AUTH_ALONE = "auth service alone"

_DRAFT = json.dumps({"title": TITLE, "content": CONTENT, "published": False})  # changes no list but its author's
_REFUSAL = "No Authorization"
_plan_numbers = count()


@dataclass(frozen=True, slots=True)
class Side:
    """A running stack that is measured: what it is called, and whether it logs a line for each request."""

    name: str
    stack: WholeStack
    logs_requests: bool


def name_sides(label: str, logging: WholeStack, quiet: WholeStack) -> list[Side]:
    """Return the sides of one tree, as they are called in the tables."""
    with_log, without = name_pair(label)
    return [Side(with_log, logging, logs_requests=True), Side(without, quiet, logs_requests=False)]


def list_contenders(kind: Kind, sides: Sequence[Side], peers: Mapping[str, Server], directory: Path) -> list[Contender]:
    """Return everybody who is measured with this kind, checked. The peers have the first side's database and keys."""
    first = sides[0].stack
    quiet = next(side.stack for side in sides if not side.logs_requests)
    return [
        *(_contend_gateway(kind, side, directory) for side in sides),
        *_contend_alone(kind, quiet, directory),
        *(_contend(name, peers[name], (first.postgres_pid,), kind, first, directory) for name in kind.peers),
    ]


def _contend_gateway(kind: Kind, side: Side, directory: Path) -> Contender:
    services = side.stack.services
    behind = (services.posts.pid, services.auth.pid, side.stack.postgres_pid)
    contender = _contend(side.name, services.gateway, behind, kind, side.stack, directory)

    def send(*, seconds: int, connections: int) -> Load:
        for server in services.by_name.values():
            os.truncate(server.log, 0)  # gigabytes otherwise
        load = contender.send(seconds=seconds, connections=connections)
        if side.logs_requests and not services.gateway.log.stat().st_size:
            raise LoadInvalid("its log stays empty")
        return load

    return Contender(side.name, contender.own_pids, behind, send)


def _contend_alone(kind: Kind, stack: WholeStack, directory: Path) -> Iterator[Contender]:
    """Give the service that answers this kind, without the gateway ahead of it, where it would answer the same."""
    if kind == SESSION:
        yield _contend(AUTH_ALONE, stack.services.auth, (stack.postgres_pid,), kind, stack, directory)
    elif kind != PAGE:
        yield _contend(POSTS_ALONE, stack.services.posts, (stack.postgres_pid,), kind, stack, directory)


def _contend(
    name: str, server: Server, behind: tuple[int, ...], kind: Kind, stack: WholeStack, directory: Path
) -> Contender:
    plan = _PLANS[kind](name, server.port, stack)
    path = write_plan(directory / f"{kind.word}-{next(_plan_numbers)}.lua", plan)
    return Contender(name, (server.pid,), behind, partial(send_load, get_program("wrk"), server.port, path))


def _plan_reads(name: str, port: int, stack: WholeStack) -> Plan:
    check_refusals(name, port, stack.asks[0], stack.keys)
    return Plan(learn_answers(name, port, stack.asks))


def _plan_page(name: str, port: int, _stack: WholeStack) -> Plan:
    return Plan([check_redirect(name, port)], status=HTTPStatus.FOUND)


def _plan_forged(_name: str, _port: int, stack: WholeStack) -> Plan:
    """Ask with the tokens of somebody who has other keys: the same ones all the time."""
    others = Keys.make(with_pair=stack.keys.pair is not None)
    return Plan(_ask_each(sign_tokens(others), stack.asks[0].path), status=HTTPStatus.UNAUTHORIZED, part=_REFUSAL)


def _plan_new_forged(_name: str, _port: int, stack: WholeStack) -> Plan:
    """Ask with valid tokens whose signatures are other than they were, and others each time."""
    marked = [forge_token(token) for token in sign_tokens(stack.keys)]
    asks = _ask_each(marked, stack.asks[0].path)
    return Plan(asks, status=HTTPStatus.UNAUTHORIZED, part=_REFUSAL, mark=MARK)


def _plan_sessions(name: str, port: int, stack: WholeStack) -> Plan:
    """Ask as browsers do, each with the cookie that it was given last: every answer seals the session anew."""
    browsers = sign_in_browsers(stack.services.gateway.port)
    check_sessions(name, port, browsers)
    asks = [browser.ask_for_session(MARK) for browser in browsers]
    return Plan(asks, part='"user":{', mark=MARK, cookies=[browser.session for browser in browsers])


def _plan_writes(name: str, port: int, stack: WholeStack) -> Plan:
    asks = _ask_each(sign_tokens(stack.keys), "/api/posts", _DRAFT)
    reply = exchange(port, "POST", asks[0].path, {**asks[0].headers, "Content-Type": "application/json"}, _DRAFT)
    check_size(name, len(reply.body), len(CREATED))
    return Plan(asks, status=HTTPStatus.CREATED, part=f'"title":"{TITLE}"')


_PLANS: Mapping[Kind, Callable[[str, int, WholeStack], Plan]] = {
    READ: _plan_reads,
    PAGE: _plan_page,
    FORGED: _plan_forged,
    NEW_FORGED: _plan_new_forged,
    SESSION: _plan_sessions,
    WRITE: _plan_writes,
}
"""What a server is asked with each kind, by the accounts and posts of a stack; LoadInvalid if it answers otherwise."""


def forge_token(token: str) -> str:
    """Return the token with a mark where its signature began."""
    content, _, signature = token.rpartition(".")
    return f"{content}.{MARK}{signature[len(MARK) :]}"


def _ask_each(tokens: Sequence[str], path: str, content: str | None = None) -> list[Ask]:
    return [Ask(path, request_headers(token), content=content) for token in tokens]
