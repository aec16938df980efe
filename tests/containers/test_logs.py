"""A request is found in the logs of all services by its id, as ``docs/operations.md`` says."""

import re

from tests.support.operations_page import section
from tests.support.production import Production

SAMPLE = "de03b871cb0046db3a19ad236f0a07d6"  # of the page


def test_a_request_is_found(production: Production) -> None:
    """Its id, which the client has, is in a line of each service that had to do with it; and refusals are found."""
    with section("Logs") as commands:
        printed = production.run(commands.take("curl"))
        (request_id,) = re.findall(r"[0-9a-f]{32}", printed)
        for command in commands.take_all():
            production.run(command, {SAMPLE: request_id})
