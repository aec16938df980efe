"""Signing in under 200 clients, beside argon2 alone on the same cores; and what readers notice of it.

Here services, database and load share all cores, for the auth service has as many threads as there are cores. It lets
so many wait and sends the others away with 503 and ``Retry-After``: once there are no others, once the clients do as
told, once they do not.
"""

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from auth_service.passwords.hashing import QUEUE_PER_THREAD, RETRY_AFTER
from tests.benchmarks.figures import Sample
from tests.benchmarks.processes import ALL_CORES, ROOT, get_program, on_all_cores, read_cpu_seconds
from tests.benchmarks.rounds import Contender, Effort, take_sample
from tests.benchmarks.rows import PASSWORD
from tests.benchmarks.upstreams import PUBLIC_URL
from tests.benchmarks.whole_stack import WholeStack
from tests.benchmarks.wrk import MARGIN, Ask, Load, LoadInvalid, Plan, send_load, write_plan

ARGON2 = "argon2 alone"
FEW = "sign-in, as many clients as may wait"
WAITING = "sign-in, clients wait as told"
FLOOD = "sign-in, clients come back at once"

CLIENTS = 200
CLIENTS_THAT_MAY_WAIT = QUEUE_PER_THREAD * len(ALL_CORES)
ACCOUNTS = 300
READERS = 16
PAUSE = 50  # milliseconds between a reader's requests, on average
PAUSE_OF_SETTLING = 0.3  # seconds between looks at what the auth service does
WARM_UP = 4  # seconds: each account is signed in to from this address once before

_ASKS = tuple(
    Ask(
        "/api/login",
        {"Host": PUBLIC_URL.removeprefix("http://")},
        content=json.dumps({"username": f"user{number}@example.com", "password": PASSWORD}),
    )
    for number in range(1, ACCOUNTS + 1)
)
_SIGN_INS = {
    FEW: Plan(_ASKS, part='"accessToken"', sheds=True, wait=RETRY_AFTER * 1000),
    WAITING: Plan(_ASKS, part='"accessToken"', sheds=True, wait=RETRY_AFTER * 1000),
    FLOOD: Plan(_ASKS, part='"accessToken"', sheds=True),
}


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """What readers got alone, what they got while others signed in, and what those reached."""

    alone: list[Load]
    disturbed: list[Load]
    sign_ins: list[Load]


def measure_sign_in(stack: WholeStack, effort: Effort, directory: Path) -> dict[str, list[Sample]]:
    """Return the samples of argon2 alone and of signing in; the connections of the effort are not ours."""
    contenders = [
        Contender(ARGON2, (), (), hash_alone),
        *(_contend(stack, *each, directory) for each in _SIGN_INS.items()),
    ]
    with on_all_cores(_pids(stack)):
        take_sample(contenders[1], seconds=WARM_UP, connections=CLIENTS)
        samples: dict[str, list[Sample]] = {contender.name: [] for contender in contenders}
        for _ in range(effort.rounds):
            for contender in contenders:
                _settle(stack)
                samples[contender.name].append(take_sample(contender, seconds=effort.seconds, connections=CLIENTS))
    alone = [Sample(sample.load, sample.load.busy * sample.load.seconds, 0) for sample in samples[ARGON2]]
    return {**samples, ARGON2: alone}


def measure_reads_meanwhile(stack: WholeStack, effort: Effort, directory: Path) -> Meanwhile:
    """Return what some readers get, who rest between requests, without and with 200 clients that sign in."""
    plan = write_plan(directory / "reads.lua", Plan(stack.asks, pause=PAUSE))
    wrk, sign_in = get_program("wrk"), _contend(stack, WAITING, _SIGN_INS[WAITING], directory).send
    read = partial(send_load, wrk, stack.services.posts.port, plan, seconds=effort.seconds, connections=READERS)
    found = Meanwhile([], [], [])
    with on_all_cores(_pids(stack)), ThreadPoolExecutor(1) as pool:
        for _ in range(effort.rounds):
            _settle(stack)
            found.alone.append(read())
            others = pool.submit(sign_in, seconds=effort.seconds, connections=CLIENTS)
            found.disturbed.append(read())
            found.sign_ins.append(others.result())
    return found


def hash_alone(*, seconds: int, connections: int) -> Load:
    """Return what argon2 reaches with nothing around it; ``busy`` is in cores."""
    del connections
    command = [sys.executable, "-m", "tests.benchmarks.bare_argon2", str(seconds)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds + MARGIN, check=False)
    if ended.returncode != 0:
        raise LoadInvalid(f"argon2 failed: {ended.stderr.strip()}")
    figures = json.loads(ended.stdout)
    return Load(
        figures["requests"], figures["seconds"], figures["p50"], figures["p99"], figures["cpu"] / figures["seconds"]
    )


def _contend(stack: WholeStack, name: str, plan: Plan, directory: Path) -> Contender:
    path = write_plan(directory / f"sign-in-{plan.wait}.lua", plan)

    def send(*, seconds: int, connections: int) -> Load:
        clients = min(connections, CLIENTS_THAT_MAY_WAIT) if name == FEW else connections
        return send_load(get_program("wrk"), stack.services.auth.port, path, seconds=seconds, connections=clients)

    return Contender(name, (stack.services.auth.pid,), (stack.postgres_pid,), send)


def _settle(stack: WholeStack) -> None:
    """Return when the auth service has hashed what clients that are gone have left in its queue."""
    before, now = 0.0, read_cpu_seconds([stack.services.auth.pid])
    while now - before > PAUSE_OF_SETTLING / 10:
        time.sleep(PAUSE_OF_SETTLING)
        before, now = now, read_cpu_seconds([stack.services.auth.pid])


def _pids(stack: WholeStack) -> tuple[int, ...]:
    return stack.services.auth.pid, stack.services.posts.pid, stack.services.gateway.pid, stack.postgres_pid
