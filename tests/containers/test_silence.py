"""Containers at rest print nothing."""

import time

from tests.support.containers import SERVICES, Containers

SETTLING = 5.0  # seconds
SILENCE = 12  # seconds: in which each feed is polled twice, and each container probed


def test_at_rest_nothing_is_printed(containers: Containers) -> None:
    """Of polls and probes, which come every few seconds, the log of no container has a line."""
    containers.start()
    time.sleep(SETTLING + SILENCE)
    printed = {
        service: containers.compose("logs", "--no-log-prefix", "--since", f"{SILENCE}s", service)
        for service in SERVICES
    }
    assert printed == dict.fromkeys(SERVICES, "")
