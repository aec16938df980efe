"""Waiting until every part is ready."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping

DEADLINE = 60.0  # seconds; the first start migrates the databases
PAUSE = 0.03


class NotReady(Exception):
    """A part did not become ready in time; the text names it and what it lacks."""


def wait_until_ready(ports: Mapping[str, int], check_alive: Callable[[], None]) -> None:
    """Return once ``/readyz`` on every port answers 200; ``check_alive`` may raise to end the wait."""
    deadline = time.monotonic() + DEADLINE
    for name, port in ports.items():
        while (lack := _find_lack(port)) is not None:
            check_alive()
            if time.monotonic() > deadline:
                raise NotReady(f"{name} is not ready after {DEADLINE:.0f} s: {lack}")
            time.sleep(PAUSE)


def _find_lack(port: int) -> str | None:
    """Return None when the service is ready, else what it reports as missing."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
            return None
    except urllib.error.HTTPError as answer:
        with answer:
            return _read_lacks(answer.read())
    except OSError as error:
        return f"no answer ({error})"


def _read_lacks(body: bytes) -> str:
    try:
        return str(json.loads(body)["lacks"])
    except (ValueError, KeyError, TypeError):
        return body[:200].decode(errors="replace")
