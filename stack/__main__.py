"""``python -m stack``: run everything on this machine until Ctrl-C, SIGTERM, the terminal's end, or one part's death.

SIGHUP from an operator goes to the services, which read their files again, as everywhere else.

With arguments, ``python -m stack user list``: the auth service's command line for operators, on the running stack; with
``--service posts_service import FILE`` another service's. ``python -m stack doctor`` asks all of them.
"""

import argparse
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import FrameType
from typing import NoReturn

from shared.timing import STACK_GRACE
from stack.examination import DOCTOR, examine_all
from stack.greeting import write_greeting
from stack.health import NotReady, wait_until_ready
from stack.mailbox import Mailbox
from stack.output import ERROR, print_line
from stack.ports import GATEWAY_PORT, USUAL_MAILBOX, PortUnusable, choose_mailbox, choose_ports, load_ports, save_ports
from stack.postgres import PostgresFailed, find_running, running_postgres
from stack.processes import Child, has_terminal, start_child, stop_children
from stack.reloading import keep_reloading
from stack.services import SERVICES, Ports
from stack.settings import read_drain, read_environment, read_environment_of_mailbox
from stack.sockets import socket_directory

ROOT = Path(__file__).parents[1]
ENV_FILE = ROOT / ".env"
PORTS_FILE = "ports.json"  # below the data, too
SOCKETS = "sockets"  # below the data: where the services listen for one another
WATCH_PAUSE = 0.1
REREADING = {service.name for service in SERVICES if service.rereads}
AUTH = "auth_service"  # whose command line it is, if nothing else is said


class Stopped(Exception):
    """The stack was told to stop."""


class PartDied(Exception):
    """A part exited by itself; the text is one sentence for a person."""


def main() -> None:
    """Run the stack; exit code 0 when asked to stop, 1 with one sentence when something failed."""
    arguments = _parse_arguments()
    try:
        if arguments.command:
            mailbox = USUAL_MAILBOX if arguments.mailbox else None
            run_command(arguments.service, arguments.command, arguments.port, arguments.data, mailbox)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _stop)
        run_stack(
            arguments.port,
            arguments.data,
            arguments.describe,
            with_mailbox=arguments.mailbox,
            reloads=arguments.reload,
        )
    except Stopped:
        print_line("Stopped.")
    except (PortUnusable, PostgresFailed, NotReady, PartDied) as error:
        print_line(f"Gatepost: {error}", ERROR)
        sys.exit(1)


def run_stack(port: int, data: Path, description: Path | None, *, with_mailbox: bool, reloads: bool = False) -> None:
    """Start all parts, print where they are, and watch them; raises when one dies, or when told to stop.

    With ``reloads`` a service that ends is started again when its files change, as is one that runs.
    """
    begun = time.monotonic()
    ports = choose_ports(port)
    mailbox = choose_mailbox(ports, all_free=port == 0) if with_mailbox else None
    with running_postgres(data) as postgres, contextlib.ExitStack() as running:
        sockets = running.enter_context(socket_directory(data.resolve() / SOCKETS))
        save_ports(data / PORTS_FILE, ports)
        environments = read_environment(ports, postgres.urls, sockets, ENV_FILE, mailbox)
        children, services = [postgres.child], list[Child]()
        pages = {name: each.requests for name, each in ports.items()}
        if mailbox is not None:
            children.append(mailbox.start(read_environment_of_mailbox(ENV_FILE), ROOT))
            pages["mailbox"] = mailbox.page_port
            running.callback(stop_children, children[1:], STACK_GRACE)
        timeout = STACK_GRACE + read_drain(environments["gateway"])
        # Callers stop before what they call: the posts service and the gateway, the auth service, the mailbox,
        # PostgreSQL.
        running.callback(lambda: stop_children(services[:1], timeout))
        running.callback(lambda: stop_children(services[1:], timeout))
        start = partial(_start_service, environments)
        services.extend(map(start, environments))
        wait_until_ready(pages, lambda: _check_alive([*children, *services]))
        seconds = time.monotonic() - begun
        greeting = write_greeting(ports["gateway"].requests, environments, data, seconds, mailbox)
        signal.signal(signal.SIGHUP, partial(_hang_up, services, had_terminal=has_terminal()))

        def announce() -> None:
            print_line(greeting)
            if description is not None:
                _write_description(description, ports, mailbox)

        if reloads:
            keep_reloading(services, ROOT, start, announce, lambda: _check_alive(children), timeout)
            raise Stopped
        announce()
        while True:
            _check_alive([*children, *services])
            time.sleep(WATCH_PAUSE)


