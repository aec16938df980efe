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

from tests.benchmarks.checks import check_answers, check_refusals, check_size, learn_answers
from tests.benchmarks.kinds import CONSTANT
from tests.benchmarks.peer_servers import FASTAPI, FASTIFY, running_fastapi, running_fastify
from tests.benchmarks.pgbench import PgBench, check_statement
from tests.benchmarks.processes import Server, get_program
from tests.benchmarks.rounds import Contender, Send
from tests.benchmarks.upstreams import Upstream, running_constant
from tests.benchmarks.whole_stack import WholeStack, running_one_query_each
from tests.benchmarks.wrk import Ask, Plan, send_load, write_plan

POSTS = "Gatepost, posts service"
GATEWAY = "Gatepost, through the gateway"
ONE_QUERY_EACH = "Gatepost, one query for each list"
PGBENCH = "pgbench, same statement"


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
        alone = running.enter_context(running_one_query_each(stack, directory))
        peers = {FASTAPI: fastapi, FASTIFY: fastify}
        _check(stack, alone, constant, peers)
        behind = (stack.postgres_pid,)
        posts, gateway = stack.services.posts, stack.services.gateway
        contenders = [
            Contender(POSTS, (posts.pid,), behind, _sender(posts.port, stack.asks, directory)),
            Contender(GATEWAY, (gateway.pid,), (posts.pid, *behind), _sender(gateway.port, stack.asks, directory)),
            Contender(ONE_QUERY_EACH, (alone.pid,), behind, _sender(alone.port, stack.asks, directory)),
            *(_contend_peer(name, peer, stack, directory) for name, peer in peers.items()),
            Contender(CONSTANT, constant.pids, (), _sender(constant.port, constant.asks, directory)),
            Contender(PGBENCH, (), behind, PgBench(database, directory)),
        ]
        yield Readers(contenders, peers)


def _check(stack: WholeStack, alone: Server, constant: Upstream, peers: Mapping[str, Server]) -> None:
    """Raise LoadInvalid unless all answer the same and refuse the same; the peers' answers are learned later."""
    check_answers(GATEWAY, stack.services.gateway.port, stack.asks)
    check_answers(ONE_QUERY_EACH, alone.port, stack.asks)
    check_answers(CONSTANT, constant.port, constant.asks)
    check_size(CONSTANT, len(constant.asks[0].body), median(len(ask.body) for ask in stack.asks))
    check_statement(stack.postgres.urls.posts, stack.asks)
    ours = {POSTS: stack.services.posts, GATEWAY: stack.services.gateway, ONE_QUERY_EACH: alone}
    for name, server in {**ours, **peers}.items():
        check_refusals(name, server.port, stack.asks[0], stack.keys)


def _contend_peer(name: str, peer: Server, stack: WholeStack, directory: Path) -> Contender:
    send = _sender(peer.port, learn_answers(name, peer.port, stack.asks), directory)
    return Contender(name, (peer.pid,), (stack.postgres_pid,), send)


def _sender(port: int, asks: Sequence[Ask], directory: Path) -> Send:
    plan = write_plan(directory / f"read-{port}.lua", Plan(asks))
    return partial(send_load, get_program("wrk"), port, plan)
