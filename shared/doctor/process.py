"""What the running process of a service says of itself, for ``doctor``: whether it is ready, how old its feeds are."""

import asyncio
import http.client
import json
import re
from collections.abc import Iterator

from shared.auth_events.follower import SILENCE
from shared.doctor.findings import Finding, looks_at, ok, problem, unknown, warning
from shared.observing.clocks import TOLD_FROM, describe_offset
from shared.settings import Settings

TIMEOUT = 5.0  # seconds
LONGEST_ANSWER = 1_000_000  # bytes
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - asked at this machine itself

_FEED = re.compile(r'^gatepost_feed_lag_seconds\{feed="([^"]+)"\} (\S+)$', re.MULTILINE)
_CLOCK = re.compile(r'^gatepost_clock_offset_seconds\{peer="([^"]+)"\} (\S+)$', re.MULTILINE)


@looks_at("process")
async def examine_process(settings: Settings) -> list[Finding]:
    """Return what the process says that listens where the settings say."""
    host = EVERYWHERE.get(settings.host, settings.host)
    try:
        _, told = await asyncio.to_thread(_get, host, settings.port, "/readyz")
        _, metrics = await asyncio.to_thread(_get, host, settings.metrics_port, "/metrics")
    except (OSError, http.client.HTTPException) as error:
        says = f"nothing answers at {host}:{settings.port}: {error}"
        return [unknown("process", f"{says}. Readiness, feeds and clocks can be seen only while the service runs")]
    return [*_judge_readiness(told), *_judge_feeds(metrics), *_judge_clocks(metrics)]


def _get(host: str, port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(LONGEST_ANSWER).decode(errors="replace")
    finally:
        connection.close()


def _judge_readiness(text: str) -> Iterator[Finding]:
    try:
        told = json.loads(text)
        lacks, remarks = dict(told.get("lacks", {})), dict(told.get("remarks", {}))
    except (ValueError, TypeError, AttributeError):
        yield problem("process", "what answers at the service's port is not the service", "look what listens there")
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
