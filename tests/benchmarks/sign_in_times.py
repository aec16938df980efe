"""Whether the time of a sign-in tells who has an account: known and unknown e-mail addresses, interleaved.

``python -m tests.benchmarks.sign_in_times [--tries 200]`` compares the medians where the password is wrong (401), where
the guessing limits refuse before anything is hashed (429), and where the known one was imported with a hash of another
system (a tenth of the tries, for each takes a second). A ratio within 10 % of 1 is the aim. The auth service runs as
its own process on an embedded PostgreSQL; tries go one after the other over one kept connection.
"""

import argparse
import contextlib
import http.client
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from statistics import median

from shared.settings import SAMPLE_SECRETS
from stack.postgres import PostgresFailed, running_postgres
from tests.benchmarks.processes import (
    LOAD_CORE,
    SERVER_CORE,
    START_DEADLINE,
    ServerFailed,
    on_core,
    pick_ports,
    running_server,
)
from tests.benchmarks.user_import import HASH

KNOWN = "ada@example.com"
UNKNOWN = "eda@example.com"  # as long: what is compared is not the length
PASSWORD = "correct horse battery"
WARM_UP = 10  # pairs of tries that are not counted
UNLIMITED = dict.fromkeys(
    ("SIGN_IN_FAILURES_PER_ACCOUNT", "SIGN_IN_FAILURES_PER_ADDRESS", "SIGN_IN_FAILURES_IN_A_ROW"), "1000000"
)
SOON = {"SIGN_IN_FAILURES_PER_ADDRESS": "1000000", "SIGN_IN_FAILURES_IN_A_ROW": "5"}  # closed for a day then
IMPORTED = {"name": "Ada", "email": KNOWN, "passwordHash": HASH}
CASES = {
    "wrong password (401)": (UNLIMITED, 401, False),
    "throttled (429)": (SOON, 429, False),
    "wrong password (401), imported with bcrypt of cost 10": (UNLIMITED, 401, True),
}
FEWER = 10  # times as few tries where refusals wait


@dataclass(frozen=True, slots=True)
class AuthService:
    """The running auth service, asked one question after the other."""

    connection: http.client.HTTPConnection
    environment: Mapping[str, str]

    def post(self, path: str, body: Mapping[str, str]) -> int:
        """Return the status of an answer, which is read to its end."""
        self.connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        answer.read()
        return answer.status

    def fail(self, email: str) -> tuple[int, float]:
        """Return status and seconds of a sign-in with a wrong password."""
        return self.sign_in(email, "not the password")

    def sign_in(self, email: str, password: str) -> tuple[int, float]:
        """Return status and seconds of a sign-in."""
        begun = time.perf_counter()
        status = self.post("/api/login", {"username": email, "password": password})
        return status, time.perf_counter() - begun

    def import_user(self, line: Mapping[str, str]) -> None:
        """Import somebody, as operators do."""
        command = [sys.executable, "-m", "auth_service", "user", "import", "-"]
        text = json.dumps(line).encode()
        subprocess.run(command, input=text, env=self.environment, stdout=subprocess.DEVNULL, check=True)


def main() -> None:
    """Run the benchmark of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.sign_in_times", description="Time refused sign-ins."
    )
    parser.add_argument("--tries", type=int, default=200, help="of each kind (200)")
    tries = parser.parse_args().tries
    sys.stdout.write("| refused because | known, median ms | unknown, median ms | ratio |\n|---|---:|---:|---:|\n")
    try:
        for name, (limits, status, is_imported) in CASES.items():
            number = tries // FEWER if is_imported else tries
            known, unknown = _measure(limits, status, number, is_imported=is_imported)
            row = f"| {name} | {known * 1000:.2f} | {unknown * 1000:.2f} | {known / unknown:.3f} |\n"
            sys.stdout.write(row)
    except ServerFailed as error:
        sys.exit(str(error))


def _measure(limits: Mapping[str, str], wanted: int, tries: int, *, is_imported: bool) -> tuple[float, float]:
    """Return the median seconds for an e-mail address with an account, and for one without."""
    with on_core(LOAD_CORE), tempfile.TemporaryDirectory(prefix="gatepost-bench-") as directory:
        with running_alone(Path(directory), limits) as service:
            body = {"name": "Ada", "email": KNOWN, "password": PASSWORD}
            if is_imported:
                service.import_user(IMPORTED)
            elif service.post("/api/user", body) != HTTPStatus.CREATED:
                raise ServerFailed("the auth service signs nobody up")
            pairs = [(service.fail(KNOWN), service.fail(UNKNOWN)) for _ in range(WARM_UP + tries)][WARM_UP:]
        if {status for pair in pairs for status, _ in pair} != {wanted}:
            raise ServerFailed(f"the auth service does not answer each try with {wanted}")
        return median(known[1] for known, _ in pairs), median(unknown[1] for _, unknown in pairs)


@contextlib.contextmanager
def running_alone(directory: Path, limits: Mapping[str, str]) -> Iterator[AuthService]:
    """Give the auth service with these settings, on a database of its own."""
    with running_database(directory) as url, running_auth_service("auth_service", directory, url, limits) as service:
        yield service


@contextlib.contextmanager
def running_database(directory: Path) -> Iterator[str]:
    """Give the URL of an empty database of the auth service, on the servers' core."""
    directory.chmod(0o711)  # PostgreSQL runs as another user where this one is root
    with contextlib.ExitStack() as stack:
        try:
            with on_core(SERVER_CORE):
                postgres = stack.enter_context(running_postgres(directory / "database"))
        except PostgresFailed as error:
            raise ServerFailed(str(error)) from error
        yield postgres.urls.auth


@contextlib.contextmanager
def running_auth_service(
    name: str, directory: Path, database_url: str, settings: Mapping[str, str]
) -> Iterator[AuthService]:
    """Give the auth service, ready, as a process of its own; ``name`` is that of its log."""
    port, metrics_port = pick_ports(2)
    environment = {
        **SAMPLE_SECRETS,
        "ENVIRONMENT": "development",
        "LOG_LEVEL": "ERROR",
        "PORT": str(port),
        "METRICS_PORT": str(metrics_port),
        "AUTH_DATABASE_URL": database_url,
        **settings,
    }
    command = [sys.executable, "-m", "auth_service"]
    with running_server(name, command, port=port, directory=directory, environment=environment):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            _wait_until_ready(connection)
            yield AuthService(connection, environment)
        finally:
            connection.close()


def _wait_until_ready(connection: http.client.HTTPConnection) -> None:
    deadline = time.monotonic() + START_DEADLINE
    while time.monotonic() < deadline:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        answer.read()
        if answer.status == HTTPStatus.OK:
            return
        time.sleep(0.05)
    raise ServerFailed("the auth service does not become ready")


if __name__ == "__main__":
    main()
