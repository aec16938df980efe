"""What the benchmarks make of what the load programs print: figures, ratios, tables. Nothing is measured here."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmarks.checks import read_posts
from benchmarks.figures import Sample, draw_cpu_table, draw_table, find_cpu_ratio, find_ratio
from benchmarks.peer_servers import libpq_environment, list_versions
from benchmarks.pgbench import read_log
from benchmarks.results import draw_connections, draw_costs, draw_memory, draw_sign_ins
from benchmarks.signing_in import ARGON2, WAITING
from benchmarks.wrk import Ask, Load, LoadInvalid, Plan, read_figures, write_plan

FIGURES = {"requests": 5000, "shed": 0, "duration": 2_000_000, "p50": 1500, "p99": 9000, "wrong": 0, "broken": 0}


def print_figures(changes: Mapping[str, int]) -> str:
    """Return what wrk prints with our script."""
    return f"Running 2s test\nFIGURES {json.dumps({**FIGURES, **changes})}\n"


def sample_of(rate: float, *, own_cpu: float = 0.5, upstream_cpu: float = 0.5, shed: int = 0) -> Sample:
    """Return a measurement of two seconds at that rate."""
    return Sample(Load(int(rate * 2), 2.0, 1.5, 9.0, 0.3, shed), own_cpu, upstream_cpu)


def test_figures_of_wrk() -> None:
    """What wrk printed becomes requests per second and milliseconds."""
    load = read_figures(print_figures({"shed": 7}), cpu=0.5)
    assert (load.rate, load.p50, load.p99, load.busy, load.shed) == (2500, 1.5, 9, 0.25, 7)


@pytest.mark.parametrize("fault", [{"wrong": 1}, {"broken": 1}, {"requests": 0}])
def test_load_with_a_mistake(fault: dict[str, int]) -> None:
    """A single wrong answer or broken request, or no request at all, makes a load invalid."""
    with pytest.raises(LoadInvalid):
        read_figures(print_figures(fault), cpu=0.5)


def test_wrk_without_figures() -> None:
    """A load of which wrk printed no figures is invalid."""
    with pytest.raises(LoadInvalid, match="no figures"):
        read_figures("unable to connect", cpu=0.5)


def test_server_that_only_sheds() -> None:
    """A server that sent everybody away, where it may, reached nothing, which is a figure."""
    assert read_figures(print_figures({"requests": 0, "shed": 9}), cpu=0.5).rate == 0


def test_log_of_pgbench() -> None:
    """The statements of all clients are counted, and their latencies ranked."""
    lines = [f"{number % 4} {number} {number * 1000} 0 1764000000 0" for number in range(100, 0, -1)]
    load = read_log(lines, seconds=2, cpu=1)
    assert (load.requests, load.rate, load.p50, load.p99, load.busy) == (100, 50, 50, 99, 0.5)


def test_empty_log_of_pgbench() -> None:
    """No statement at all is no measurement."""
    with pytest.raises(LoadInvalid):
        read_log([], seconds=2, cpu=1)


def test_requests_as_they_are_sent() -> None:
    """A request without content is a GET; one with it is a POST that says how long its JSON is."""
    assert Ask("/a", {"Host": "x"}).wire == b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
    head, _, content = Ask("/a", {"Host": "x"}, content="{}").wire.partition(b"\r\n\r\n")
    assert head.splitlines()[0] == b"POST /a HTTP/1.1"
    assert b"Content-Length: 2" in head.splitlines()
    assert content == b"{}"


def test_plan_keeps_bytes(tmp_path: Path) -> None:
    """No byte of a body can end the Lua text that it stands in."""
    text = write_plan(tmp_path / "plan.lua", Plan([Ask("/", {}, b'"]]\\\n\xff')])).read_text()
    assert r'["\034\093\093\092\010\255"] = true' in text


def test_ratios_are_taken_within_each_round() -> None:
    """A ratio is the median of the rounds' ratios: a round that was slow for both changes nothing."""
    samples = {"ours": [sample_of(200), sample_of(20), sample_of(300)], "theirs": [sample_of(100), sample_of(10)] * 2}
    samples["theirs"].pop()
    assert find_ratio(samples, "ours", "theirs") == 2


def test_ratio_by_cpu_time() -> None:
    """By CPU time a server is as many times better as it needs less for a request, what works for it included."""
    samples = {
        "ours": [sample_of(100, own_cpu=0.1, upstream_cpu=0.1)],
        "theirs": [sample_of(100, own_cpu=0.5, upstream_cpu=0.1)],
    }
    assert find_cpu_ratio(samples, "ours", "theirs") == pytest.approx(3)


def test_core_of_its_own() -> None:
    """The table by CPU time says how many requests a second of CPU pays for."""
    samples = {"a": [sample_of(1000, own_cpu=0.3, upstream_cpu=0.1)]}  # 0.4 s for 2000 requests
    assert draw_cpu_table(samples, ()).splitlines()[-1] == "| a | 200.0 | 5,000 |"


def test_tables_are_whole() -> None:
    """Each row of each table has as many cells as its head."""
    samples = {name: [sample_of(1000), sample_of(2000)] for name in (ARGON2, WAITING)}
    tables = [
        draw_table(samples, (ARGON2,)),
        draw_cpu_table(samples, (ARGON2,)),
        draw_connections({1: samples, 64: samples}),
        draw_costs({1: samples, 64: samples}),
        draw_sign_ins(samples),
        draw_memory({"gateway": (70.2, 80.7)}),
    ]
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_connections_table() -> None:
    """A cell of the table of connections is the median rate with both latencies."""
    table = draw_connections({1: {"a": [sample_of(1000)]}, 64: {"a": [sample_of(2000)]}})
    assert table.splitlines()[-1] == "| a | 1,000 (1.50 / 9.00) | 2,000 (1.50 / 9.00) |"


def test_moments_are_compared_as_moments() -> None:
    """Two spellings of one moment are the same; another moment is not."""
    posts = [
        [{"id": 1, "createdAt": moment, "updatedAt": moment}]
        for moment in ("2026-01-01T12:00:00.120000Z", "2026-01-01T12:00:00.12+00:00", "2026-01-01T12:00:00.121Z")
    ]
    first, same, other = (read_posts(json.dumps(each).encode()) for each in posts)
    assert first == same
    assert first != other


def test_database_of_other_programs() -> None:
    """PostgreSQL's own programs and the peers find the database that the URL names."""
    assert libpq_environment("postgresql://posts:a%20b@/posts?host=%2Frun%2Fx")["PGHOST"] == "/run/x"


def test_versions_of_peers() -> None:
    """The results name the peers' locked versions."""
    assert {"fastapi", "sqlalchemy", "pyjwt", "fastify", "pg"} <= {
        part.split()[0] for part in list_versions().split(", ")
    }
