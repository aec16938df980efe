"""Reading: ``GET /api/user/{id}`` with ten posts for each answer, from everybody who can serve it.

In the same run, on the same tables: the posts service alone and through the gateway, two peers, and the two limits: a
raw ASGI app that sends as many constant bytes, and pgbench that runs the statement of one list.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.checks import check_answers, check_refusals, learn_answers
from benchmarks.peer_servers import FASTAPI, FASTIFY, running_fastapi, running_fastify
from benchmarks.pgbench import PgBench, check_statement
from benchmarks.processes import Server, get_program
from benchmarks.rounds import Contender, Send
from benchmarks.upstreams import Upstream, running_constant
from benchmarks.whole_stack import WholeStack
from benchmarks.wrk import Ask, LoadInvalid, Plan, send_load, write_plan

POSTS = "Gatepost, posts service"
GATEWAY = "Gatepost, through the gateway"
ONE_QUERY_EACH = "Gatepost, one query for each list"
CONSTANT = "raw ASGI, constant body"
PGBENCH = "pgbench, same statement"
SIZE_TOLERANCE = 0.03


@dataclass(frozen=True, slots=True)
class Readers:
    """Who is measured, in that order, and the peers among them by name."""

    contenders: list[Contender]
    peers: dict[str, Server]


@contextlib.contextmanager
def running_readers(stack: WholeStack, directory: Path) -> Iterator[Readers]:
    """Run the peers and the limits beside the stack, check all of them, and give them."""
    with ExitStack() as running:
        database = stack.postgres.urls.posts
        fastapi = running.enter_context(running_fastapi(stack.keys, database, directory))
        fastify = running.enter_context(running_fastify(stack.keys, database, directory))
        constant = running.enter_context(running_constant(stack.keys, directory))
        peers = {FASTAPI: fastapi, FASTIFY: fastify}
        _check(stack, constant, peers)
        behind = (stack.postgres_pid,)
        alone = stack.one_query_each
        gateway_pids, pids_behind = (stack.gateway.pid,), (stack.posts.pid, *behind)
        contenders = [
            Contender(POSTS, (stack.posts.pid,), behind, _sender(stack.posts.port, stack.asks, directory)),
            Contender(GATEWAY, gateway_pids, pids_behind, _sender(stack.gateway.port, stack.asks, directory)),
            Contender(ONE_QUERY_EACH, (alone.pid,), behind, _sender(alone.port, stack.asks, directory)),
            *(_contend_peer(name, peer, stack, directory) for name, peer in peers.items()),
            Contender(CONSTANT, constant.pids, (), _sender(constant.port, constant.asks, directory)),
            Contender(PGBENCH, (), behind, PgBench(database, directory)),
        ]
        yield Readers(contenders, peers)


def _check(stack: WholeStack, constant: Upstream, peers: Mapping[str, Server]) -> None:
    """Raise LoadInvalid unless all answer the same and refuse the same; the peers' answers are learned later."""
    check_answers(GATEWAY, stack.gateway.port, stack.asks)
    check_answers(ONE_QUERY_EACH, stack.one_query_each.port, stack.asks)
    check_answers(CONSTANT, constant.port, constant.asks)
    _check_size(constant.asks, stack.asks)
    check_statement(stack.postgres.urls.posts, stack.asks)
    ours = {POSTS: stack.posts, GATEWAY: stack.gateway, ONE_QUERY_EACH: stack.one_query_each}
    for name, server in {**ours, **peers}.items():
        check_refusals(name, server.port, stack.asks[0], stack.keys)


def _check_size(constant: Sequence[Ask], lists: Sequence[Ask]) -> None:
    size, usual = len(constant[0].body), median(len(ask.body) for ask in lists)
    if not 1 - SIZE_TOLERANCE < size / usual < 1 + SIZE_TOLERANCE:
        raise LoadInvalid(f"the constant body has {size} bytes, a list {usual:.0f}")


def _contend_peer(name: str, peer: Server, stack: WholeStack, directory: Path) -> Contender:
    send = _sender(peer.port, learn_answers(name, peer.port, stack.asks), directory)
    return Contender(name, (peer.pid,), (stack.postgres_pid,), send)


def _sender(port: int, asks: Sequence[Ask], directory: Path) -> Send:
    plan = write_plan(directory / f"read-{port}.lua", Plan(asks))
    return partial(send_load, get_program("wrk"), port, plan)
