"""What must not be in any log of the services: our own faults, forgotten failures, and anybody's secrets."""

import re

from tests.faults.containers import CommandFailed, Containers
from tests.faults.people import PASSWORD
from tests.faults.traffic import Traffic

_FAULTS = re.compile(r"Traceback|never retrieved|request_failed|Exception in callback|\"status\": ?500")
_TOKEN = re.compile(r"eyJ[\w-]{20,}\.")
LONGEST_QUOTE = 160  # characters


async def find_log_faults(containers: Containers, since: float, traffic: Traffic) -> list[str]:
    """Return what the services logged since a moment (seconds since 1970) and must not have."""
    secrets = [PASSWORD, *(person.email for person in traffic.people)]
    secrets += [person.refresh_token for person in traffic.people if person.refresh_token]
    found = []
    for service in await containers.list_services():
        try:
            log = await containers.read_log(service, since)
        except CommandFailed as failure:
            found.append(str(failure))
            continue
        found += [f"{service} logged {line[:LONGEST_QUOTE]}" for line in log.splitlines() if _FAULTS.search(line)][:3]
        if any(secret in log for secret in secrets) or _TOKEN.search(log):
            found.append(f"{service} logged a secret")
    return found
