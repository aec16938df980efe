"""Starts that must not be, and a policy that must not be taken."""

import asyncio
import time
from collections.abc import Mapping

from shared.settings import SAMPLE_SECRETS
from tests.faults.containers import CommandFailed
from tests.faults.experiments import Stand
from tests.faults.replicas import RULES

SHORT = "too-short"
NEEDED = {"gateway": "NEXTAUTH_SECRET", "auth_service": "SECRET_KEY", "posts_service": "SERVICE_SECRET"}
SOUND = {
    "ENVIRONMENT": "production",
    "NEXTAUTH_URL": "https://gate.example.com",
    "SECRET_KEY": "a-key-of-our-own-0123456789abcdefgh-01",
    "NEXTAUTH_SECRET": "a-key-of-our-own-0123456789abcdefgh-02",
    "SERVICE_SECRET": "a-key-of-our-own-0123456789abcdefgh-03",
    "AUTH_DATABASE_URL": "postgresql://nowhere/auth",
    "POSTS_DATABASE_URL": "postgresql://nowhere/posts",
    "AUTH_SERVICE_URL": "http://nowhere:8001",
}
RELOADED_WITHIN = 10.0  # seconds


async def start_with_bad_secrets(stand: Stand) -> str:
    """Start each service with a missing, a short and a sample secret: code 2, and one line that names it."""
    refused = 0
    for service, name in NEEDED.items():
        for secret in ("", SHORT, SAMPLE_SECRETS[name]):
            line = await _start(stand, service, {**SOUND, name: secret})
            stand.require("does not start: " in line and name in line, f"{service} said {line!r}")
            stand.require(not secret or secret not in line, f"{service} showed its secret")
            refused += 1
    return f"{refused} refused"


async def reload_bad_rules(stand: Stand) -> str:
    """Let the gateway read a broken policy: the old one stays."""
    rules = stand.directory / RULES
    sound, began = rules.read_text(), time.time()
    try:
        rules.write_text(sound.replace('access   = "protected"', 'access   = "pubic"'))  # in place: it is mounted
        await stand.containers.docker("kill", "--signal", "HUP", await stand.containers.get_id("gateway"))
        deadline = time.monotonic() + RELOADED_WITHIN
        while "policy_refused" not in await stand.containers.read_log("gateway", began):
            stand.require(time.monotonic() < deadline, "the gateway did not say that it refuses the policy")
            await asyncio.sleep(0.2)
        await asyncio.sleep(2)
    finally:
        rules.write_text(sound)
    await stand.containers.docker("kill", "--signal", "HUP", await stand.containers.get_id("gateway"))
    return ""


async def _start(stand: Stand, service: str, settings: Mapping[str, str]) -> str:
    """Return what a service says that must not start."""
    variables = [part for name, value in settings.items() for part in ("--env", f"{name}={value}")]
    image = await stand.containers.docker("inspect", "--format", "{{.Image}}", await stand.containers.get_id(service))
    try:
        await stand.containers.docker("run", "--rm", "--network", "none", *variables, image)
    except CommandFailed as failure:
        said = str(failure).splitlines()
        lines = [line for line in said[1:] if line.strip()]
        stand.require(len(lines) == 1, f"{service} said more than one line: {lines}")
        return lines[0]
    stand.require(False, f"{service} started with a bad secret")
    return ""
