"""``python -m deploy.mailbox``: the mailbox of development, until Ctrl-C or SIGTERM."""

import argparse
import contextlib
import os
import socket
import sys

import uvicorn

from deploy.mailbox.letters import Mailbox
from deploy.mailbox.pages import create_app

BACKLOG = 128
GRACE = 1  # seconds for answers that are being written


def main() -> None:
    """Run the mailbox; exit code 2 with one sentence when it can't be."""
    arguments = _parse_arguments()
    if os.environ.get("ENVIRONMENT") == "production":
        sys.exit(_explain("it shows every letter to everybody, so it is not for ENVIRONMENT=production"))
    smtp_socket = _bind(arguments.host, arguments.smtp_port)
    page_socket = _bind(arguments.host, arguments.page_port)
    config = uvicorn.Config(
        create_app(Mailbox(), smtp_socket),
        lifespan="on",
        ws="none",
        proxy_headers=False,
        server_header=False,
        log_config=None,
        timeout_graceful_shutdown=GRACE,
    )
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[page_socket])


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.mailbox", description="Take letters by SMTP and show them.")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--smtp-port", type=int, default=2525, help="where letters are taken")
    parser.add_argument("--page-port", type=int, default=8025, help="where they are shown")
    return parser.parse_args()


def _bind(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=BACKLOG)
    except OSError as error:
        sys.exit(_explain(f"port {port} of {host} can't be listened on: {error.strerror}"))


def _explain(reason: str) -> int:
    sys.stderr.write(f"The mailbox does not start: {reason}\n")
    return 2


if __name__ == "__main__":
    main()
