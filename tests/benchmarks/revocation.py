"""How long the token of an ended session still opens something: from the answer to the sign-out to the first refusal.

``python -m tests.benchmarks.revocation [--tries 50]`` starts the stack on free ports with data of its own. Each try
signs in, checks that the token opens all services, signs out, and replays the token at each until all refuse it. The
gateway is asked for a page: its own refusal is a redirect to the sign-in page, that of the posts service behind it is a
401. Two services are not ours: they follow through the gateway, by the files in ``docs/verify-elsewhere/sign-out``. A
token that is never refused ends the run with code 1.
"""

import argparse
import contextlib
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from tests.benchmarks.processes import ROOT, START_DEADLINE, ProgramMissing, ServerFailed
from tests.benchmarks.services_elsewhere import running_elsewhere

SECRET_KEY = "a-secret-key-for-the-benchmark-and-no-other-use"
PASSWORD = "correct horse battery staple"
EMAIL = "ada@example.com"
PAUSE = 0.001  # seconds between two tries of a token
LONGEST_PAUSE = 1.0  # seconds before a sign-out: it may fall anywhere between two looks of the auth service
PATIENCE = 20.0  # seconds until which a token must be refused
STOP_PATIENCE = 30


class TokenStillOpens(Exception):
    """A token that should open something and does not, or the other way round."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where a token is tried, and the statuses of a yes and of this service's own no."""

    name: str
    netloc: str
    path: str
    opens: int
    refuses: int


def main() -> None:
    """Run the benchmark of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.revocation", description="Time from sign-out to refusal."
    )
    parser.add_argument("--tries", type=int, default=50, help="how often to sign out")
    tries = parser.parse_args().tries
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))  # so that the stack is ended then, too
    try:
        with running_stack() as (urls, data), running_elsewhere(urls["gateway"], data, SECRET_KEY) as elsewhere:
            samples = measure(urls, elsewhere, tries)
    except (ServerFailed, ProgramMissing, TokenStillOpens) as error:
        sys.exit(str(error))
    sys.stdout.write(draw_table(samples))


@contextlib.contextmanager
def running_stack() -> Iterator[tuple[Mapping[str, str], Path]]:
    """Give the base URLs of the services of a stack that runs meanwhile, and where its data is."""
    with tempfile.TemporaryDirectory(prefix="gatepost-") as directory:
        description, log = Path(directory) / "stack.json", Path(directory) / "stack.log"
        command = [sys.executable, "-m", "stack", "--port", "0", "--data", directory, "--describe", str(description)]
        with log.open("wb") as output:
            environment = {**os.environ, "SECRET_KEY": SECRET_KEY}
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
            try:
                yield _wait_for(description, process, log), Path(directory)
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(STOP_PATIENCE)


def measure(urls: Mapping[str, str], elsewhere: Mapping[str, str], tries: int) -> dict[str, list[float]]:
    """Return for each service the seconds from a sign-out to the refusal, one for each try.

    ``elsewhere`` are the addresses of external services.
    """
    gateway, posts = urlsplit(urls["gateway"]).netloc, urlsplit(urls["posts_service"]).netloc
    doors = (
        Door("gateway", gateway, "/userposts", HTTPStatus.OK, HTTPStatus.FOUND),
        Door("posts service", posts, "/api/user/1", HTTPStatus.OK, HTTPStatus.UNAUTHORIZED),
        *(Door(name, address, "/", HTTPStatus.OK, HTTPStatus.UNAUTHORIZED) for name, address in elsewhere.items()),
    )
    _send(gateway, "POST", "/api/user", body={"name": "Ada", "email": EMAIL, "password": PASSWORD})
    chance = random.Random(1)  # noqa: S311 - the same pauses in each run; no secret
    samples: dict[str, list[float]] = {door.name: [] for door in doors}
    with ThreadPoolExecutor(len(doors)) as pool:
        for _ in range(tries):
            found = _send(gateway, "POST", "/api/login", body={"username": EMAIL, "password": PASSWORD})
            token = str(found["accessToken"])
            for door in doors:
                _check_open(door, token)
            time.sleep(chance.uniform(0, LONGEST_PAUSE))
            _send(gateway, "POST", "/api/logout", token=token)
            ended_at = time.perf_counter()
            refused_at = list(pool.map(_wait_for_refusal, doors, [token] * len(doors)))
            for door, moment in zip(doors, refused_at, strict=True):
                samples[door.name].append(moment - ended_at)
    return samples


def draw_table(samples: Mapping[str, Sequence[float]]) -> str:
    """Return a Markdown table of milliseconds."""
    rows = [
        f"| {name} | {len(found)} | {median(found) * 1000:.0f} | {max(found) * 1000:.0f} |\n"
        for name, found in samples.items()
    ]
    return "| refused by | tries | median ms | worst ms |\n|---|---:|---:|---:|\n" + "".join(rows)


def _check_open(door: Door, token: str) -> None:
    connection = http.client.HTTPConnection(door.netloc, timeout=PATIENCE)
    with contextlib.closing(connection):
        status = _try(connection, door, token)
    if status != door.opens:
        raise TokenStillOpens(f"a fresh token gets {status} from the {door.name}")


def _wait_for_refusal(door: Door, token: str) -> float:
    """Return when the door first refuses the token, by the performance counter."""
    deadline = time.perf_counter() + PATIENCE
    connection = http.client.HTTPConnection(door.netloc, timeout=PATIENCE)
    with contextlib.closing(connection):
        while time.perf_counter() < deadline:
            if _try(connection, door, token) == door.refuses:
                return time.perf_counter()
            time.sleep(PAUSE)
    raise TokenStillOpens(f"{PATIENCE:.0f} s after the sign-out the {door.name} still takes the token")


def _try(connection: http.client.HTTPConnection, door: Door, token: str) -> int:
    connection.request("GET", door.path, headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    answer.read()
    return answer.status


def _send(
    netloc: str, method: str, path: str, *, body: Mapping[str, str] | None = None, token: str | None = None
) -> dict[str, object]:
    """Return the JSON object that is answered to a request, which must succeed; empty where there is no body."""
    headers = {"Content-Type": "application/json"} if body else {}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    connection = http.client.HTTPConnection(netloc, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request(method, path, body=json.dumps(body) if body else None, headers=headers)
        answer = connection.getresponse()
        text = answer.read()
    if answer.status >= HTTPStatus.BAD_REQUEST:
        raise ServerFailed(f"{method} {path} was answered {answer.status}")
    found: dict[str, object] = json.loads(text or b"{}")
    return found


def _wait_for(description: Path, process: "subprocess.Popen[bytes]", log: Path) -> Mapping[str, str]:
    deadline = time.monotonic() + START_DEADLINE
    while not description.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise ServerFailed(f"the stack did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.05)
    found: dict[str, str] = json.loads(description.read_text())
    return found


if __name__ == "__main__":
    main()
