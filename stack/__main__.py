"""``python -m stack``: run everything on this machine until Ctrl-C, SIGTERM, or until one part dies."""

import argparse
import contextlib
import json
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

from stack.health import NotReady, wait_until_ready
from stack.ports import GATEWAY_PORT, PortTaken, choose_ports
from stack.postgres import PostgresFailed, running_postgres
from stack.processes import Child, start_child, stop_children
from stack.settings import Ports, read_environment

ROOT = Path(__file__).parents[1]
STOP_PATIENCE = 12.0  # seconds; a service gives its running requests 10
WATCH_PAUSE = 0.1


class Stopped(Exception):
    """Somebody asked for the end."""


class PartDied(Exception):
    """A part ended by itself; the text is one sentence for a person."""


def main() -> None:
    """Run the stack; exit code 0 when asked to stop, 1 with one sentence when something failed."""
    arguments = _parse_arguments()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        run_stack(arguments.port, arguments.data, arguments.describe)
    except Stopped:
        print("Stopped.")
    except (PortTaken, PostgresFailed, NotReady, PartDied) as error:
        sys.exit(f"Gatepost: {error}")


def run_stack(port: int, data: Path, description: Path | None) -> None:
    """Start all parts, say where they are, and watch them; raises when one dies or the end is asked for."""
    begun = time.monotonic()
    ports = choose_ports(port)
    with running_postgres(data) as postgres, contextlib.ExitStack() as running:
        environments = read_environment(ports, postgres.urls, ROOT / ".env")
        children = [postgres.child]
        running.callback(lambda: _stop_services(children))
        for service, environment in environments.items():
            command = (sys.executable, "-m", service)
            children.append(start_child(service, command, environment=environment, directory=ROOT))
        wait_until_ready({name: each.requests for name, each in ports.items()}, lambda: _check_alive(children))
        _greet(ports["gateway"].requests, data, time.monotonic() - begun)
        if description is not None:
            _write_description(description, ports)
        while True:
            _check_alive(children)
            time.sleep(WATCH_PAUSE)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m stack", description="Run Gatepost on this machine without Docker.")
    parser.add_argument("--port", type=int, default=GATEWAY_PORT, help="the gateway's port; 0: free ports for all")
    parser.add_argument("--data", type=Path, default=ROOT / ".data", help="where PostgreSQL keeps its data")
    parser.add_argument("--describe", type=Path, help="write the base URLs as JSON to this file once all is ready")
    return parser.parse_args()


def _stop(_number: int, _frame: FrameType | None) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # once is enough; the second Ctrl-C must not interrupt the stopping
    raise Stopped


def _check_alive(children: list[Child]) -> None:
    for child in children:
        code = child.process.poll()
        if code is not None:
            raise PartDied(f"{child.name} ended by itself ({_explain(code)}), so everything was stopped")


def _explain(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"


def _stop_services(children: list[Child]) -> None:
    """Stop all but PostgreSQL, the first, which goes last."""
    stop_children(children[1:], STOP_PATIENCE)


def _greet(port: int, data: Path, seconds: float) -> None:
    """Say where it runs and what to try."""
    url = f"http://localhost:{port}"
    print(
        f"""
Gatepost runs at {url} (started in {seconds:.1f} s; Ctrl-C stops it; data in {data})

  in a browser   {url}/userposts   leads to the sign-in page; sign up there
  the API        {url}/docs
  sign up        curl -s {url}/api/user -H 'content-type: application/json' \\
                   -d '{{"name": "Ada", "email": "ada@example.com", "password": "correct horse battery"}}'
  sign in        curl -s {url}/api/login -H 'content-type: application/json' \\
                   -d '{{"username": "ada@example.com", "password": "correct horse battery"}}'
""",
        flush=True,
    )


def _write_description(path: Path, ports: Mapping[str, Ports]) -> None:
    """Write the URLs in one step, so that a reader finds no half of them."""
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
