"""``RESULTS.md``: the measurements as text. Pure: figures in, Markdown out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from tests.benchmarks.figures import Sample, Samples, draw_cpu_table, draw_rows, draw_table, find_cpu_ratio, find_ratio
from tests.benchmarks.gateway_tables import Found, draw_aims_through, draw_kind
from tests.benchmarks.kinds import OURS, name_pair
from tests.benchmarks.peer_servers import FASTAPI, FASTIFY
from tests.benchmarks.reading import GATEWAY, ONE_QUERY_EACH, POSTS
from tests.benchmarks.signing_in import ARGON2, CLIENTS, FEW, WAITING, Meanwhile
from tests.benchmarks.start_and_size import Starts
from tests.benchmarks.wrk import Load

YARDSTICKS = (ONE_QUERY_EACH, FASTIFY, FASTAPI)
IDLE_SHARE = 0.95  # of a core; below it, something else worked there

Memory = Mapping[str, tuple[float, float]]
"""MiB of each process at rest, and after the load."""


@dataclass(frozen=True, slots=True)
class Findings:
    """All that was measured."""

    starts: Starts
    memory: Memory
    reads: Samples
    reads_at: Mapping[int, Samples]
    through: Found
    sign_ins: Samples
    meanwhile: Meanwhile


def write_up(findings: Findings, machine: str, effort: str) -> str:
    """Return the whole file."""
    sections = [
        ("What was aimed at", draw_aims(findings)),
        ("Through the gateway, beside what people would use", draw_aims_through(findings.through, name_pair(OURS))),
        (
            "`GET /api/user/{id}`, ten posts, random authors",
            draw_table(findings.reads, (ONE_QUERY_EACH, FASTIFY, FASTAPI)),
        ),
        ("The same by CPU time: on a core of its own", draw_cpu_table(findings.reads, YARDSTICKS)),
        ("The same at other numbers of connections", draw_connections(findings.reads_at)),
        ("CPU time of a request at these", draw_costs(findings.reads_at)),
        *(
            (f"Through the gateway: {kind.title}", draw_kind(kind, samples_at))
            for kind, samples_at in findings.through.items()
        ),
        (f"Signing in, {CLIENTS} clients, all cores", draw_sign_ins(findings.sign_ins)),
        ("Reads meanwhile", draw_meanwhile(findings.meanwhile)),
        ("Start", draw_starts(findings.starts)),
        ("Memory", draw_memory(findings.memory)),
    ]
    head = "# Results\n\nWritten by `make bench`; README.md says what is measured and how to read it."
    through = [samples for samples_at in findings.through.values() for samples in samples_at.values()]
    remark = _describe_disturbance([findings.reads, *through])
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections)
    return f"{head}\n\n{machine}\n\n{effort} {remark}\n\n{body}\n"


def draw_aims(findings: Findings) -> str:
    """Return the aims of the design beside what was reached, by rate and by CPU time."""
    reads = findings.reads
    rows = [
        ("posts service, x one query for each list", "2", *_ratios(reads, POSTS, ONE_QUERY_EACH)),
        ("posts service, x Fastify", "2.5", *_ratios(reads, POSTS, FASTIFY)),
        ("posts service, x FastAPI + SQLAlchemy", "12", *_ratios(reads, POSTS, FASTAPI)),
        ("through the gateway, x without", "0.7", *_ratios(reads, GATEWAY, POSTS)),
        (f"sign-in, {CLIENTS} clients, x argon2 alone", "0.9", *_ratios(findings.sign_ins, WAITING, ARGON2)),
        ("sign-in, as many clients as may wait, x the same", "", *_ratios(findings.sign_ins, FEW, ARGON2)),
        ("seconds to the first answer, first start", "< 5", f"{findings.starts.first:.1f}", ""),
        ("MiB of our largest process at rest", "< 90", f"{_find_largest(findings.memory):.0f}", ""),
    ]
    return draw_rows(["", "aim", "reached", "by CPU time"], rows)


def draw_connections(samples_at: Mapping[int, Samples]) -> str:
    """Return requests per second, and p50 and p99 in milliseconds, for each number of connections."""
    names = next(iter(samples_at.values()))
    rows = [(name, *(_describe_loads(samples[name]) for samples in samples_at.values())) for name in names]
    return draw_rows(["requests/s (p50 / p99 ms)", *(str(connections) for connections in samples_at)], rows)


def draw_costs(samples_at: Mapping[int, Samples]) -> str:
    """Return the microseconds of CPU, upstream included, that a request costs, for each number of connections."""
    names = next(iter(samples_at.values()))
    rows = [
        (name, *(f"{median(sample.cost for sample in samples[name]):.0f}" for samples in samples_at.values()))
        for name in names
    ]
    return draw_rows(["CPU us", *(str(connections) for connections in samples_at)], rows)


def draw_sign_ins(samples: Samples) -> str:
    """Return how many signed in each second, and how many were sent away."""
    rows = [
        (
            name,
            f"{median(sample.load.rate for sample in mine):.1f}",
            f"{min(sample.load.rate for sample in mine):.1f} to {max(sample.load.rate for sample in mine):.1f}",
            f"{find_ratio(samples, name, ARGON2):.2f}",
            f"{median(sample.own_cost for sample in mine) / 1000:.1f}",
            f"{median(sample.upstream_cost for sample in mine) / 1000:.1f}",
            f"{median(sample.load.shed / sample.load.seconds for sample in mine):.0f}",
            f"{median(sample.load.p50 for sample in mine):.0f}",
            f"{median(sample.load.p99 for sample in mine):.0f}",
        )
        for name, mine in samples.items()
    ]
    head = ["", "hashes or sign-ins/s", "spread", f"x {ARGON2}", "own CPU ms", "database CPU ms", "503/s", "p50 ms"]
    return draw_rows([*head, "p99 ms"], rows)


def draw_meanwhile(found: Meanwhile) -> str:
    """Return what readers got with and without sign-ins beside them."""
    signed_in = median(load.rate for load in found.sign_ins)
    rows = [
        ("nobody signs in", *_describe_load(found.alone), ""),
        (f"{CLIENTS} clients sign in", *_describe_load(found.disturbed), f"{signed_in:.1f}"),
    ]
    return draw_rows(["", "reads/s", "p50 ms", "p99 ms", "sign-ins/s"], rows)


def draw_starts(starts: Starts) -> str:
    """Return the seconds to the first answer."""
    again = f"{median(starts.again):.2f}"
    rows = [("a fresh clone: no data, nothing compiled", f"{starts.first:.2f}"), ("started again", again)]
    return draw_rows(["`make run`, dependencies installed", "seconds to the first answer"], rows)


def draw_memory(memory: Memory) -> str:
    """Return what each process has in RAM."""
    rows = [(name, f"{rest:.0f}", f"{after:.0f}") for name, (rest, after) in memory.items()]
    return draw_rows(["process", "MiB at rest", "MiB after the load"], rows)


def _find_largest(memory: Memory) -> float:
    return max(rest for name, (rest, _) in memory.items() if name not in (FASTAPI, FASTIFY))


def _ratios(samples: Samples, name: str, yardstick: str) -> tuple[str, str]:
    return f"{find_ratio(samples, name, yardstick):.2f}", f"{find_cpu_ratio(samples, name, yardstick):.2f}"


def _describe_loads(samples: Sequence[Sample]) -> str:
    rate, p50, p99 = _describe_load([sample.load for sample in samples])
    return f"{rate} ({p50} / {p99})"


def _describe_load(loads: Sequence[Load]) -> tuple[str, str, str]:
    rate, p50, p99 = (
        median(figures) for figures in zip(*((load.rate, load.p50, load.p99) for load in loads), strict=True)
    )
    return f"{rate:,.0f}", f"{p50:.2f}", f"{p99:.2f}"


def _describe_disturbance(measured: Iterable[Samples]) -> str:
    """Say how much of the servers' core was left to them: load never rests, so the rest was somebody else's."""
    shares = [sample.busy for samples in measured for mine in samples.values() for sample in mine]
    calm = sum(share >= IDLE_SHARE for share in shares)
    return (
        f"The servers had {min(shares):.0%} to {max(shares):.0%} of their core, {IDLE_SHARE:.0%} or more in {calm} of "
        f"{len(shares)} measurements. What is missing to 100 % went to others on this machine, or to waiting for the "
        "disk where something is written. Rates and latencies suffer from it, ratios less, CPU times least."
    )
