"""What an operator looks at in containers: the commands of ``docs/operations.md``, and a version that can be told."""

import re

from shared.observing.version import VERSION
from tests.support.containers import Containers
from tests.support.operations_page import section

METRICS = "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:{}/metrics').read().decode())"


def test_how_to_look(containers: Containers) -> None:
    """Each command of the runbook shows what it is there for."""
    expected = {
        "# what runs": "gateway",
        "# the log": "",
        "# what a service lacks": '"status":"ready"',
        "# its metrics": 'gatepost_database_connections_limit{server="primary"} 10.0',
        "# who is connected": "posts_service",
        "# who waits": "blocked_by",
        "# how full": "Use%",
        "# how much memory": "MEM USAGE",
    }
    with section("How to look") as commands:
        for heading, shown in expected.items():
            printed = commands.take(heading).run(containers.root, containers.environment())
            assert shown in printed.replace('": "', '":"'), heading


def test_connections_are_counted(containers: Containers) -> None:
    """The command of the page on capacity shows who has how many connections, and how many there may be."""
    with section("Capacity") as commands:
        printed = commands.take("pg_stat_activity").run(containers.root, containers.environment())
    assert re.search(r"posts_service +\| +\d+ +\| 100\b", printed)
    assert "auth_service" in printed


def test_a_container_tells_its_process_and_its_build(containers: Containers) -> None:
    """Each service shows its release and its process: memory, descriptors, and since when it runs."""
    for service, port in (("gateway", 3100), ("auth_service", 8101), ("posts_service", 8102)):
        shown = containers.execute(service, "python", "-c", METRICS.format(port))
        assert f'version="{VERSION}"' in shown
        assert "\ngatepost_ready 1.0\n" in shown
        names = ("process_resident_memory_bytes", "process_open_fds", "process_max_fds", "process_start_time_seconds")
        assert [name for name in names if f"\n{name} " not in shown] == []
        assert "\ngatepost_event_loop_lag_seconds_count " in shown
