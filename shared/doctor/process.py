"""What the running process of a service says of itself, for ``doctor``: whether it is ready, how old its feeds are."""

import asyncio
import http.client
import json
import re
from collections.abc import Iterator
from http import HTTPStatus

from shared.auth_events.follower import SILENCE
from shared.doctor.findings import Finding, looks_at, ok, problem, unknown, warning
from shared.observing.clocks import TOLD_FROM, describe_offset
from shared.process.name_lookups import no_name_unknown
from shared.settings import Settings

TIMEOUT = 5.0  # seconds
LONGEST_ANSWER = 1_000_000  # bytes
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - asked at this machine itself

READY, NOT_READY = (HTTPStatus.OK, "ready", False), (HTTPStatus.SERVICE_UNAVAILABLE, "not ready", True)
"""The status of ``/readyz``, what it says, and whether it names a lack."""
STRANGER, LOOK = "what answers at the {port} port is not the service", "look what listens there"

_FEED = re.compile(r'^gatepost_feed_lag_seconds\{feed="([^"]+)"\} (\S+)$', re.MULTILINE)
_CLOCK = re.compile(r'^gatepost_clock_offset_seconds\{peer="([^"]+)"\} (\S+)$', re.MULTILINE)


@looks_at("process")
async def examine_process(settings: Settings) -> list[Finding]:
    """Return what the process says that listens where the settings say."""
    host = EVERYWHERE.get(settings.host, settings.host)
    try:
        status, told = await asyncio.to_thread(_get, host, settings.port, "/readyz")
    except (OSError, http.client.HTTPException) as error:
        return [_explain(f"{host}:{settings.port}", error, "Readiness, feeds and clocks")]
    return [*_judge_readiness(status, told), *await _examine_metrics(host, settings.metrics_port)]


async def _examine_metrics(host: str, port: int) -> list[Finding]:
    try:
        status, metrics = await asyncio.to_thread(_get, host, port, "/metrics")
    except (OSError, http.client.HTTPException) as error:
        return [_explain(f"{host}:{port}", error, "Feeds and clocks")]
    if status != HTTPStatus.OK:
        return [problem("process", STRANGER.format(port="metrics'"), LOOK)]
    return [*_judge_feeds(metrics), *_judge_clocks(metrics)]


def _explain(place: str, error: Exception, what: str) -> Finding:
    """Return why a process could not be asked; only where nobody listens does it just not run."""
    if isinstance(error, ConnectionRefusedError):
        says = f"nothing answers at {place}: {error}"
        return unknown("process", f"{says}. {what} can be seen only while the service runs")
    if isinstance(error, TimeoutError):
        return problem("process", f"{place} does not answer: the process hangs", "see its log; restart it")
    return problem("process", f"{place} does not answer as the service does: {error}", LOOK)


def _get(host: str, port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    try:
        with no_name_unknown():
            connection.connect()
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(LONGEST_ANSWER).decode(errors="replace")
    finally:
        connection.close()


def _judge_readiness(status: int, text: str) -> Iterator[Finding]:
    try:
        told = json.loads(text)
        lacks, remarks = dict(told.get("lacks", {})), dict(told.get("remarks", {}))
        is_ours = (status, told.get("status"), bool(lacks)) in {READY, NOT_READY}
    except (ValueError, TypeError, AttributeError):
        is_ours = False
    if not is_ours:
        yield problem("process", STRANGER.format(port="service's"), LOOK)
        return
    for name, says in lacks.items():
        yield problem("process", f"not ready: {name} is {says}", "the log says more")
    for name, says in remarks.items():
        yield warning("process", f"ready, but for {name}: {says}", "the log says more")
    if not lacks and not remarks:
        yield ok("process", "it runs, and is ready")


def _judge_feeds(metrics: str) -> Iterator[Finding]:
    for name, text in _FEED.findall(metrics):
        lag = float(text)
        if lag < SILENCE:
            yield ok("feeds", f"{name}: last heard of {lag:.1f} s ago")
        else:
            says = f"{name}: last heard of {lag:.0f} s ago, so ended sessions, or names, may be out of date here"
            yield problem("feeds", says, "see whether the auth service runs, and AUTH_SERVICE_URL leads to it")


def _judge_clocks(metrics: str) -> Iterator[Finding]:
    off = {peer: float(text) for peer, text in _CLOCK.findall(metrics)}
    agreeing = [peer for peer, offset in off.items() if abs(offset) < TOLD_FROM]
    if agreeing:
        yield ok("clocks", f"agree with {', '.join(sorted(agreeing))}")
    for peer in sorted(off.keys() - set(agreeing)):
        yield problem("clocks", describe_offset(peer, off[peer]))
