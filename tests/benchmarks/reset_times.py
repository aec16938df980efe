"""Whether the time of asking for a new password tells who has an account: known and unknown addresses, interleaved.

``python -m tests.benchmarks.reset_times [--addresses 300]`` asks once for each address, and types a wrong code for it.
*Told apart* is the chance that of a known and an unknown address the known one took longer (Mann and Whitney's U,
divided by the number of pairs): 0.5 tells nothing, and ``p`` is how likely so great a distance from it is by chance.
The auth service runs as its own process on an embedded PostgreSQL, with mail and a server for it that takes none;
requests go one after the other over one kept connection.
"""

import argparse
import http.client
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import NormalDist, median, quantiles

from tests.benchmarks.processes import LOAD_CORE, ServerFailed, on_core
from tests.benchmarks.sign_in_times import AuthService, running_alone
from tests.support.letters import WITH_MAIL

FAR = "1000000"
SETTINGS = {
    **{name.upper(): str(value) for name, value in WITH_MAIL.items()},
    **dict.fromkeys(("LETTERS_PER_HOUR", "LETTERS_PER_DAY", "LETTERS_PER_CLIENT"), FAR),
    **dict.fromkeys(("SIGN_UPS_PER_HOUR", "SIGN_IN_FAILURES_PER_ADDRESS"), FAR),
}
PASSWORD = "correct horse battery"
WRONG_CODE = "7K3F-9QXM"
WARM_UP = 20  # addresses of each kind that are not counted
KINDS = ("known", "other")  # as long: what is compared is not the length


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds, by kind of address."""

    known: list[float] = field(default_factory=list)
    other: list[float] = field(default_factory=list)

    def of(self, kind: str) -> list[float]:
        """Return those of a kind."""
        return self.known if kind == KINDS[0] else self.other


def main() -> None:
    """Run the benchmark of the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.reset_times", description="Time resets.")
    parser.add_argument("--addresses", type=int, default=300, help="of each kind (300)")
    addresses = parser.parse_args().addresses
    try:
        asked, confirmed = _measure(addresses)
    except ServerFailed as error:
        sys.exit(str(error))
    head = ("request", "known, median ms", "unknown", "known, p95 ms", "unknown", "told apart", "p")
    sys.stdout.write(f"| {' | '.join(head)} |\n|---|---:|---:|---:|---:|---:|---:|\n")
    for name, times in (("asked (202)", asked), ("wrong code (400)", confirmed)):
        share, chance = compare(times.known, times.other)
        middle = [f"{median(each) * 1000:.2f}" for each in (times.known, times.other)]
        slow = [f"{quantiles(each, n=20)[-1] * 1000:.2f}" for each in (times.known, times.other)]
        sys.stdout.write(f"| {' | '.join((name, *middle, *slow, f'{share:.3f}', f'{chance:.2f}'))} |\n")


def compare(longer: Sequence[float], other: Sequence[float]) -> tuple[float, float]:
    """Return how often one of the first is longer than one of the others, and how likely that is by chance.

    By Mann and Whitney's U and its normal approximation, without ties: no two times are equal.
    """
    pairs = len(longer) * len(other)
    ranks = {time: rank for rank, time in enumerate(sorted((*longer, *other)), 1)}
    wins = sum(ranks[time] for time in longer) - len(longer) * (len(longer) + 1) / 2
    spread = (pairs * (len(longer) + len(other) + 1) / 12) ** 0.5
    return wins / pairs, 2 * (1 - NormalDist().cdf(abs(wins - pairs / 2) / spread))


def _measure(addresses: int) -> tuple[Times, Times]:
    """Return how long it took to ask, and to type a wrong code."""
    asked, confirmed = Times(), Times()
    numbers = range(WARM_UP + addresses)
    with (
        on_core(LOAD_CORE),
        tempfile.TemporaryDirectory(prefix="gatepost-bench-") as directory,
        running_alone(Path(directory), SETTINGS) as service,
    ):
        for number in numbers:
            _sign_up(service, f"known{number:04}@example.com")
        for number, kind in ((number, kind) for number in numbers for kind in random.sample(KINDS, len(KINDS))):
            spent = _time_address(service.connection, f"{kind}{number:04}@example.com")
            if number >= WARM_UP:
                asked.of(kind).append(spent[0])
                confirmed.of(kind).append(spent[1])
    return asked, confirmed


def _sign_up(service: AuthService, email: str) -> None:
    if service.post("/api/user", {"name": "Ada", "email": email, "password": PASSWORD}) != http.HTTPStatus.CREATED:
        raise ServerFailed("the auth service signs nobody up")


def _time_address(connection: http.client.HTTPConnection, email: str) -> tuple[float, float]:
    """Return the seconds of asking for a code, and of typing a wrong one with the cookie that came with the answer."""
    status, asked, cookie = _post(connection, "/api/password-reset", {"email": email}, "")
    body = {"email": email, "code": WRONG_CODE, "password": PASSWORD}
    refused, confirmed, _ = _post(connection, "/api/password-reset/confirm", body, cookie)
    if (status, refused) != (http.HTTPStatus.ACCEPTED, http.HTTPStatus.BAD_REQUEST):
        raise ServerFailed(f"the auth service answers with {status} and {refused}")
    return asked, confirmed


def _post(
    connection: http.client.HTTPConnection, path: str, body: dict[str, str], cookie: str
) -> tuple[int, float, str]:
    """Return an answer's status, the seconds until it was read to its end, and its cookie."""
    begun = time.perf_counter()
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json", "Cookie": cookie})
    answer = connection.getresponse()
    answer.read()
    spent = time.perf_counter() - begun
    return answer.status, spent, (answer.getheader("set-cookie") or "").partition(";")[0]


if __name__ == "__main__":
    main()
