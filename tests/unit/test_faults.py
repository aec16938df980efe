"""The experiments' own parts: what their people take for a breach, and what the command line refuses."""

import itertools
import sys
from collections import defaultdict
from collections.abc import Mapping

import httpx2
import pytest

from tests.faults.__main__ import StageUnusable, main, warm_up
from tests.faults.doors import Doors
from tests.faults.ledger import Ledger
from tests.faults.people import NotServed, Person
from tests.faults.traffic import Traffic


class Refusing(Doors):
    """A way in that refuses everybody, as a service does whose clock is behind."""

    async def send(self, method: str, path: str, json: object, headers: Mapping[str, str]) -> httpx2.Response:
        """Return 401 with the common body, whatever is asked."""
        del json, headers
        return httpx2.Response(401, json={"error": f"{method} {path}"}, headers={"X-Request-Id": "1"})


@pytest.mark.parametrize(("tolerated", "breaches"), [(frozenset[int](), 1), (frozenset({401}), 0)])
async def test_refusals_are_breaches_unless_the_fault_explains_them(tolerated: frozenset[int], breaches: int) -> None:
    """Somebody who is refused what is theirs was never served, and it is a breach unless it was to be expected."""
    ledger = Ledger(tolerated=tolerated)
    person = Person(Refusing([1]), ledger, id=7)
    with pytest.raises(NotServed):
        await person.read_newest()
    assert (len(ledger.breaches), ledger.failed) == (breaches, 0)


class Reluctant(Doors):
    """A way in that refuses the first requests of each kind, as an overloaded service does, and serves the rest."""

    def __init__(self, refusals: int) -> None:
        super().__init__([1])
        self.left: defaultdict[str, int] = defaultdict(lambda: refusals)
        self.ids = itertools.count(1)

    async def send(self, method: str, path: str, json: object, headers: Mapping[str, str]) -> httpx2.Response:
        """Return 503, or in the end what a sign-up, a sign-in or a write is answered with."""
        del json, headers
        self.left[path] -= 1
        if self.left[path] >= 0:
            return httpx2.Response(503, json={"error": f"{method} {path}"}, headers={"X-Request-Id": "1"})
        answer = {"id": next(self.ids), "accessToken": "a", "refreshToken": "b"}
        return httpx2.Response(200 if path == "/api/login" else 201, json=answer)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let people try again at once, and give up soon."""
    monkeypatch.setattr("tests.faults.traffic.RETRY_PAUSE", 0.01)
    monkeypatch.setattr("tests.faults.traffic.SETTLING", 0.5)


@pytest.mark.usefixtures("at_once")
async def test_who_is_refused_in_the_warm_up_tries_again() -> None:
    """People who meet a service that is still busy are served later, and the run goes on."""
    traffic = Traffic(Reluctant(5), seed=1)
    await traffic.use_at_once(sign_ins=1, writes=6)
    assert traffic.ledger.failed == 10


@pytest.mark.usefixtures("at_once")
async def test_a_warm_up_that_fails_is_one_sentence() -> None:
    """Containers that serve nobody end the run with what was refused, and without a traceback."""
    with pytest.raises(StageUnusable, match=r"before any fault was done: sign up: 503, \d+ times"):
        await warm_up(Traffic(Reluctant(1_000_000), seed=1), seconds=0)


def test_experiments_that_do_not_exist(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A name that no experiment has ends the run at once, rather than in an empty table that holds."""
    monkeypatch.setattr(sys, "argv", ["faults", "kill_servises"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "no such experiment: kill_servises" in capsys.readouterr().err