def run_command(service: str | None, words: Sequence[str], port: int, data: Path, mailbox: Mailbox | None) -> NoReturn:
    """Become a service's command line for operators, with the settings of the stack running on ``data``.

    ``doctor``, of no service, is asked of all.
    """
    databases = find_running(data)
    if databases is None:
        raise PostgresFailed(f"nothing runs on {data}; start it with `make run`, and come back in a second terminal")
    ports = load_ports(data / PORTS_FILE, port)
    environments = read_environment(ports, databases, data.resolve() / SOCKETS, ENV_FILE, mailbox)
    os.chdir(ROOT)
    if service is None and words[0] == DOCTOR:
        sys.exit(examine_all(environments, words))
    service = service or AUTH
    environment = environments[service]
    os.execve(sys.executable, (sys.executable, "-m", service, *words), environment)  # noqa: S606 - ours, no shell


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m stack", description="Run Gatepost on this machine without Docker.")
    parser.add_argument("--port", type=int, default=GATEWAY_PORT, help="the gateway's port; 0: free ports for all")
    parser.add_argument("--data", type=Path, default=ROOT / ".data", help="where PostgreSQL keeps its data")
    parser.add_argument(
        "--mailbox", action="store_true", help="take all letters to a mailbox of development, and show them on a page"
    )
    parser.add_argument("--reload", action="store_true", help="start services anew when their files change")
    parser.add_argument("--describe", type=Path, help="write the base URLs as JSON to this file once all is ready")
    parser.add_argument(
        "--service", choices=[each.name for each in SERVICES], help=f"whose command line it is ({AUTH})"
    )
    parser.add_argument(
        "command", nargs=argparse.REMAINDER, help="words for the operators' command line (--help: its own words)"
    )
    return parser.parse_args()


def _stop(_number: int, _frame: FrameType | None) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not interrupt the shutdown
    raise Stopped


def _hang_up(services: list[Child], number: int, frame: FrameType | None, *, had_terminal: bool) -> None:
    """Stop if the terminal is gone, which the kernel says by the same signal; else let services read their files."""
    if had_terminal and not has_terminal():
        _stop(number, frame)
    told = [child for child in services if child.name in REREADING and child.process.poll() is None]
    for child in told:
        child.process.send_signal(number)
    print_line(f"Told {' and '.join(child.name for child in told)} to read their files again.")


def _start_service(environments: Mapping[str, Mapping[str, str]], name: str) -> Child:
    return start_child(name, (sys.executable, "-m", name), environment=environments[name], directory=ROOT)


def _check_alive(children: list[Child]) -> None:
    for child in children:
        code = child.process.poll()
        if code is not None:
            raise PartDied(f"{child.name} ended by itself ({_explain(code)}), so everything was stopped")


def _explain(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"


def _write_description(path: Path, ports: Mapping[str, Ports], mailbox: Mailbox | None) -> None:
    """Write the URLs atomically, so that no reader finds half of them."""
    description = {
        **{name: f"http://127.0.0.1:{each.requests}" for name, each in ports.items()},
        "gateway": f"http://localhost:{ports['gateway'].requests}",
        "metrics": {name: f"http://127.0.0.1:{each.metrics}" for name, each in ports.items()},
        **({"mailbox": mailbox.page} if mailbox is not None else {}),
    }
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(description))
    draft.replace(path)


if __name__ == "__main__":
    main()
