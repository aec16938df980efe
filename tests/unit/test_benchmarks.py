"""What the benchmarks make of what the load programs print: figures, ratios, tables. Nothing is measured here."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.benchmarks.browsers import Browser
from tests.benchmarks.checks import check_size, read_posts
from tests.benchmarks.constant_app import CREATED
from tests.benchmarks.figures import Sample, draw_cpu_table, draw_table, find_cpu_ratio, find_own_cpu_ratio, find_ratio
from tests.benchmarks.gateway_contenders import forge_token
from tests.benchmarks.gateway_tables import Found, draw_aims_through, draw_beside, draw_kind
from tests.benchmarks.kinds import CONSTANT, KINDS, OURS, READ, WRITE, name_pair
from tests.benchmarks.peer_servers import libpq_environment, list_versions
from tests.benchmarks.pgbench import read_log
from tests.benchmarks.reset_times import compare
from tests.benchmarks.results import draw_connections, draw_costs, draw_memory, draw_sign_ins
from tests.benchmarks.signing_in import ARGON2, WAITING
from tests.benchmarks.upstreams import Keys, service_environment, sign_tokens
from tests.benchmarks.wrk import MARK, Ask, Load, LoadInvalid, Plan, read_figures, write_plan

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


def test_plan_leaves_out_what_it_does_not_name(tmp_path: Path) -> None:
    """A plan without a part of the body, a mark or cookies leaves them out, which is Lua's nil."""
    text = write_plan(tmp_path / "plan.lua", Plan([Ask("/", {})])).read_text()
    assert not [name for name in ("part", "mark", "cookies") if name in text]


def test_browsers_send_a_cookie_in_place_of_the_mark(tmp_path: Path) -> None:
    """A browser's request has all of its cookies, and the mark where its newest session is put."""
    ask = Browser("session=a", ("csrf=b",)).ask_for_session(MARK)
    assert ask.headers["Cookie"] == f"csrf=b; {MARK}"
    text = write_plan(tmp_path / "plan.lua", Plan([ask], mark=MARK, cookies=["session=a"])).read_text()
    assert r'cookies = {"session\061a"}' in text


def test_forged_tokens_are_told_apart() -> None:
    """A forged token has the content and the length of a good one, and where its signature begins a mark, once."""
    token = sign_tokens(Keys())[0]
    forged = forge_token(token)
    assert forged.rpartition(".")[0] == token.rpartition(".")[0]
    assert len(forged) == len(token)
    assert forged.count(MARK) == 1


def test_services_log_as_they_start() -> None:
    """A service that logs requests is told nothing about logs; one that does not is told WARNING."""
    assert not {"LOG_LEVEL", "LOG_FORMAT"} & set(service_environment(Keys(), 1, 2, logs_requests=True))
    assert service_environment(Keys(), 1, 2)["LOG_LEVEL"] == "WARNING"


def test_bodies_of_one_size() -> None:
    """Nobody is measured who sends a noticeably shorter or longer body than the others."""
    check_size("a", len(CREATED) - 5, len(CREATED))
    for size in (len(CREATED) - 20, len(CREATED) + 20):
        with pytest.raises(LoadInvalid):
            check_size("a", size, len(CREATED))


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


def test_ratio_of_own_cpu_time() -> None:
    """A server's own CPU time is compared with the yardstick's own, whatever works behind them."""
    samples = {
        "ours": [sample_of(100, own_cpu=0.3, upstream_cpu=0.5)],
        "theirs": [sample_of(100, own_cpu=0.1, upstream_cpu=0)],
    }
    assert find_own_cpu_ratio(samples, "ours", "theirs") == pytest.approx(3)


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


def find_through(*labels: str) -> Found:
    """Return what was measured with each kind at two numbers of connections, of both sides of these trees."""
    names = [name for label in labels for name in name_pair(label)]
    return {
        kind: {number: {name: [sample_of(1000)] for name in (*names, *kind.peers)} for number in (32, 64)}
        for kind in KINDS
    }


def test_aims_through_the_gateway() -> None:
    """Each kind has a line for each number of connections, with what each side reached: by rate, or by CPU time."""
    found = {kind: each for kind, each in find_through(OURS).items() if kind in (READ, WRITE)}
    lines = draw_aims_through(found, name_pair(OURS)).splitlines()[2:]
    assert [line.count("|") for line in lines] == [6] * 4
    assert "| 64 | >= 2.5 | 1.00 (1.00 by CPU time) |" in lines[1]
    assert lines[3] == f"| `POST /api/posts`, own CPU time: x {CONSTANT} | 64 | <= 2.7 | 1.00 | 1.00 |"


def test_one_tree_beside_another() -> None:
    """Of each side the rate is a multiple of the other tree's, and the CPU times stand after the other's."""
    found = find_through(OURS, "old")
    found[READ][32][name_pair("old")[0]] = [sample_of(500, own_cpu=0.1, upstream_cpu=0.05)]
    line = draw_beside(found, name_pair(OURS), name_pair("old")).splitlines()[2]
    assert line == f"| {READ.title} | 32 | x 2.00 | 100 -> 250 | 50 -> 250 | x 1.00 | 250 -> 250 | 250 -> 250 |"


def test_tables_through_the_gateway_are_whole() -> None:
    """Each row of each of these tables has as many cells as its head, with and without another tree."""
    found, other = find_through(OURS, "old"), name_pair("old")
    tables = [
        draw_aims_through(found, name_pair(OURS)),
        draw_beside(found, name_pair(OURS), other),
        *(draw_kind(kind, each, others) for kind, each in found.items() for others in ((), other)),
    ]
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1


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
    assert {"fastapi", "sqlalchemy", "pyjwt", "fastify", "pg", "next", "next-auth"} <= {
        part.split()[0] for part in list_versions().split(", ")
    }


@pytest.mark.parametrize(
    ("longer", "other", "share", "chance"),
    [
        ([3.0, 4.0, 5.0], [0.0, 1.0, 2.0], 1.0, 0.0495),
        ([0.0, 3.0, 4.0, 7.0], [1.0, 2.0, 5.0, 6.0], 0.5, 1.0),
        ([0.0, 1.0], [2.0, 3.0, 4.0], 0.0, 0.0833),
    ],
)
def test_how_well_times_are_told_apart(longer: list[float], other: list[float], share: float, chance: float) -> None:
    """The share of pairs in which the first is longer, and how likely it is by chance (Mann and Whitney's U)."""
    assert compare(longer, other) == pytest.approx((share, chance), abs=0.001)
