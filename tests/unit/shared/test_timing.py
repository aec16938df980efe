"""What is promised in seconds against the numbers written elsewhere: the policy, compose, the gateway's limits."""

import re
import tomllib

import yaml

from auth_service.verifiers import long_poll
from gateway.wire.limits import Limits
from shared import timing
from shared.auth_events import follower
from tests.support.house import ROOT


def test_the_gateway_gives_up_after_the_services() -> None:
    """Every limit that the policy sets on an answer is after the services have given up, and within the promise."""
    upstreams = tomllib.loads((ROOT / "gateway/rules.toml").read_text())["upstreams"].values()
    assert {each["answer_within"] for each in upstreams if isinstance(each, dict)} == {timing.UPSTREAM_WITHIN}


def test_compose_lets_a_service_end() -> None:
    """A container is not killed before its service has drained, finished what is running and closed its pool."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    drain = re.search(r":-(\d+)}", compose["x-everybody"]["DRAIN_SECONDS"])
    assert drain
    assert float(drain[1]) == timing.COMPOSE_DRAIN
    assert compose["x-service"]["stop_grace_period"] == f"{timing.COMPOSE_DRAIN + timing.COMPOSE_GRACE:.0f}s"


def test_the_gateway_lets_go_of_idle_connections_first() -> None:
    """The gateway keeps an idle connection for less time than the service at its other end."""
    assert Limits().idle < timing.KEEP_ALIVE


def test_the_end_of_a_session_is_known_in_time() -> None:
    """All pauses between a sign-out and its refusal everywhere leave more than a second of the two that are promised.

    What is left is for the work itself; ``tests.benchmarks.revocation`` measures both together.
    """
    assert long_poll.LOOK_EVERY + follower.SHORTEST_ROUND < 1.0
