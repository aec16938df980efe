"""``python -m stack``: run everything on this machine until Ctrl-C, SIGTERM, or until one part dies.

With arguments, ``python -m stack user list``: the auth service's command line for operators, on the running stack.
"""

import argparse
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from shared.timing import STACK_GRACE
from stack.health import NotReady, wait_until_ready
from stack.output import ERROR, print_line
from stack.ports import GATEWAY_PORT, PortUnusable, choose_ports, name_ports
from stack.postgres import PostgresFailed, find_running, running_postgres
from stack.processes import Child, start_child, stop_children
from stack.services import Ports
from stack.settings import read_drain, read_environment
from stack.sockets import socket_directory

ROOT = Path(__file__).parents[1]
SOCKETS = "sockets"  # below the data: where the services listen for one another
WATCH_PAUSE = 0.1


class Stopped(Exception):
    """The stack was told to stop."""


class PartDied(Exception):
    """A part exited by itself; the text is one sentence for a person."""


def main() -> None:
    """Run the stack; exit code 0 when asked to stop, 1 with one sentence when something failed."""
    arguments = _parse_arguments()
    try:
        if arguments.command:
            run_command(arguments.command, arguments.port, arguments.data)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _stop)
        run_stack(arguments.port, arguments.data, arguments.describe)
    except Stopped:
        print_line("Stopped.")
    except (PortUnusable, PostgresFailed, NotReady, PartDied) as error:
        print_line(f"Gatepost: {error}", ERROR)
        sys.exit(1)


def run_stack(port: int, data: Path, description: Path | None) -> None:
    """Start all parts, print where they are, and watch them; raises when one dies, or when told to stop."""
    begun = time.monotonic()
    ports = choose_ports(port)
    with running_postgres(data) as postgres, contextlib.ExitStack() as running:
        sockets = running.enter_context(socket_directory(data.resolve() / SOCKETS))
        environments = read_environment(ports, postgres.urls, sockets, ROOT / ".env")
        children = [postgres.child]
        timeout = STACK_GRACE + read_drain(environments["gateway"])
        # Callers stop before what they call: the posts service and the gateway, the auth service, PostgreSQL.
        running.callback(lambda: stop_children(children[1:2], timeout))
        running.callback(lambda: stop_children(children[2:], timeout))
        for service, environment in environments.items():
            command = (sys.executable, "-m", service)
            children.append(start_child(service, command, environment=environment, directory=ROOT))
        wait_until_ready({name: each.requests for name, each in ports.items()}, lambda: _check_alive(children))
        _greet(ports["gateway"].requests, environments["gateway"]["NEXTAUTH_URL"], data, time.monotonic() - begun)
        if description is not None:
            _write_description(description, ports)
        while True:
            _check_alive(children)
            time.sleep(WATCH_PAUSE)


def run_command(words: Sequence[str], port: int, data: Path) -> NoReturn:
    """Become the operators' command line, with the settings of the stack running on ``data``."""
    databases = find_running(data)
    if databases is None:
        raise PostgresFailed(f"nothing runs on {data}; start it with `make run`, and come back in a second terminal")
    environment = read_environment(name_ports(port), databases, data / SOCKETS, ROOT / ".env")["auth_service"]
    os.chdir(ROOT)
    os.execve(sys.executable, (sys.executable, "-m", "auth_service", *words), environment)  # noqa: S606 - ours, no shell


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m stack", description="Run Gatepost on this machine without Docker.")
    parser.add_argument("--port", type=int, default=GATEWAY_PORT, help="the gateway's port; 0: free ports for all")
    parser.add_argument("--data", type=Path, default=ROOT / ".data", help="where PostgreSQL keeps its data")
    parser.add_argument("--describe", type=Path, help="write the base URLs as JSON to this file once all is ready")
    parser.add_argument(
        "command", nargs=argparse.REMAINDER, help="words for the operators' command line (--help: its own words)"
    )
    return parser.parse_args()


def _stop(_number: int, _frame: FrameType | None) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not interrupt the shutdown
    raise Stopped


def _check_alive(children: list[Child]) -> None:
    for child in children:
        code = child.process.poll()
        if code is not None:
            raise PartDied(f"{child.name} ended by itself ({_explain(code)}), so everything was stopped")


def _explain(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"


def _greet(port: int, public_url: str, data: Path, seconds: float) -> None:
    """Print where it runs and what to try; a browser needs the public URL, which may be a front end's."""
    url = f"http://localhost:{port}"
    print_line(
        f"""
Gatepost runs at {url} (started in {seconds:.1f} s; Ctrl-C stops it; data in {data})

  in a browser   {public_url.removesuffix("/")}/userposts   leads to the sign-in page; sign up there
  the API        {url}/docs
  sign up        curl -s {url}/api/user -H 'content-type: application/json' \\
                   -d '{{"name": "Ada", "email": "ada@example.com", "password": "correct horse battery"}}'
  sign in        curl -s {url}/api/login -H 'content-type: application/json' \\
                   -d '{{"username": "ada@example.com", "password": "correct horse battery"}}'
"""
    )


def _write_description(path: Path, ports: Mapping[str, Ports]) -> None:
    """Write the URLs atomically, so that no reader finds half of them."""
    description = {
        **{name: f"http://127.0.0.1:{each.requests}" for name, each in ports.items()},
        "gateway": f"http://localhost:{ports['gateway'].requests}",
        "metrics": {name: f"http://127.0.0.1:{each.metrics}" for name, each in ports.items()},
    }
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(description))
    draft.replace(path)


if __name__ == "__main__":
    main()
